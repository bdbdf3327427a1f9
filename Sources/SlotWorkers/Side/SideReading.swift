internal import NIOConcurrencyHelpers
package import RESP

/// One reading of a whole side.
package final class SideReading: Sendable {
    /// What a reading that came to its end has to say.
    package struct Result: Sendable {
        package var tally = Tally()
        /// Sources of function libraries, each once.
        package var functions: Set<[UInt8]> = []
        /// Whether a server was read by SCAN; of the keys that were asked for by `DUMP` then, how many were there and how
        /// many were not any more.
        package var isScan = false
        package var dumped = 0
        package var gone = 0
        /// What the operator should know, each a sentence.
        package var warnings: [String] = []
        /// Slots of which keys may be missing, as they were on the way to another server.
        package var strayedSlots = SlotSet()

        package init() {}
    }

    private let side: DataSide
    private let readers: [any Reader]
    private let large: NIOLockedValueBox<Tally>

    init(side: DataSide, readers: [any Reader], large: NIOLockedValueBox<Tally>) {
        self.side = side
        self.readers = readers
        self.large = large
    }

    /// Keys that were read so far, and the share of the whole, 0...1, where it can be known. From anywhere, at any time.
    package var progress: (keys: Int, fraction: Double?) {
        var keys = large.withLockedValue { $0.read }
        var fractions: [Double] = []
        for reader in readers {
            let state = reader.state.withLockedValue { $0 }
            keys += state.tally.read
            fractions.append(state.isComplete ? 1 : state.fraction ?? 0)
        }
        return (keys, fractions.isEmpty ? nil : fractions.reduce(0, +) / Double(fractions.count))
    }

    /// Reads to the end. All keys are then with their consumers, which were told to finish.
    ///
    /// - Throws: `RunError`, also when the reading was asked to stop: what was read is then a part only. Everything that
    ///   shares the side's control ends with it.
    package func run() async throws -> Result {
        let failure = await BackfillRun.read(readers, side.control)
        if let failure { throw failure }
        var result = Result()
        for reader in readers {
            let state = reader.state.withLockedValue { $0 }
            guard state.isComplete, !side.control.isEnding else {
                throw side.control.failure ?? RunError(.connection, "\(reader.name) was not read to its end.")
            }
            result.tally.add(state.tally)
            result.functions.formUnion(state.functions)
            result.isScan = result.isScan || state.isScan
            result.dumped += state.dumped
            result.gone += state.gone
            result.warnings += state.warnings
            result.strayedSlots = result.strayedSlots.union(state.strayed)
        }
        result.tally.add(large.withLockedValue { $0 })
        return result
    }
}
