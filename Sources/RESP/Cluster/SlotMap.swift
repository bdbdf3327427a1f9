/// Which primary serves which slot.
package struct SlotMap: Sendable, Hashable {
    /// One server of a cluster.
    package struct Node: Sendable, Hashable {
        /// Where it is reached from here: the address map is applied.
        package let endpoint: Endpoint
        /// 40 hexadecimal digits; `nil` where the server does not say.
        package let nodeID: String?
    }

    /// A primary that serves at least one slot.
    package struct Primary: Sendable, Hashable {
        package let node: Node
        package internal(set) var replicas: [Node]
        package internal(set) var slots: SlotSet

        package var endpoint: Endpoint { node.endpoint }
        package var nodeID: String? { node.nodeID }
    }

    /// In the order of their lowest slots.
    package let primaries: [Primary]
    /// Per slot an index into ``primaries``, or `unserved`.
    @usableFromInline
    let owners: [UInt16]
    @usableFromInline
    static var unserved: UInt16 { .max }

    /// The index in ``primaries`` of the one that serves `slot`; `nil` where none does.
    @inlinable
    package subscript(slot: HashSlot) -> Int? {
        let owner = owners[Int(slot.rawValue)]
        return owner == Self.unserved ? nil : Int(owner)
    }

    /// Slots that nobody serves. Empty in a cluster that is fully covered.
    package var uncovered: SlotSet {
        var slots = SlotSet.all
        for primary in primaries { slots = slots.subtracting(primary.slots) }
        return slots
    }

    /// All primaries and replicas.
    package var endpoints: [Endpoint] {
        primaries.flatMap { [$0.endpoint] + $0.replicas.map(\.endpoint) }
    }

    /// - Parameter primaries: Where two claim the same slot, the later one has it.
    init(primaries claims: [Primary]) {
        var owners = [UInt16](repeating: Self.unserved, count: HashSlot.count)
        for (index, claim) in claims.enumerated() {
            for slot in claim.slots.slots { owners[Int(slot.rawValue)] = UInt16(index) }
        }
        var order: [Int] = []
        var sets = [SlotSet](repeating: SlotSet(), count: claims.count)
        for (slot, owner) in owners.enumerated() where owner != Self.unserved {
            if sets[Int(owner)].isEmpty { order.append(Int(owner)) }
            if let slot = HashSlot(slot) { sets[Int(owner)].insert(slot) }
        }
        primaries = order.map { index in
            Primary(node: claims[index].node, replicas: claims[index].replicas, slots: sets[index])
        }
        let places = Dictionary(uniqueKeysWithValues: order.enumerated().map { (UInt16($1), UInt16($0)) })
        self.owners = owners.map { places[$0] ?? Self.unserved }
    }
}

// MARK: - CLUSTER SLOTS

extension SlotMap {
    /// Reads the answer to `CLUSTER SLOTS` of Redis 5 … Valkey 9: per range its first and last slot, then the primary
    /// and the replicas as `[host, port, node ID, metadata]` (IDs since 4.0, metadata since 7.0).
    ///
    /// A host that is empty, null or `?` means the one that was asked (the server does not know its own address, or
    /// has `cluster-preferred-endpoint-type unknown-endpoint`).
    ///
    /// - Parameter asked: The endpoint that gave the answer, as it is reached from here.
    package init(clusterSlots reply: Reply, asked: Endpoint, addressMap: AddressMap) throws(TopologyError) {
        guard let entries = reply.elements else { throw TopologyError("CLUSTER SLOTS did not answer with an array.") }
        var claims: [Primary] = []
        var indexes: [String: Int] = [:]
        for entry in entries {
            guard let fields = entry.elements, fields.count >= 3,
                let first = fields[0].integer.flatMap({ HashSlot($0) }),
                let last = fields[1].integer.flatMap({ HashSlot($0) }),
                let range = SlotRange(first: first, last: last)
            else { throw TopologyError("CLUSTER SLOTS answered with a malformed slot range.") }
            var nodes: [Node] = []
            for field in fields[2...] { nodes.append(try Self.node(field, asked: asked, addressMap: addressMap)) }
            let key = nodes[0].nodeID ?? nodes[0].endpoint.description
            let index = indexes[key] ?? claims.count
            if index == claims.count {
                guard index < HashSlot.count else { throw TopologyError("CLUSTER SLOTS names too many primaries.") }
                indexes[key] = index
                claims.append(Primary(node: nodes[0], replicas: [], slots: SlotSet()))
            }
            claims[index].slots.insert(range)
            for replica in nodes.dropFirst() where !claims[index].replicas.contains(replica) {
                claims[index].replicas.append(replica)
            }
        }
        self.init(primaries: claims)
    }

    private static func node(
        _ reply: Reply, asked: Endpoint, addressMap: AddressMap
    ) throws(TopologyError) -> Node {
        guard let fields = reply.elements, fields.count >= 2, let port = fields[1].integer else {
            throw TopologyError("CLUSTER SLOTS answered with a malformed node.")
        }
        let id = fields.count > 2 ? fields[2].text : nil
        let host = fields[0].text ?? ""
        guard (1...65535).contains(port) else {
            throw TopologyError(
                "CLUSTER SLOTS names port \(port) for node \(id ?? host): the cluster announces no port for this kind "
                    + "of connection (TLS or plain).")
        }
        guard host.isEmpty || host == "?" else {
            return Node(endpoint: addressMap.apply(to: .tcp(host: host.lowercased(), port: Int(port))), nodeID: id)
        }
        // Asked over a Unix socket there is no host to put before the port.
        guard case .tcp(let askedHost, _) = asked else { return Node(endpoint: asked, nodeID: id) }
        return Node(endpoint: addressMap.apply(to: .tcp(host: askedHost, port: Int(port))), nodeID: id)
    }
}
