internal import NIOCore
internal import RESP

/// Keys that a source named, waiting to be dumped: one database, on a cluster one slot.
struct KeyPage: Sendable {
    let database: Int
    let slot: HashSlot?
    /// The keys, one behind another.
    private(set) var bytes = ByteBuffer()
    private(set) var ends: [Int] = []

    init(database: Int, slot: HashSlot?) {
        self.database = database
        self.slot = slot
    }

    var count: Int { ends.count }

    mutating func append(_ key: RawSpan) {
        bytes.writeBytes(key)
        ends.append(bytes.writerIndex)
    }

    func range(_ index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }

    /// The key at `index`.
    func withKey<Result>(_ index: Int, _ body: (RawSpan) -> Result) -> Result {
        body(bytes.readableBytesSpan.extracting(range(index)))
    }
}

/// Part of a page that is asked for in one transaction.
struct DumpRequest: Sendable {
    let page: KeyPage
    /// Keys that are still to come, as indices into the page.
    private(set) var keys: Range<Int>
    /// How many were asked for.
    let count: Int
    /// Whether its database had to be selected first, on the connection that it went out on.
    var selects = false
    /// Bytes that were taken for it from the limit of what the side is asked for.
    var reservedBytes = 0

    init(page: KeyPage, keys: Range<Int>) {
        self.page = page
        self.keys = keys
        count = keys.count
    }

    /// The reply to the next key came.
    mutating func advance() { keys = keys.dropFirst() }

    /// The key whose reply comes next.
    func withNextKey(_ body: (RawSpan) -> Void) {
        page.withKey(keys.lowerBound, body)
    }
}
