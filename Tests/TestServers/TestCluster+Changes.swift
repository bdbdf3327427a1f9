/// What happens to a cluster while it is used: slots that move, primaries that change.
extension TestCluster {
    /// Opens the move of a slot: the source answers ASK for keys that it no longer has, TRYAGAIN for some of several.
    package func beginMove(slot: Int, from source: TestServer, to target: TestServer) throws {
        let sourceID = try Self.identifier(of: source)
        let targetID = try Self.identifier(of: target)
        try target.client().require("CLUSTER", "SETSLOT", String(slot), "IMPORTING", sourceID)
        try source.client().require("CLUSTER", "SETSLOT", String(slot), "MIGRATING", targetID)
    }

    /// Moves up to `count` keys of a slot that is being moved, and gives how many there were.
    @discardableResult
    package func moveKeys(slot: Int, from source: TestServer, to target: TestServer, count: Int = 1000) throws -> Int {
        let client = try source.client()
        let keys = try client.require("CLUSTER", "GETKEYSINSLOT", String(slot), String(count)).elements
            .compactMap(\.bytes)
        guard !keys.isEmpty else { return 0 }
        let head = ["MIGRATE", "127.0.0.1", String(target.port), "", "0", "10000"]
        let access = target.options.password.map { ["AUTH", $0] } ?? []
        let reply = try client.command((head + access + ["KEYS"]).map { Array($0.utf8) } + keys)
        guard reply == .ok else { throw TestError("MIGRATE: \(reply)") }
        return keys.count
    }

    /// Ends the move of a slot whose keys have all moved: from then on the source answers MOVED.
    package func finishMove(slot: Int, to target: TestServer) throws {
        let targetID = try Self.identifier(of: target)
        // The target first, so that the slot never lacks an owner.
        let others = try nodes.filter { try $0 !== target && $0.isRunning && Self.isPrimary($0) }
        for node in [target] + others {
            try node.client().require("CLUSTER", "SETSLOT", String(slot), "NODE", targetID)
        }
    }

    /// Moves a slot with its keys.
    package func move(slot: Int, from source: TestServer, to target: TestServer) throws {
        try beginMove(slot: slot, from: source, to: target)
        while try moveKeys(slot: slot, from: source, to: target) > 0 {}
        try finishMove(slot: slot, to: target)
    }

    /// Makes a replica the primary, with the old primary's help, and waits until it is.
    /// - Parameter mode: `nil` in agreement with the old primary; `FORCE` or `TAKEOVER` where that is gone.
    package func failover(to replica: TestServer, mode: String? = nil) async throws {
        let reply = try replica.client().command(["CLUSTER", "FAILOVER"] + (mode.map { [$0] } ?? []))
        guard reply == .ok else { throw TestError("CLUSTER FAILOVER: \(reply)") }
        try await replica.wait(until: "a primary") { _ in try Self.isPrimary(replica) }
    }

    static func isPrimary(_ server: TestServer) throws -> Bool {
        try server.client().require("ROLE").elements.first?.text == "master"
    }
}
