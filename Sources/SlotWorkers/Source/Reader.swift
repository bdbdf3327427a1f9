internal import NIOConcurrencyHelpers
internal import NIOCore
internal import RESP

/// One stream of keys: a file, a primary's snapshot, a primary's SCAN.
protocol Reader: AnyObject, Sendable {
    /// What is read, for messages: a file's name, a server's address.
    var name: String { get }
    /// What a reader says of itself while it runs.
    var state: NIOLockedValueBox<ReaderState> { get }
    /// Reads to the end, or until the run is to end; all keys are then with their taker.
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
    /// Slots whose keys were on their way to another server while they were read.
    var strayed = SlotSet()
    /// Whether it asks for keys by `DUMP`; how many it asked for that were there, and how many that were not any more.
    var isScan = false
    var dumped = 0
    var gone = 0
    /// Whether the end was reached.
    var isComplete = false
}

/// What every reader needs, whoever takes its keys.
struct ReaderContext<Taker: KeyTaker>: Sendable {
    /// Values of more bytes, as the source encodes them, come in elements.
    let bigValueBytes: Int
    /// Over SCAN, whether the source is asked for each key's size before it is dumped.
    let probesBigValues: Bool
    let pressure: BytePressure
    let control: RunControl
    /// What the side is asked for at most; `nil` for no limit. Files are not asked.
    var throttle: Throttle?
    /// Makes the taker of one reader, on that reader's loop.
    let makeTaker: @Sendable () throws -> Taker
    /// Brings a taker up to date between two chunks.
    let renew: @Sendable (inout Taker) -> Void
    /// Where big values go to that SCAN finds and that are read in pages; `nil`: they are dumped like others.
    let bigValueOutlet: (@Sendable (_ loop: any EventLoop) -> any BigValueOutlet)?
}
