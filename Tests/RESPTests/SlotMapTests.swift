import NIOCore
import RESP
import Testing

@Suite struct SlotMapTests {
    private static let asked = Endpoint.tcp(host: "asked", port: 7000)
    private static let (first, second) = (String(repeating: "a", count: 40), String(repeating: "b", count: 40))

    private func map(_ wire: String, addressMap: AddressMap = AddressMap()) throws -> SlotMap {
        var decoder = ReplyDecoder()
        var buffer = ByteBuffer(string: wire)
        let reply = try decoder.next(from: &buffer)
        return try SlotMap(clusterSlots: #require(reply), asked: Self.asked, addressMap: addressMap)
    }

    /// What a node of its own answered after `CLUSTER ADDSLOTS 1 2 5`, recorded from the servers named.
    @Test(arguments: [
        ("redis 5.0.6: an empty host", "*3\r\n$0\r\n\r\n:7000\r\n$40\r\n\(first)\r\n"),
        (
            "redis 7.0.15, valkey 9.1.2: an empty host and metadata",
            "*4\r\n$0\r\n\r\n:7000\r\n$40\r\n\(first)\r\n*0\r\n"
        ),
        (
            "valkey 9.1.2 with unknown-endpoint: null",
            "*4\r\n$-1\r\n:7000\r\n$40\r\n\(first)\r\n*2\r\n$2\r\nip\r\n$0\r\n\r\n"
        ),
        (
            "valkey 9.1.2 with hostname, none set: ?",
            "*4\r\n$1\r\n?\r\n:7000\r\n$40\r\n\(first)\r\n*2\r\n$2\r\nip\r\n$0\r\n\r\n"
        ),
    ])
    func `a host that is not told is the one that was asked`(version: String, node: String) throws {
        let map = try map("*2\r\n*3\r\n:1\r\n:2\r\n\(node)*3\r\n:5\r\n:5\r\n\(node)")
        #expect(map.primaries.map(\.endpoint) == [Self.asked])
        #expect(map.primaries[0].nodeID == Self.first)
        #expect(map.primaries[0].slots.description == "1-2,5")
        #expect(map.uncovered.description == "0,3-4,6-16383")
    }

    private static func node(_ host: String, _ port: Int, _ id: String) -> String {
        "*4\r\n$\(host.utf8.count)\r\n\(host)\r\n:\(port)\r\n$40\r\n\(id)\r\n*0\r\n"
    }

    @Test func `primaries are in the order of their slots, with their replicas, and mapped`() throws {
        let replica = String(repeating: "c", count: 40)
        let wire =
            "*3\r\n*3\r\n:8192\r\n:16383\r\n\(Self.node("10.0.0.2", 2, Self.second))"
            + "*4\r\n:0\r\n:100\r\n\(Self.node("10.0.0.1", 1, Self.first))\(Self.node("10.0.0.3", 3, replica))"
            + "*4\r\n:101\r\n:8191\r\n\(Self.node("10.0.0.1", 1, Self.first))\(Self.node("10.0.0.3", 3, replica))"
        let map = try map(wire, addressMap: AddressMap(parsing: ["10.0.0.2=b", "10.0.0.3:3=c:33"]))
        #expect(map.primaries.map(\.endpoint.description) == ["10.0.0.1:1", "b:2"])
        #expect(map.primaries[0].replicas.map(\.endpoint.description) == ["c:33"])
        #expect(map.uncovered.isEmpty)
        #expect(map.endpoints.map(\.description) == ["10.0.0.1:1", "c:33", "b:2"])
        for (slot, primary) in [(0, 0), (8191, 0), (8192, 1), (16383, 1)] {
            #expect(map[try #require(HashSlot(slot))] == primary)
        }
    }

    @Test(arguments: [
        "+OK\r\n", "*1\r\n:1\r\n", "*1\r\n*2\r\n:0\r\n:1\r\n", "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n+h\r\n:1\r\n",
        "*1\r\n*3\r\n:5\r\n:4\r\n*2\r\n+h\r\n:1\r\n", "*1\r\n*3\r\n:-1\r\n:4\r\n*2\r\n+h\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:4\r\n*1\r\n+h\r\n", "*1\r\n*3\r\n:0\r\n:4\r\n*2\r\n+h\r\n:0\r\n",
        "*1\r\n*3\r\n:0\r\n:4\r\n*2\r\n+h\r\n:65536\r\n", "*1\r\n*3\r\n:0\r\n:4\r\n+node\r\n",
    ])
    func `a malformed answer is refused`(wire: String) {
        #expect(throws: TopologyError.self) { try map(wire) }
    }

    @Test func `a cluster without slots covers none`() throws {
        let map = try map("*0\r\n")
        #expect(map.primaries.isEmpty && map.uncovered == .all)
    }
}
