internal import DequeModule
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import RDBParser
internal import RESP

/// What a scan needs to know of its server.
struct ScanSource: Sendable {
    let endpoint: Endpoint
    let settings: ConnectionSettings
    let databases: [Int]
    /// On a cluster, the slots to read.
    let slots: SlotSet?
    /// Whether it is a replica of a cluster, which answers only after `READONLY`.
    let isClusterReplica: Bool
    let expectedKeys: Int
    /// The keys to read, of those databases and slots; `nil` reads all, by SCAN.
    var names: KeySelection?
}

/// Reads one server by SCAN and DUMP: one connection names the keys, others dump them, so that the server always has work.
///
/// Sendable by confinement: all but the locked boxes is touched on `loop` alone.
final class ScanReader<Taker: KeyTaker>: Reader, ReplyConsumer, @unchecked Sendable {
    /// The server will not answer this now; the connection is given up, and another one made after a while.
    private struct Refused: Error, CustomStringConvertible {
        let reason: String
        var description: String { reason }
    }

    private struct Dumper {
        var link: ScanLink
        var replies: DumpReplies
        var database = 0
        var requests: Deque<DumpRequest> = []
    }

    let name: String
    let state = NIOLockedValueBox(ReaderState())
    private let source: ScanSource
    /// Which process it is; its cursors mean nothing to another.
    private let runID = NIOLockedValueBox<String?>(nil)
    private let dialect: DumpDialect
    private let loop: any EventLoop
    private let context: ReaderContext<Taker>
    private let bigValueOutlet: (any BigValueOutlet)?
    private let end: EventLoopPromise<Void>
    private var taker: Taker?
    private var listing: KeyListing
    /// Of the keys that are read by their names, how many were asked for.
    private var namesTaken = 0
    private var lister: ScanLink?
    private var dumpers: [ObjectIdentifier: Dumper] = [:]
    private var open: KeyPage?
    /// Finds big values before they are dumped; `nil`: they are not looked for.
    private var sizer: PageSizer?
    private var bigKeys: Deque<BigKey> = []
    private var isCopyingBigKey = false
    private var ending: Result<Void, any Error>?
    private var pages: Deque<DumpRequest> = []
    private var waitingKeys = 0
    /// A running mean, by which the size of the next transaction is chosen.
    private var bytesPerKey = 2048.0
    private var dumped = 0
    private var gone = 0
    private var isFinished = false
    /// Why nothing more can be read, though the connection is well.
    private var failure: RunError?
    private var isPaused = false
    /// `nil`: there is no limit.
    private var pace: ScanPace?
    private var reconnecting = 0
    private var watch: RepeatedTask?

    /// Connections that dump.
    private static var dumperCount: Int { 2 }
    /// Transactions on their way on each of them.
    private static var requestsPerDumper: Int { 2 }
    /// Bytes that one transaction should bring: it holds up the source for its other clients.
    private static var bytesPerRequest: Double { 256.0 * 1024 }
    private static var mostKeysPerRequest: Int { 256 }
    private var mostKeysPerRequest: Int { min(Self.mostKeysPerRequest, pace?.keysAtOnce ?? .max) }
    /// Keys that are named ahead: few, so that the source still has them in its cache when they are dumped.
    private static var mostWaitingKeys: Int { 1024 }

    init(_ source: ScanSource, dialect: DumpDialect, loop: any EventLoop, context: ReaderContext<Taker>) {
        self.source = source
        self.dialect = dialect
        self.loop = loop
        self.context = context
        bigValueOutlet = context.bigValueOutlet?(loop)
        state.withLockedValue { $0.isScan = true }
        name = "\(source.endpoint)"
        listing = KeyListing(databases: source.names == nil ? source.databases : [], slots: source.slots)
        end = loop.makePromise()
        if context.probesBigValues { sizer = PageSizer(limit: context.bigValueBytes) }
        pace = ScanPace(context.throttle)
        // Of a limited source, the first request is for one key: nothing is known yet.
        if let pace, pace.bytesAtOnce < .max { bytesPerKey = Double(pace.bytesAtOnce) }
    }

    func run() async throws {
        let lister = try await connect()
        var links: [ScanLink] = []
        for _ in 0..<Self.dumperCount { links.append(try await connect()) }
        let measuring = sizer == nil ? nil : try await connect()
        try await loop.submit { [self, links] in
            if let measuring { sizer?.use(measuring) }
            taker = try context.makeTaker()
            self.lister = lister
            for link in links { add(link) }
            watch = loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { [weak self] _ in
                self?.beat()
            }
            context.control.whenEnding { [self] in loop.execute { [self] in finish(nil) } }
            proceed()
        }.get()
        try await end.futureResult.get()
    }

    private func connect() async throws -> ScanLink {
        try await ScanLink.open(openConnection().connection, on: loop, for: self, throttle: context.throttle)
    }

    private func openConnection() async throws -> (connection: Connection, facts: ServerFacts) {
        let connection = try await Connection.open(source.endpoint, settings: source.settings, on: loop)
        let facts = try await ServerFacts.fetch(from: connection)
        let runID = runID.withLockedValue { known in
            known = known ?? facts.runID
            return known
        }
        guard facts.runID == runID else {
            await connection.close()
            throw RunError(
                .connection,
                "The \(source.settings.side) \(name) was restarted or replaced while it was read: start the run again.")
        }
        // Known since 7.2: our reading then leaves the keys' age and frequency of use alone. Elsewhere it is refused.
        _ = try await connection.send("CLIENT", "NO-TOUCH", "ON")
        if source.isClusterReplica { _ = try await connection.demand("READONLY") }
        return (connection, facts)
    }

    private func add(_ link: ScanLink) {
        dumpers[ObjectIdentifier(link)] = Dumper(link: link, replies: DumpReplies(dialect: dialect))
    }

    // MARK: Asking

    /// Asks for whatever there is room for.
    private func proceed() {
        guard !isFinished else { return }
        if bigKeys.isEmpty, !isCopyingBigKey {
            list()
            measure()
            dump()
        } else {
            copyBigKey()
        }
        if listing.isDone, namesTaken == source.names?.count ?? 0, open == nil, pages.isEmpty, reconnecting == 0,
            isNothingDumped, sizer?.isIdle != false, bigKeys.isEmpty, !isCopyingBigKey
        {
            state.withLockedValue { $0.isComplete = true }
            finish(nil)
        }
    }

    /// Asks how big the keys of pages are.
    private func measure() {
        guard pace?.wantsMore(than: pages.count) != false, let (question, given) = sizer?.ask() else { return }
        for page in given { pages.append(DumpRequest(page: page, keys: 0..<page.count)) }
        let link = sizer?.link
        if question.readableBytes > 0 { link?.send(question) }
    }

    /// Whether no values are awaited.
    private var isNothingDumped: Bool { dumpers.values.allSatisfy(\.requests.isEmpty) }

    private func list() {
        if let names = source.names { return take(names) }
        guard let lister else { return }
        var buffer = ByteBuffer()
        while waitingKeys < Self.mostWaitingKeys, admits(keys: 0, bytes: 0) != nil, let question = listing.next() {
            KeyListing.write(question, to: &buffer)
        }
        if buffer.readableBytes > 0 { lister.send(buffer) }
    }

    /// Takes the next keys by their names, when few are left to be dumped.
    private func take(_ names: KeySelection) {
        guard waitingKeys <= Self.mostWaitingKeys / 2 else { return }
        while waitingKeys < Self.mostWaitingKeys, namesTaken < names.count {
            names.withKey(at: namesTaken) { key, database, slot in
                guard source.databases.contains(database), source.slots?.contains(slot) != false else { return }
                add(key, database)
            }
            namesTaken += 1
        }
        closePage()
    }

    private func dump() {
        while !isPaused, !pages.isEmpty || open != nil {
            guard
                let id = dumpers.min(by: { $0.value.requests.count < $1.value.requests.count })?.key,
                var dumper = dumpers[id], dumper.requests.count < Self.requestsPerDumper
            else { return }
            guard context.pressure.hasRoom(on: loop, orResume: { [self] in resume() }) else {
                isPaused = true
                taker?.flush()
                return
            }
            guard var request = nextRequest() else { return }
            guard let bytes = admits(keys: request.count, bytes: Int(bytesPerKey * Double(request.count))) else {
                pages.prepend(request)
                waitingKeys += request.count
                // What was read is on its way while we wait.
                taker?.flush()
                return
            }
            request.reservedBytes = bytes
            var buffer = ByteBuffer()
            if request.page.database != dumper.database {
                dumper.database = request.page.database
                CommandEncoder.write(["SELECT", dumper.database], to: &buffer)
                request.selects = true
            }
            dialect.write(request, to: &buffer)
            dumper.requests.append(request)
            dumpers[id] = dumper
            dumper.link.send(buffer)
        }
    }

    private func resume() {
        isPaused = false
        proceed()
    }

    /// Takes what is to be asked for from the limit.
    ///
    /// - Returns: The bytes that were taken; `nil` when it must wait.
    private func admits(keys: Int, bytes: Int) -> Int? {
        guard pace != nil else { return 0 }
        return pace?.take(keys: keys, bytes: bytes, on: loop) { [self] in
            pace?.didResume()
            proceed()
        }
    }

    private func nextRequest() -> DumpRequest? {
        if pages.isEmpty { closePage() }
        guard let head = pages.popFirst() else { return nil }
        let bytes = pace.map { min(Self.bytesPerRequest, Double($0.bytesAtOnce)) } ?? Self.bytesPerRequest
        let size = min(max(Int(bytes / bytesPerKey), 1), mostKeysPerRequest)
        if head.keys.count > size {
            pages.prepend(DumpRequest(page: head.page, keys: head.keys.dropFirst(size)))
            waitingKeys -= size
            return DumpRequest(page: head.page, keys: head.keys.prefix(size))
        }
        waitingKeys -= head.keys.count
        return head
    }

    private func closePage() {
        guard let page = open else { return }
        open = nil
        if sizer != nil {
            sizer?.add(page)
        } else {
            pages.append(DumpRequest(page: page, keys: 0..<page.count))
        }
    }

    // MARK: Answers

    @specialized(where Taker == KeyRouter)
    @specialized(where Taker == KeyForwarder)
    @_lifetime(cursor: copy cursor)
    func consume(_ cursor: inout ReplyCursor, from link: ScanLink) throws -> Bool {
        if link === lister { return try consumeNames(&cursor) }
        if link === sizer?.link { return try consumeSizes(&cursor) }
        return try consumeDumps(&cursor, from: link)
    }

    @_lifetime(cursor: copy cursor)
    private func consumeNames(_ cursor: inout ReplyCursor) throws -> Bool {
        do {
            return try listing.consume(&cursor) { key, database in add(key, database) }
        } catch KeyListing.Failure.refused(let reason) where reason.hasPrefix("NOPERM") {
            failure = RunError(.connection, "The \(source.settings.side) \(name) does not let us read: \(reason)")
            throw Refused(reason: reason)
        }
    }

    /// Takes a key that was named, unless its name already says that it is not wanted.
    private func add(_ key: RawSpan, _ database: Int) {
        guard taker?.wants(name: key, database: database) == true else { return }
        let slot = source.slots == nil ? nil : HashSlot(key: key)
        if let page = open, page.database != database || page.slot != slot || page.count >= mostKeysPerRequest {
            closePage()
        }
        if open == nil { open = KeyPage(database: database, slot: slot) }
        open?.append(key)
        waitingKeys += 1
    }

    @_lifetime(cursor: copy cursor)
    private func consumeSizes(_ cursor: inout ReplyCursor) throws -> Bool {
        guard !isFinished, var sizer = sizer.take() else { return false }
        defer { self.sizer = sizer }
        let isAnswered = try sizer.consume(&cursor) { take($0) }
        if let warning = sizer.warning { warn("The \(source.settings.side) \(name) \(warning)") }
        return isAnswered
    }

    /// Takes a page that was measured: what is big goes its own way.
    private func take(_ request: ValueProbe.Request) {
        var page = request.page
        if !request.big.isEmpty, bigValueOutlet != nil {
            for index in request.big {
                page.withKey(index) { key in
                    // What another run of ours left behind is no key of the user's.
                    guard !TemporaryKey.isOurs(key) else { return }
                    bigKeys.append(BigKey(database: page.database, slot: page.slot, key: key.array))
                }
            }
            waitingKeys -= request.big.count
            page = page.without(request.big)
            guard page.count > 0 else { return }
        }
        pages.append(DumpRequest(page: page, keys: 0..<page.count))
    }

    private func warn(_ warning: String) {
        state.withLockedValue { if !$0.warnings.contains(warning) { $0.warnings.append(warning) } }
    }

    @_lifetime(cursor: copy cursor)
    private func consumeDumps(_ cursor: inout ReplyCursor, from link: ScanLink) throws -> Bool {
        guard !isFinished, var dumper = dumpers.removeValue(forKey: ObjectIdentifier(link)) else { return false }
        defer { dumpers[ObjectIdentifier(link)] = dumper }
        guard var request = dumper.requests.popFirst(), var taker = taker.take() else { return false }
        defer { self.taker = taker }
        taker.select(request.page.database)
        var isAnswered = false
        while !isAnswered, let event = try dumper.replies.next(&cursor, keys: request.count, selects: request.selects) {
            switch event {
            case .key(let payload, let expiry, let eviction):
                dumped += 1
                take(cursor.contents(payload), of: request, expiry: expiry, eviction: eviction, &taker)
                request.advance()
            case .gone:
                gone += 1
                request.advance()
            case .failed(let reason):
                request.withNextKey { taker.fail($0, reason) }
                request.advance()
            case .refused(let reason):
                try refuse(request, reason, &taker)
                isAnswered = true
            case .finished:
                isAnswered = true
            }
        }
        if isAnswered { pace?.settle(bytes: request.reservedBytes) } else { dumper.requests.prepend(request) }
        return isAnswered
    }

    private func take(
        _ bytes: RawSpan, of request: DumpRequest, expiry: Int64?, eviction: EvictionHint?, _ taker: inout Taker
    ) {
        bytesPerKey += (Double(bytes.byteCount + 64) - bytesPerKey) / 32
        request.withNextKey { key in
            do throws(RDBError) {
                let payload = try DumpPayload(bytes)
                taker.read(version: payload.version)
                taker.take(key: key, type: payload.type, value: payload.value, expiry: expiry, eviction: eviction)
            } catch {
                taker.fail(key, "the source's DUMP payload is damaged: \(error.code)")
            }
        }
    }

    /// A transaction that was refused as a whole.
    private func refuse(_ request: DumpRequest, _ reason: String, _ taker: inout Taker) throws {
        switch Refusal(reason) {
        case .moved where request.page.slot != nil, .ask where request.page.slot != nil,
            .later("slot is being moved") where request.page.slot != nil:
            if let slot = request.page.slot { state.withLockedValue { $0.strayed.insert(slot) } }
        case .later, .moved, .ask:
            pages.prepend(request)
            waitingKeys += request.keys.count
            throw Refused(reason: reason)
        case .fatal:
            failure = RunError(.connection, "The \(source.settings.side) \(name) does not let us read: \(reason)")
            throw Refused(reason: reason)
        case .keyExists, .key:
            if request.keys.count == 1 {
                request.withNextKey { taker.fail($0, reason) }
                return
            }
            // One of them cannot be had: each alone, to know which.
            for key in request.keys.reversed() { pages.prepend(DumpRequest(page: request.page, keys: key..<key + 1)) }
            waitingKeys += request.keys.count
        }
    }

    @specialized(where Taker == KeyRouter)
    @specialized(where Taker == KeyForwarder)
    func didConsume(from link: ScanLink) {
        guard !isFinished, var taker = taker.take() else { return }
        if sizer != nil, link === lister { closePage() }
        taker.flushIfMuch()
        context.renew(&taker)
        self.taker = taker
        publish()
        proceed()
    }

    // MARK: Losses

    func linkIsLost(_ link: ScanLink, reason: String) {
        guard !isFinished else { return }
        let isLister = link === lister
        let isSizer = link === sizer?.link
        if let failure { return finish(failure) }
        if isLister {
            lister = nil
            listing.restart()
        } else if isSizer {
            sizer?.linkIsLost()
        } else if let dumper = dumpers.removeValue(forKey: ObjectIdentifier(link)) {
            for var request in dumper.requests.reversed() {
                pace?.settle(bytes: request.reservedBytes)
                request = DumpRequest(page: request.page, keys: request.keys)
                pages.prepend(request)
                waitingKeys += request.keys.count
            }
        }
        reconnecting += 1
        let promise = loop.makePromise(of: ScanLink.self)
        promise.completeWithTask { [self] in try await reconnect(reason) }
        promise.futureResult.whenComplete { [self] result in
            reconnecting -= 1
            switch result {
            case .success(let link):
                if isLister {
                    lister = link
                } else if isSizer {
                    sizer?.use(link)
                } else {
                    add(link)
                }
                proceed()
            case .failure(let error): finish(error)
            }
        }
    }

    private func reconnect(_ reason: String) async throws -> ScanLink {
        try await persevere(reason) { [self] in try await connect() }
    }

    /// Tries as long as the server may be gone.
    private func persevere<Link: Sendable>(
        _ reason: String, _ connect: @Sendable () async throws -> Link
    ) async throws -> Link {
        let deadline = ContinuousClock.now + .nanoseconds(source.settings.replyTimeout.nanoseconds)
        var reason = reason
        while ContinuousClock.now < deadline, !context.control.isEnding {
            try await Task.sleep(for: .milliseconds(100))
            do {
                return try await connect()
            } catch let error as ConnectionError {
                reason = error.message
            }
        }
        throw RunError(.connection, "The \(source.settings.side) \(name) is lost: \(reason)")
    }

    private func beat() {
        if let lister, !listing.isIdle, lister.isSilent(for: source.settings.replyTimeout) {
            lister.lose("it did not answer in time")
        }
        if let sizer, sizer.isSilent(for: source.settings.replyTimeout) {
            sizer.link?.lose("it did not answer in time")
        }
        for dumper in dumpers.values
        where !dumper.requests.isEmpty && dumper.link.isSilent(for: source.settings.replyTimeout) {
            dumper.link.lose("it did not answer in time")
        }
    }

    private func publish() {
        guard let taker else { return }
        state.withLockedValue { state in
            state.tally = taker.tally
            state.dumped = dumped
            state.gone = gone
            if source.expectedKeys > 0 {
                state.fraction = min(1, Double(taker.tally.read) / Double(source.expectedKeys))
            }
        }
    }

    private func finish(_ error: (any Error)?) {
        guard !isFinished else { return }
        isFinished = true
        watch?.cancel()
        taker?.finish()
        publish()
        lister?.close()
        sizer?.link?.close()
        for dumper in dumpers.values { dumper.link.close() }
        dumpers = [:]
        ending = error.map { .failure($0) } ?? .success(())
        // What is copied then sees that the run ends, and gives up.
        if !isCopyingBigKey { endNow() }
    }

    private func endNow() {
        if let ending = ending.take() { end.completeWith(ending) }
    }
}

// MARK: - Big values

extension ScanReader {
    /// Copies the next big key, once nothing else is on its way. One at a time, and nothing beside it: what it takes of the
    /// source and of memory is bounded then.
    private func copyBigKey() {
        guard !isCopyingBigKey, isNothingDumped, let outlet = bigValueOutlet, let key = bigKeys.popFirst()
        else {
            return
        }
        isCopyingBigKey = true
        taker?.flush()
        let transfer = BigValueTransfer(
            open: { [self] database in
                do {
                    return try await openReader(database)
                } catch let error as ConnectionError {
                    return try await persevere(error.message) { try await openReader(database) }
                }
            }, isEnding: { [context] in context.control.isEnding })
        let promise = loop.makePromise(of: BigValueTransfer.Outcome.self)
        promise.completeWithTask { try await transfer.copy(key, to: outlet) }
        promise.futureResult.whenComplete { [self] result in
            isCopyingBigKey = false
            switch result {
            case .success(let outcome): settle(key, outcome)
            case .failure(is CancellationError): finish(nil)
            case .failure(let error as BigValueError):
                finish(RunError(.connection, "The \(source.settings.side) \(name) is lost: \(error)"))
            case .failure(let error): finish(error)
            }
            if isFinished { return endNow() }
            publish()
            proceed()
        }
    }

    private func openReader(_ database: Int) async throws -> BigValueReader {
        let (connection, facts) = try await openConnection()
        if database != 0 { _ = try await connection.demand("SELECT", database) }
        return BigValueReader(
            link: try await PageLink.open(connection, context.throttle), abilities: BigValueReader.Abilities(facts))
    }

    private func settle(_ key: BigKey, _ outcome: BigValueTransfer.Outcome) {
        switch outcome {
        case .settled, .gone: break
        case .strayed: if let slot = key.slot { state.withLockedValue { $0.strayed.insert(slot) } }
        case .failed(let reason):
            taker?.select(key.database)
            // SAFETY: every byte of an array of bytes is initialised.
            unsafe taker?.fail(key.key.span.bytes, reason)
        case .unreadable:
            var page = KeyPage(database: key.database, slot: key.slot)
            // SAFETY: every byte of an array of bytes is initialised.
            unsafe page.append(key.key.span.bytes)
            pages.append(DumpRequest(page: page, keys: 0..<1))
            waitingKeys += 1
        }
    }
}
