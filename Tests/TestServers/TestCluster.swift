/// A real cluster on 127.0.0.1: primaries that share the slots evenly, each with the replicas asked for.
package final class TestCluster: Sendable {
    /// The nodes that started as primaries, in the order of their slots.
    package let primaries: [TestServer]
    /// The replicas: those of the first primary, then those of the second, and so on.
    package let replicas: [TestServer]

    package var nodes: [TestServer] { primaries + replicas }
    /// The address of the first node.
    package var url: String { primaries[0].url }
    package var port: Int { primaries[0].port }

    /// Starts the nodes and waits until each says that the cluster is whole (about 3 seconds).
    /// - Parameters:
    ///   - replicas: Of each primary; default none.
    package static func start(
        _ name: String, primaries: Int = 3, replicas: Int = 0, _ options: ServerOptions = ServerOptions()
    ) async throws -> TestCluster {
        var options = options
        options.isClusterNode = true
        let count = primaries * (1 + replicas)
        let nodes = try await withThrowingTaskGroup(of: (Int, TestServer).self) { [options] group in
            for index in 0..<count { group.addTask { (index, try await TestServer.start(name, options)) } }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }.sorted { $0.key < $1.key }.map(\.value)
        }
        let cluster = TestCluster(primaries: Array(nodes[..<primaries]), replicas: Array(nodes[primaries...]))
        try cluster.join()
        try await cluster.waitUntilWhole()
        if replicas > 0 { try await cluster.attachReplicas(each: replicas) }
        return cluster
    }

    private init(primaries: [TestServer], replicas: [TestServer]) {
        self.primaries = primaries
        self.replicas = replicas
    }

    /// The slots that a primary starts with.
    package func slots(ofPrimary index: Int) -> Range<Int> {
        (index * 16384 / primaries.count)..<((index + 1) * 16384 / primaries.count)
    }

    /// Waits until every running node says that all slots are served, and knows all others.
    package func waitUntilWhole() async throws {
        for node in nodes where node.isRunning {
            try await node.wait(until: "part of a whole cluster") { client in
                let info = try client.require("CLUSTER", "INFO").text ?? ""
                return info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:\(nodes.count)")
            }
        }
    }

    /// Slots and epochs are given before the nodes meet, so that nothing has to be settled between them.
    private func join() throws {
        for (index, node) in nodes.enumerated() {
            let client = try node.client()
            try client.require("CLUSTER", "SET-CONFIG-EPOCH", String(index + 1))
            if index < primaries.count {
                let reply = try client.command(["CLUSTER", "ADDSLOTS"] + slots(ofPrimary: index).map(String.init))
                guard reply == .ok else { throw TestError("CLUSTER ADDSLOTS: \(reply)") }
            }
        }
        for node in nodes {
            let client = try node.client()
            for other in nodes where other !== node {
                try client.require("CLUSTER", "MEET", "127.0.0.1", String(other.port))
            }
        }
    }

    private func attachReplicas(each: Int) async throws {
        for (index, replica) in replicas.enumerated() {
            let primary = primaries[index / each]
            let identifier = try Self.identifier(of: primary)
            // Only a node that knows its primary by name can replicate it.
            try await replica.wait(until: "a replica") { client in
                try client.command(["CLUSTER", "REPLICATE", identifier]) == .ok
            }
        }
        for replica in replicas {
            try await replica.wait(until: "in sync with its primary") { client in
                try client.info("replication")["master_link_status"] == "up"
            }
        }
        for node in nodes {
            try await node.wait(until: "aware of all replicas") { client in
                let slots = try client.require("CLUSTER", "SLOTS").elements
                return slots.count == primaries.count && slots.allSatisfy { $0.elements.count == 3 + each }
            }
        }
    }

    /// The node ID of a server.
    static func identifier(of server: TestServer) throws -> String {
        try server.client().require("CLUSTER", "MYID").text ?? ""
    }
}
