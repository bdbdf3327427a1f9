"""The awkward cases of `scripts/fill --data demo`: every type, encoding and boundary that a copy can get wrong."""

import random

LIBRARY = b"""#!lua name=backfill_demo
redis.register_function('backfill_demo_echo', function(keys, args) return args[1] end)
"""

INTEGERS = [0, 1, -1, 9, 10, 127, 128, -128, -129, 255, 256, 32767, 32768, -32768, -32769, 2**23, 2**31 - 1, 2**31,
            -(2**31), -(2**31) - 1, 2**53, 2**63 - 1, -(2**63)]
LOOKS_LIKE_A_NUMBER = [b"", b" ", b"0x10", b"007", b"+1", b"-0", b"1.0", b"1e5", b"nan", b"inf", b"9223372036854775808",
                       b"-9223372036854775809", b"\r\n", b"\x00", b"$-1\r\n", b"nil", b"(nil)"]
KEYS = [b"", b" ", b"\x00", b"\xff\xfe\x00\x01", b"with space", b"line\r\nbreak", "Schlüssel-🔑".encode(), b"{", b"}",
        b"{}", b"{}empty-tag", b"{tag}", b"{tag}:1", b"x{tag}:2", b"{a}{b}", b"{{c}}", b"*", b"?[a-z]", b"\\", b'"', b"'",
        b"backfill:of-the-user", b"k" * 1000]
LENGTHS = [1, 11, 12, 20, 21, 43, 44, 45, 63, 64, 65, 4095, 4096, 16383, 16384, 65535, 65536]


def awkward_commands(seed, now, field_expiry=False):
    """Yields (key, command); key None means every node. Deterministic for a seed and a time."""
    generator = random.Random("awkward %d" % seed)
    raw = generator.randbytes

    def command(name, key, *arguments):
        return key, (name, key, *arguments)

    for index, key in enumerate(KEYS):
        yield command("SET", key, b"value of key %d" % index)
    for integer in INTEGERS:
        yield command("SET", b"integer:%d" % integer, integer)
    for index, value in enumerate(LOOKS_LIKE_A_NUMBER):
        yield command("SET", b"looks:%d" % index, value)
    for length in LENGTHS:
        yield command("SET", b"length:%d:repeating" % length, b"a" * length)
        yield command("SET", b"length:%d:random" % length, raw(length))
    yield command("SET", b"big:repeating", b"0123456789" * 100_000)
    yield command("SET", b"big:random", raw(300_000))
    yield command("SETBIT", b"bitmap", 100_003, 1)
    yield command("PFADD", b"hyperloglog", *[b"element %d" % n for n in range(500)])
    yield command("GEOADD", b"geo", "13.361389", "38.115556", "Palermo", "15.087269", "37.502669", "Catania")

    # expiries: an hour, an odd millisecond, years
    for index, away in enumerate([3_600_000, 86_400_001, 12_345_678_901, 3_000_000_000_000]):
        yield command("SET", b"expiry:string:%d" % index, b"value", "PXAT", now + away)
        yield command("RPUSH", b"expiry:list:%d" % index, b"value")
        yield command("PEXPIREAT", b"expiry:list:%d" % index, now + away)

    yield from lists(command, raw)
    yield from sets(command, raw)
    yield from hashes(command, raw, now, field_expiry)
    yield from sorted_sets(command, raw)
    yield from streams(command, raw, now)
    yield None, ("FUNCTION", "LOAD", "REPLACE", LIBRARY)


def lists(command, raw):
    yield command("RPUSH", b"list:empty element", b"")
    yield command("RPUSH", b"list:integers", *INTEGERS)
    yield command("RPUSH", b"list:odd", *LOOKS_LIKE_A_NUMBER)
    yield command("RPUSH", b"list:one large", raw(20_000))
    yield command("RPUSH", b"list:plain node", raw(100), raw(200_000), raw(100))
    for start in range(0, 5000, 500):
        yield command("RPUSH", b"list:5000", *[b"element %d" % n for n in range(start, start + 500)])


def sets(command, raw):
    yield command("SADD", b"set:intset 16", 1, 2, -3, 32767)
    yield command("SADD", b"set:intset 32", 1, 2, -3, 2**31 - 1)
    yield command("SADD", b"set:intset 64", *INTEGERS)
    yield command("SADD", b"set:integers beyond an intset", *range(1000))
    yield command("SADD", b"set:small", b"", b"a", b"1", raw(60))
    yield command("SADD", b"set:large member", raw(70), raw(10_000))
    yield command("SADD", b"set:1000", *[b"member %d" % n for n in range(1000)])


def hashes(command, raw, now, field_expiry):
    yield command("HSET", b"hash:empty", b"", b"")
    yield command("HSET", b"hash:odd", *[item for value in LOOKS_LIKE_A_NUMBER for item in (value, value)])
    yield command("HSET", b"hash:long value", b"field", raw(65))
    yield command("HSET", b"hash:long field", raw(65), b"")
    pairs = [item for n in range(600) for item in (b"field %d" % n, raw(20))]
    yield command("HSET", b"hash:600", *pairs)
    yield command("HSET", b"hash:128", *pairs[:256])
    yield command("HSET", b"hash:129", *pairs[:258])
    if field_expiry:
        for name, count in ((b"hash:fields expire", 20), (b"hash:600 fields expire", 1200)):
            yield command("HSET", name, *pairs[: count * 2] if count == 20 else pairs)
            yield command("HPEXPIREAT", name, now + 86_400_000, "FIELDS", 2, b"field 1", b"field 3")


def sorted_sets(command, raw):
    scores = [b"-inf", b"inf", b"0", b"-0", b"0.1", b"-0.1", b"1e308", b"-1.7976931348623157e308", b"5e-324", b"1e-10",
              b"3.0000000000000004", b"9007199254740993", b"17", b"17", b"3.14159265358979"]
    yield command("ZADD", b"zset:scores", *[item for n, s in enumerate(scores) for item in (s, b"member %d" % n)])
    yield command("ZADD", b"zset:empty member", "1.5", b"")
    yield command("ZADD", b"zset:integers", *[item for n, i in enumerate(INTEGERS) for item in (n, i)])
    yield command("ZADD", b"zset:same score", *[item for n in range(100) for item in (1, raw(8))])
    yield command("ZADD", b"zset:long member", 1, raw(65))
    yield command("ZADD", b"zset:1000", *[item for n in range(1000) for item in ("%.17g" % (n / 7), b"member %d" % n)])


def streams(command, raw, now):
    def add(key, milliseconds, sequence, *fields):
        return command("XADD", key, b"%d-%d" % (milliseconds, sequence), *fields)

    key = b"stream:emptied"
    yield add(key, 5, 1, b"a", b"b")
    yield command("XDEL", key, b"5-1")

    key = b"stream:of nothing but groups"
    yield key, ("XGROUP", "CREATE", key, "group", "$", "MKSTREAM")

    key = b"stream:different fields"
    for n in range(1, 30):
        yield add(key, n, n, *[item for f in range(n % 4 + 1) for item in (b"f%d" % f, raw(n))])
    yield add(key, 2**63, 0, b"", b"")

    key = b"stream:1000"
    for n in range(1, 1001):
        yield add(key, 1_700_000_000_000 + n, 0, b"n", n)
    yield command("XDEL", key, *[b"%d-0" % (1_700_000_000_000 + n) for n in range(10, 1000, 7)])
    yield command("XTRIM", key, "MAXLEN", 700)
    for group, start in ((b"all", b"0"), (b"none", b"$"), (b"\x00binary\xff", b"1700000000500-0")):
        yield key, ("XGROUP", "CREATE", key, group, start)
    for consumer, count in ((b"alice", 50), (b"bob", 7), (b"", 1)):
        yield key, ("XREADGROUP", "GROUP", b"all", consumer, "COUNT", count, "STREAMS", key, ">")
    yield key, ("XGROUP", "CREATECONSUMER", key, b"all", b"idle consumer")
    pending = [b"%d-0" % (1_700_000_000_000 + n) for n in range(490, 500)]
    yield key, ("XACK", key, b"all", *pending[:5])
    yield key, ("XCLAIM", key, b"all", b"bob", 0, *pending[5:], "TIME", now - 60_000, "RETRYCOUNT", 9)
    yield command("XSETID", key, b"1800000000000-5")

    key = b"stream:pending but deleted"
    for n in range(1, 6):
        yield add(key, n, 0, b"n", n)
    yield key, ("XGROUP", "CREATE", key, b"group", b"0")
    yield key, ("XREADGROUP", "GROUP", b"group", b"consumer", "STREAMS", key, ">")
    yield command("XDEL", key, b"2-0", b"3-0")
