"""The data sets: filled into a real Redis once, then kept as an RDB file and as pre-encoded RESTORE commands."""

import json
import os
import random
import time

from .servers import Server

SOURCE = "redis-7.0.15"
DAY = 86400
# Remade when a key would expire sooner than this: absolute expiries grow old with the file.
SPARE = 2 * DAY

STRINGS = """
for i = tonumber(ARGV[1]), tonumber(ARGV[2]) - 1 do
    local key = string.format('key:%016d', i)
    local value = string.sub(redis.sha1hex(i), 1, 32)
    if i % 5 == 0 then
        redis.call('SET', key, value, 'PXAT', string.format('%.0f', ARGV[3] + (i % 2592000) * 1000))
    else
        redis.call('SET', key, value)
    end
end
"""

MIXED = """
for i = tonumber(ARGV[1]), tonumber(ARGV[2]) - 1 do
    local kind, arguments = i % 6, {}
    local word = redis.sha1hex(i)
    local function add(a, b)
        arguments[#arguments + 1] = a
        if b then arguments[#arguments + 1] = b end
    end
    if kind == 0 then
        redis.call('SET', 'string:' .. i, word)
    elseif kind == 1 then
        for n = 1, 10 do add('field:' .. n, word .. n) end
        redis.call('HSET', 'hash:' .. i, unpack(arguments))
    elseif kind == 2 then
        for n = 1, 10 do add('element:' .. n .. ':' .. word) end
        redis.call('RPUSH', 'list:' .. i, unpack(arguments))
    elseif kind == 3 then
        for n = 1, 10 do add('member:' .. n .. ':' .. i) end
        redis.call('SADD', 'set:' .. i, unpack(arguments))
    elseif kind == 4 then
        for n = 1, 20 do add((i * 7919 + n * 104729) % 1000000 / 8, 'member:' .. n .. ':' .. i) end
        redis.call('ZADD', 'zset:' .. i, unpack(arguments))
    else
        for n = 1, 10 do
            redis.call('XADD', 'stream:' .. i, (1700000000000 + n * 1000) .. '-' .. 0, 'event', n, 'value', word)
        end
    end
end
"""

HASHES = """
for i = tonumber(ARGV[1]), tonumber(ARGV[2]) - 1 do
    local seed = redis.sha1hex(i)
    for first = 0, 4999, 1000 do
        local arguments = {}
        for n = first, first + 999 do
            arguments[#arguments + 1] = string.format('field:%04d', n)
            arguments[#arguments + 1] = seed .. n
        end
        redis.call('HSET', 'hash:' .. i, unpack(arguments))
    end
end
"""

# One page of SCAN as RESTORE commands. The server writes them itself: Python would take minutes.
ENCODE = """
local page = redis.call('SCAN', ARGV[1], 'COUNT', ARGV[2])
local pieces, first = {}, 0
for _, key in ipairs(page[2]) do
    local value, expiry = redis.call('DUMP', key), redis.call('PEXPIRETIME', key)
    if expiry < 0 then expiry = 0 end
    expiry = string.format('%.0f', expiry)
    if expiry ~= '0' and (first == 0 or tonumber(expiry) < first) then first = tonumber(expiry) end
    pieces[#pieces + 1] = '*5\\r\\n$7\\r\\nRESTORE\\r\\n$' .. #key .. '\\r\\n' .. key
        .. '\\r\\n$' .. #expiry .. '\\r\\n' .. expiry
        .. '\\r\\n$' .. #value .. '\\r\\n' .. value .. '\\r\\n$6\\r\\nABSTTL\\r\\n'
end
return {page[1], #page[2], table.concat(pieces), string.format('%.0f', first)}
"""


class DataSet:
    """One data set on disk: `rdb` and `resp` are its files, `keys` and `expiring` what is in it."""

    def __init__(self, folder, name):
        self.name = name
        self.rdb = os.path.join(folder, name + ".rdb")
        self.resp = os.path.join(folder, name + ".resp")
        self.facts_file = os.path.join(folder, name + ".json")

    def load(self):
        """Reads what is known of the files; False when they are missing or their keys are about to expire."""
        try:
            with open(self.facts_file) as file:
                facts = json.load(file)
        except FileNotFoundError:
            return False
        self.keys = facts["keys"]
        expiry = facts["first_expiry"]
        return os.path.exists(self.rdb) and os.path.exists(self.resp) and (not expiry or expiry > time.time() + SPARE)


def fill_strings(client, keys):
    """`keys` strings: 20-byte keys, 32-byte values, every fifth with an expiry 30 to 60 days ahead."""
    expiry = int(time.time() + 30 * DAY) * 1000
    _in_chunks(client, STRINGS, keys, 20000, expiry)


def fill_mixed(client, keys):
    """`keys` keys, a sixth each: strings, hashes, lists, sets and streams of 10, sorted sets of 20."""
    _in_chunks(client, MIXED, keys, 2000)


def fill_large(client, keys):
    """`keys` keys: half strings of 100 KB that do not compress, half hashes of 5,000 fields."""
    generator = random.Random(20)
    for index in range(keys - keys // 2):
        client.call("SET", f"large:{index}", generator.randbytes(100_000))
    _in_chunks(client, HASHES, keys // 2, 20)


# Name → (how to fill it, keys at scale 1). K is what goes into the cluster.
DATA_SETS = {
    "A": (fill_strings, 2_000_000),
    "B": (fill_mixed, 400_000),
    "C": (fill_large, 2_000),
    "K": (fill_strings, 200_000),
}


def prepare(servers, folder, name, scale, say):
    """The data set, made now if it was not made before."""
    if scale != 1:
        folder = os.path.join(folder, f"scale-{scale:g}")
    os.makedirs(folder, exist_ok=True)
    data = DataSet(folder, name)
    if not data.load():
        fill, keys = DATA_SETS[name]
        _make(servers, data, fill, max(6, round(keys * scale)), say)
        data.load()
    return data


def _make(servers, data, fill, keys, say):
    say(f"making data set {data.name}: {keys:,} keys")
    options = ["--dbfilename", "dump.rdb"]
    with Server(servers, SOURCE, options) as server, server.client() as client:
        fill(client, keys)
        count = client.call("DBSIZE")
        if count != keys:
            raise AssertionError(f"data set {data.name} holds {count} keys, not {keys}")
        client.call("SAVE")
        # Through a temporary name: what an interrupted run left is never taken for whole.
        _copy(os.path.join(server.folder, "dump.rdb"), data.rdb)
        first_expiry = _encode(client, data, count)
    with open(data.facts_file, "w") as file:
        json.dump({"keys": count, "first_expiry": first_expiry}, file)


def _encode(client, data, keys):
    """Writes every key as a RESTORE command, and returns the earliest expiry in seconds, 0 if there is none."""
    script = client.call("SCRIPT", "LOAD", ENCODE)
    cursor, count, earliest = b"0", 0, 0
    # Pages by bytes in mind: a reply stays under some tens of megabytes for the large data set too.
    page = 100 if data.name == "C" else 5000
    with open(data.resp + ".part", "wb") as file:
        while True:
            cursor, keys_here, commands, first = client.call("EVALSHA", script, 0, cursor, page)
            file.write(commands)
            count += keys_here
            first = int(first) / 1000
            if first and (not earliest or first < earliest):
                earliest = first
            if cursor == b"0":
                break
    if count != keys:
        raise AssertionError(f"data set {data.name}: {count} commands for {keys} keys")
    os.replace(data.resp + ".part", data.resp)
    return earliest


def _in_chunks(client, script, keys, chunk, *arguments):
    digest = client.call("SCRIPT", "LOAD", script)
    for first in range(0, keys, chunk):
        client.call("EVALSHA", digest, 0, first, min(first + chunk, keys), *arguments)


def _copy(source, target):
    with open(source, "rb") as reader, open(target + ".part", "wb") as writer:
        while block := reader.read(1 << 20):
            writer.write(block)
    os.replace(target + ".part", target)
