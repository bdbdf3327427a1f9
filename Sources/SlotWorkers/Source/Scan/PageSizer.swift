internal import DequeModule
internal import NIOCore
internal import RESP

/// Measures pages of keys over a connection of its own, while pages before them are dumped: no round trip is lost.
struct PageSizer {
    /// Pages that are measured at once.
    private static let mostRequests = 4

    private var probe: ValueProbe
    private(set) var link: ScanLink?
    /// What the link has selected.
    private var database = 0
    private var requests: Deque<ValueProbe.Request> = []
    private var waiting: Deque<KeyPage> = []
    /// Pages with a question more.
    private var again: Deque<ValueProbe.Request> = []

    init(limit: Int) { probe = ValueProbe(limit: limit) }

    /// Whether all pages were measured.
    var isIdle: Bool { requests.isEmpty && waiting.isEmpty && again.isEmpty }

    /// For the operator: that big values are not found.
    var warning: String? { probe.warning }

    /// Goes on over a new link.
    mutating func use(_ link: ScanLink) {
        self.link = link
        database = 0
    }

    mutating func add(_ page: KeyPage) { waiting.append(page) }

    /// Asks for whatever there is room for.
    ///
    /// - Returns: What is to be sent over the link, and pages that cannot be measured.
    mutating func ask() -> (question: ByteBuffer, given: [KeyPage]) {
        var given: [KeyPage] = []
        var buffer = ByteBuffer()
        guard link != nil else { return (buffer, given) }
        while let request = again.popFirst() { ask(request, in: &buffer) }
        while requests.count < Self.mostRequests, let page = waiting.popFirst() {
            if let request = probe.request(page) { ask(request, in: &buffer) } else { given.append(page) }
        }
        return (buffer, given)
    }

    private mutating func ask(_ request: ValueProbe.Request, in buffer: inout ByteBuffer) {
        var request = request
        if request.page.database != database {
            database = request.page.database
            CommandEncoder.write(["SELECT", database], to: &buffer)
            request.selects = true
        }
        probe.write(request, to: &buffer)
        requests.append(request)
    }

    /// Takes answers to the oldest question.
    ///
    /// - Parameter measured: Called with the page, once it is.
    /// - Returns: `false` when more bytes are needed.
    @_lifetime(cursor: copy cursor)
    mutating func consume(
        _ cursor: inout ReplyCursor, measured: (ValueProbe.Request) -> Void
    ) throws(ReplyCursor.Malformed) -> Bool {
        guard var request = requests.popFirst() else { return false }
        switch try probe.consume(&cursor, &request) {
        case .measured: measured(request)
        case .again: again.append(request)
        case nil:
            requests.prepend(request)
            return false
        }
        return true
    }

    /// What was asked and not answered is asked again, over the next link.
    mutating func linkIsLost() {
        link = nil
        for request in requests.reversed() { waiting.prepend(request.page) }
        for request in again { waiting.append(request.page) }
        (requests, again) = ([], [])
    }

    /// Whether answers are awaited, and nothing was heard for `limit`.
    func isSilent(for limit: TimeAmount) -> Bool { !requests.isEmpty && link?.isSilent(for: limit) == true }
}
