internal import NIOConcurrencyHelpers
internal import NIOCore

/// One stream of keys: a file, a primary's snapshot, a primary's SCAN.
protocol Reader: AnyObject, Sendable {
    /// What is read, for messages: a file's name, a server's address.
    var name: String { get }
    /// What a reader says of itself while it runs.
    var state: NIOLockedValueBox<ReaderState> { get }
    /// Reads to the end, or until the run is to end; all keys are then with the workers.
    func run() async throws
}

/// What a reader says of itself. Every figure is true at the moment of its last chunk.
struct ReaderState: Sendable {
    var tally = Tally()
    /// Part of the whole that is read, 0...1; `nil` where the whole is not known.
    var fraction: Double?
    var functions: [[UInt8]] = []
    /// What the operator should know, beside the counts.
    var warnings: [String] = []
    /// Whether the end was reached.
    var isComplete = false
}

/// What every reader needs from its run.
struct ReaderContext: Sendable {
    var plan: WritePlan
    let workers: [SlotWorker]
    /// `nil` in a dry run.
    let bigValues: BigValues?
    let pressure: BytePressure
    let control: RunControl
    let layout: NIOLockedValueBox<RoutingTable>
    let clock: SourceClock
    let ledger: KeyLedger?
    /// Where big values go to that are read in pages; `nil`: they are dumped like others.
    var bigValueOutlet: (any BigValueOutlet)?

    func makeRouter() -> KeyRouter {
        KeyRouter(
            plan: plan, table: layout.withLockedValue { $0 }, workers: workers, bigValues: bigValues,
            pressure: pressure, ledger: ledger,
            now: clock.now)
    }

    /// Brings a router up to date between two chunks.
    func renew(_ router: inout KeyRouter) {
        router.now = clock.now
        router.follow(layout.withLockedValue { $0 })
    }
}
