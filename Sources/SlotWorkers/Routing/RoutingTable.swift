internal import RESP

/// Where a key goes: slot → worker and primary. Immutable; a change of the target's layout makes a new one.
package final class RoutingTable: Sendable {
    /// One worker's way to one primary.
    struct Destination: Hashable, Sendable {
        let worker: Int
        let primary: Endpoint
    }

    /// Rises with each change of the layout.
    let epoch: Int
    let isCluster: Bool
    let destinations: [Destination]
    /// For each slot, an index of `destinations`. Empty where there is one destination alone.
    private let destinationOfSlot: [UInt16]

    /// - Parameters:
    ///   - workers: The slot ranges of the workers; they never change during a run.
    ///   - primaryOf: The primary that serves a slot.
    init(epoch: Int, isCluster: Bool, workers: [SlotRange], primaryOf: (HashSlot) -> Endpoint) {
        self.epoch = epoch
        self.isCluster = isCluster
        var known: [Destination: UInt16] = [:]
        var destinations: [Destination] = []
        var table: [UInt16] = []
        table.reserveCapacity(HashSlot.count)
        for (worker, range) in workers.enumerated() {
            for slot in range.first.rawValue...range.last.rawValue {
                guard let slot = HashSlot(rawValue: slot) else { continue }
                let destination = Destination(worker: worker, primary: primaryOf(slot))
                let index = known[destination] ?? UInt16(destinations.count)
                if Int(index) == destinations.count {
                    known[destination] = index
                    destinations.append(destination)
                }
                table.append(index)
            }
        }
        self.destinations = destinations
        destinationOfSlot = destinations.count == 1 ? [] : table
    }

    /// Whether a key's slot decides anything.
    var needsSlot: Bool { isCluster || destinations.count > 1 }

    @inline(__always)
    func destination(of slot: HashSlot) -> Int {
        destinationOfSlot.isEmpty ? 0 : Int(destinationOfSlot[Int(slot.rawValue)])
    }

    /// The primaries that serve part of a worker's range.
    func primaries(ofWorker worker: Int) -> [Endpoint] {
        destinations.filter { $0.worker == worker }.map(\.primary)
    }
}
