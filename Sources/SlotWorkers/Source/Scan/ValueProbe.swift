internal import NIOCore
internal import RDBParser
internal import RESP

/// Finds the keys of a page whose values are too big to be dumped: which question to ask, and what the answers mean. Pure.
///
/// `MEMORY USAGE` costs the source about what `STRLEN` or `TYPE` does (0.5 to 1 µs) and serves every type. It looks at five
/// elements of a collection, so that it can be wrong where elements differ much: a big value is then dumped, as before.
struct ValueProbe {
    /// By what sizes are known.
    enum Means: Equatable {
        case memory
        /// `TYPE`, and then the type's own length command: where `MEMORY USAGE` is refused.
        case lengths
        case none
    }

    /// A page whose keys are being measured.
    struct Request {
        fileprivate enum Question { case memory, types, lengths }

        let page: KeyPage
        /// Whether its database had to be selected first, on the connection that it went out on.
        var selects = false
        /// Indices of keys that are too big.
        fileprivate(set) var big: [Int] = []
        fileprivate var question: Question
        /// Of the question, how many were answered.
        fileprivate var answered = 0
        fileprivate var types: [ValueKind?] = []
        /// Keys whose length is asked for.
        fileprivate var measured: [Int] = []
        fileprivate var refusal: String?
    }

    enum Outcome: Equatable {
        /// All is known that can be.
        case measured
        /// The same request is to be asked once more: with its next question.
        case again
    }

    /// In a collection, what an element is taken to weigh at least.
    private static let bytesPerElement: Int64 = 64

    private(set) var means = Means.memory
    /// For the operator, once: that big values are not found.
    private(set) var warning: String?
    private let limit: Int64

    /// - Parameter limit: Values of more bytes are big.
    init(limit: Int) { self.limit = Int64(limit) }

    /// - Returns: `nil` when the page cannot be measured.
    func request(_ page: KeyPage) -> Request? {
        switch means {
        case .memory: Request(page: page, question: .memory)
        case .lengths: Request(page: page, question: .types)
        case .none: nil
        }
    }

    /// Writes the question, to be followed by the answers to as many commands.
    func write(_ request: Request, to buffer: inout ByteBuffer) {
        switch request.question {
        case .memory:
            for index in 0..<request.page.count {
                request.page.write("*3\r\n$6\r\nMEMORY\r\n$5\r\nUSAGE\r\n", index, to: &buffer)
            }
        case .types:
            for index in 0..<request.page.count { request.page.write("*2\r\n$4\r\nTYPE\r\n", index, to: &buffer) }
        case .lengths:
            for index in request.measured {
                guard let command = request.types[index]?.lengthCommand else { continue }
                request.page.write(command, index, to: &buffer)
            }
        }
    }

    /// Takes answers to the request's question, as many as are there.
    ///
    /// - Returns: `nil` when more bytes are needed.
    @_lifetime(cursor: copy cursor)
    mutating func consume(
        _ cursor: inout ReplyCursor, _ request: inout Request
    ) throws(ReplyCursor.Malformed) -> Outcome? {
        if request.selects {
            guard let step = try cursor.next() else { return nil }
            request.selects = false
            // The answers that follow are about another database.
            if case .error(let reason) = step { request.refusal = reason }
        }
        let expected = request.question == .lengths ? request.measured.count : request.page.count
        while request.answered < expected {
            let start = cursor.position
            guard let step = try cursor.next() else { return nil }
            switch (step, request.question) {
            case (.integer(let size), .memory):
                if size > limit { request.big.append(request.answered) }
            case (.integer(let size), .lengths):
                let index = request.measured[request.answered]
                let most = request.types[index] == .string ? limit : limit / Self.bytesPerElement
                if size > most { request.big.append(index) }
            case (.simple, .types):
                let name = cursor.contents(start + 1..<cursor.position - 2).array
                let kind = ValueKind(typeName: String(decoding: name, as: UTF8.self))
                request.types.append(kind == .module || name == Array("none".utf8) ? nil : kind)
            case (.error(let reason), _):
                if request.question == .types { request.types.append(nil) }
                if Self.refusesCommand(reason) { request.refusal = request.refusal ?? reason }
            default:
                if request.question == .types { request.types.append(nil) }
            }
            request.answered += 1
        }
        return finish(&request)
    }

    private mutating func finish(_ request: inout Request) -> Outcome {
        request.answered = 0
        guard let refusal = request.refusal else {
            guard request.question == .types else { return .measured }
            request.measured = request.types.indices.filter { request.types[$0] != nil }
            request.question = .lengths
            return request.measured.isEmpty ? .measured : .again
        }
        request.refusal = nil
        if request.question == .memory, Self.refusesCommand(refusal) {
            if means == .memory { means = .lengths }
            request.question = .types
            request.big = []
            return .again
        }
        if Self.refusesCommand(refusal) {
            // Lengths of some types may be told nevertheless.
            if request.question == .types { means = .none }
            warning = warning ?? "does not tell how big its values are (\(refusal)), so big ones are dumped whole."
        } else {
            request.big = []
        }
        return .measured
    }

    /// Whether it is the command that is refused, not the key.
    private static func refusesCommand(_ reason: String) -> Bool {
        if case .fatal = Refusal(reason) { return true }
        return reason.hasPrefix("ERR unknown") || reason.hasPrefix("ERR Unknown")
    }
}

extension KeyPage {
    /// Writes a command whose last argument is a key.
    @inline(__always)
    fileprivate func write(_ command: StaticString, _ index: Int, to buffer: inout ByteBuffer) {
        withKey(index) { key in
            // SAFETY: the writer stays inside the closure and reports exactly the bytes that it initialised.
            _ = unsafe buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: key.byteCount + 80) { memory in
                var writer = unsafe CommandWriter(filling: memory)
                writer.text(command)
                writer.bulk(key)
                return writer.count
            }
        }
    }

    /// The page without the keys at `indices`, which ascend.
    func without(_ indices: [Int]) -> KeyPage {
        var rest = KeyPage(database: database, slot: slot)
        var left = indices[...]
        for index in 0..<count {
            if left.first == index {
                left = left.dropFirst()
            } else {
                withKey(index) { rest.append($0) }
            }
        }
        return rest
    }
}

extension ValueKind {
    fileprivate var lengthCommand: StaticString? {
        switch self {
        case .string: "*2\r\n$6\r\nSTRLEN\r\n"
        case .list: "*2\r\n$4\r\nLLEN\r\n"
        case .set: "*2\r\n$5\r\nSCARD\r\n"
        case .sortedSet: "*2\r\n$5\r\nZCARD\r\n"
        case .hash: "*2\r\n$4\r\nHLEN\r\n"
        case .stream: "*2\r\n$4\r\nXLEN\r\n"
        case .module: nil
        }
    }
}
