import RESP
import Testing

@Suite struct DeploymentURLTests {
    @Test(arguments: [
        ("redis://h", "redis://h:6379"), ("redis://h:1", "redis://h:1"),
        ("valkey://H.Example:7000/", "redis://h.example:7000"),
        ("rediss://h", "rediss://h:6379"), ("valkeys://a,b:2", "rediss://a:6379,b:2"), ("REDIS://h", "redis://h:6379"),
        ("redis://a:1,b:2,a:1", "redis://a:1,b:2"),
        ("redis://[::1]:7000,[fe80::1]", "redis://[::1]:7000,[fe80::1]:6379"),
        ("redis://ann@h", "redis://ann@h:6379"), ("redis://a%3Ab%40c@h", "redis://a%3Ab%40c@h:6379"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("unix://ann@/run/a@b:c.sock", "unix://ann@/run/a@b:c.sock"),
        ("redis+sentinel://s1,s2:5/my%20master", "redis+sentinel://s1:26379,s2:5/my%20master"),
        ("rediss+sentinel://s1/m", "rediss+sentinel://s1:26379/m"),
        ("valkey+sentinel://s1/m", "redis+sentinel://s1:26379/m"),
        ("valkeys+sentinel://ann@s1/m", "rediss+sentinel://ann@s1:26379/m"),
        ("redis://my_host.svc", "redis://my_host.svc:6379"),
    ])
    func `a URL is read into its normal form`(text: String, normal: String) throws {
        let url = try DeploymentURL(text)
        #expect(url.description == normal)
        #expect(try DeploymentURL(normal) == url)
    }

    @Test func `the parts of a URL are what they say`() throws {
        let url = try DeploymentURL("valkeys://an%20n@a,[::1]:2")
        #expect(url.user == "an n")
        #expect(url.usesTLS)
        #expect(url.seeds == .servers([.tcp(host: "a", port: 6379), .tcp(host: "::1", port: 2)]))
        #expect(try DeploymentURL("unix:///s").seeds == .servers([.unix(path: "/s")]))
        #expect(
            try DeploymentURL("redis+sentinel://s/n").seeds == .sentinels([.tcp(host: "s", port: 26379)], name: "n"))
    }

    @Test(arguments: [
        ("", AddressError.Code.scheme), ("host:6379", .scheme), ("http://h", .scheme), ("redis:/h", .scheme),
        ("unix+sentinel://a/b", .scheme), ("://h", .scheme), ("redis://", .host), ("redis://:6379", .host),
        ("redis://a,,b", .host), ("redis://a b", .host), ("redis://[::1", .host), ("redis://::1", .host),
        ("redis://[abc]", .host), ("redis://h:0", .port), ("redis://h:65536", .port), ("redis://h:", .port),
        ("redis://h:+1", .port), ("redis://[::1]x", .port), ("redis://h/0", .path), ("redis://h?db=1", .path),
        ("redis://h#x", .path), ("redis://h/a/b", .path), ("redis://@h", .user), ("redis://%zz@h", .user),
        ("redis://%ff@h", .user), ("redis://a%4@h", .user), ("unix://run/x", .path), ("unix:///", .path),
        ("unix://", .path),
        ("redis+sentinel://s", .name), ("redis+sentinel://s/", .name), ("redis+sentinel://s/a/b", .name),
        ("redis+sentinel://s/a?b", .name), ("redis+sentinel:///a", .host),
    ])
    func `a malformed URL is refused with a sentence`(text: String, code: AddressError.Code) {
        let error = #expect(throws: AddressError.self) { try DeploymentURL(text) }
        #expect(error?.code == code)
        #expect(error?.message.hasSuffix(".") == true)
    }

    @Test(arguments: [
        "redis://:s3cret@h", "redis://ann:s3cret@h:1", "redis://ann:s3/cret@h", "redis://ann:s3@cret@h",
        "redis+sentinel://ann:s3cret@h/name", "unix://ann:s3cret@/run/x", "redis://ann:s3cret@h/0",
        "redis://ann:s3?cret@h:x",
    ])
    func `a password in the URL is refused, not repeated, and its place named`(text: String) {
        let error = #expect(throws: AddressError.self) { try DeploymentURL(text) }
        #expect(error?.code == .password)
        #expect(error?.message.contains("s3") == false)
        #expect(error?.message.contains("--from-password-file") == true)
        #expect(error?.message.contains("BACKFILL_TO_PASSWORD") == true)
    }

    @Test func `an address map replaces hosts and ports, the more precise entry first`() throws {
        let map = try AddressMap(parsing: ["10.0.0.5=gate", "10.0.0.5:7001=localhost:9001", "[::1]:5=[::2]"])
        func mapped(_ host: String, _ port: Int) -> Endpoint { map.apply(to: .tcp(host: host, port: port)) }
        #expect(mapped("10.0.0.5", 7000) == .tcp(host: "gate", port: 7000))
        #expect(mapped("10.0.0.5", 7001) == .tcp(host: "localhost", port: 9001))
        #expect(mapped("::1", 5) == .tcp(host: "::2", port: 5))
        #expect(mapped("::1", 6) == .tcp(host: "::1", port: 6))
        #expect(map.apply(to: .unix(path: "/x")) == .unix(path: "/x"))
    }

    @Test(arguments: ["", "a", "a=", "=b", "a=b=c", "a:x=b", "a=b:0"])
    func `a malformed address map is refused`(entry: String) {
        #expect(throws: AddressError.self) { try AddressMap(parsing: [entry]) }
    }

    @Test func `an address may be mapped only once`() {
        #expect(throws: AddressError.self) { try AddressMap(parsing: ["a=b", "A=c"]) }
    }
}
