internal import NIOConcurrencyHelpers

/// Reads a server's snapshot or, where the server refuses to give one, the server by SCAN.
final class FallbackReader: Reader {
    private let snapshot: any Reader
    private let makeScan: @Sendable () -> any Reader
    private let scan = NIOLockedValueBox<(any Reader)?>(nil)

    init(_ snapshot: any Reader, orElse makeScan: @escaping @Sendable () -> any Reader) {
        self.snapshot = snapshot
        self.makeScan = makeScan
    }

    var name: String { snapshot.name }
    var state: NIOLockedValueBox<ReaderState> { scan.withLockedValue { $0 }?.state ?? snapshot.state }

    func run() async throws {
        do {
            try await snapshot.run()
        } catch let error as RunError where error.code == .snapshotRefused {
            // It is refused before the first key: nothing was taken that would come again.
            let reader = makeScan()
            reader.state.withLockedValue {
                $0.warnings.append("\(name) is read by SCAN, as it gives no snapshot: \(error)")
            }
            scan.withLockedValue { $0 = reader }
            try await reader.run()
        }
    }
}
