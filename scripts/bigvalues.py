"""The values of `scripts/fill --data big`: every type with one value, or more, of some hundred KB to a few MB."""

import random
import struct

CHUNK = 500
ENTRIES = """
for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  redis.call('XADD', KEYS[1], string.format('%d-%d', 1000 + math.floor(i / 3), i % 3 + 1), 'number', i, 'text', ARGV[3])
end
"""
SCORES = [0.1, 1 / 3, -1.5, 5e-324, 1.7976931348623157e308, 1e21, 2**53 + 2, -(2**63)]


def big_commands(seed, now, field_expiry=False):
    """Yields (key, command), as `awkward_commands` does."""
    generator = random.Random("big %d" % seed)
    raw = generator.randbytes

    def chunks(name, key, elements):
        for start in range(0, len(elements), CHUNK):
            yield key, (name, key, *elements[start : start + CHUNK])

    for index in range(50):
        yield b"small:%d" % index, ("SET", b"small:%d" % index, b"value %d" % index)

    yield b"big:string", ("SET", b"big:string", raw(3_000_000))
    yield b"big:string:compressed", ("SET", b"big:string:compressed", b"0123456789" * 400_000, "PXAT", now + 86_400_000)
    yield from chunks("RPUSH", b"big:list", [b"%d" % n if n % 3 else raw(n % 60) for n in range(40_000)])
    yield b"big:list:few", ("RPUSH", b"big:list:few", raw(400_000), b"", b"x", raw(70_000), raw(70_000))
    yield from chunks("SADD", b"big:set", [b"member %d" % n for n in range(40_000)])
    yield from chunks("SADD", b"big:intset", [n * 3 - 20_000 for n in range(40_000)])

    scored = []
    for index in range(20_000):
        scored += [repr(generator.choice([generator.random(), float(index), *SCORES])), b"member %d" % index]
    yield from chunks("ZADD", b"big:zset", scored)
    yield b"big:zset", ("ZADD", b"big:zset", "-0", b"negative zero", "0", b"zero", "inf", b"inf", "-inf", b"-inf")

    fields = []
    for index in range(20_000):
        fields += [b"field %d" % index, struct.pack(">d", index / 7)]
    for key in [b"big:hash", b"{big:hash}:expiring"]:
        yield from chunks("HSET", key, fields)
    yield b"big:hash", ("PEXPIREAT", b"big:hash", now + 12_345_678_901)
    if field_expiry:
        for index in range(0, 5000, CHUNK):
            names = [b"field %d" % n for n in range(index, index + CHUNK)]
            key = b"{big:hash}:expiring"
            yield key, ("HPEXPIREAT", key, now + 10_000_000 + index, "FIELDS", CHUNK, *names)

    key = b"big:stream"
    for start in range(0, 20_000, 5_000):
        yield key, ("EVAL", ENTRIES, 1, key, start, start + 4_999, raw(20))
    yield key, ("XGROUP", "CREATE", key, "behind", "0")
    yield key, ("XGROUP", "CREATE", key, "in the middle", "1500-1")
    yield key, ("XGROUP", "CREATE", key, "done", "$")
    yield key, ("XREADGROUP", "GROUP", "behind", "first", "COUNT", 300, "STREAMS", key, ">")
    yield key, ("XREADGROUP", "GROUP", "behind", "second", "COUNT", 100, "STREAMS", key, ">")
    yield key, ("XCLAIM", key, "behind", "second", 0, "1005-1")
    yield key, ("XDEL", key, "4000-1", "4001-2", "7666-2")
