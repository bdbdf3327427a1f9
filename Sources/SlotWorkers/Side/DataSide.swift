internal import NIOConcurrencyHelpers
package import NIOCore
package import RDBParser
package import RESP

/// How to read one side of a comparison.
package struct SideConfiguration: Sendable {
    package var location: SourceLocation
    /// With the side's name, for messages.
    package var settings: ConnectionSettings
    package var addressMap: AddressMap
    /// Of a server. Where it refuses to give a snapshot it is read by SCAN.
    package var read = ReadMode.snapshot
    /// Read from replicas where there are any. Default false.
    package var prefersReplica = false
    package var filter = KeyFilter()
    /// Values of more bytes, as the side encodes them, come in elements, 64 KiB ... 512 MiB. Default 16 MiB.
    package var bigValueBytes = 16 << 20
    /// Over SCAN, ask for each key's size before it is dumped. Default true.
    package var probesBigValues = true
    /// How long a server that is loading its data is waited for. Default 60 s.
    package var patience = Duration.seconds(60)
    /// What its servers are asked for at most, all of them together; `nil` for no limit. A file is not asked.
    package var limit: RateLimit?

    package init(location: SourceLocation, settings: ConnectionSettings, addressMap: AddressMap) {
        self.location = location
        self.settings = settings
        self.addressMap = addressMap
    }
}

/// A file or a deployment that is only read, as often as one likes: found, and known to let us in.
package struct DataSide: Sendable {
    package let configuration: SideConfiguration
    /// `nil` for a file.
    package let deployment: Deployment?
    /// Of a file; `nil` for a deployment, and for standard input, which is not looked at before it is read.
    package let fileVersion: RDBVersion?
    /// When it was opened, milliseconds since 1970: by the clock of its first primary that tells it, else by ours.
    package let clock: SourceClock
    package let loops: [any EventLoop]
    let control: RunControl

    /// Finds the side, and looks whether it can be read.
    ///
    /// - Parameters:
    ///   - control: Ends all reading; also of other sides that share it.
    ///   - loops: One or more; readers take turns on them.
    /// - Throws: `RunError`.
    package static func open(
        _ configuration: SideConfiguration, control: RunControl, on loops: [any EventLoop]
    ) async throws -> DataSide {
        switch configuration.location {
        case .file(let path):
            return DataSide(
                configuration: configuration, deployment: nil, fileVersion: try FileInput.version(of: path),
                clock: SourceClock(serverTime: SourceClock.local), loops: loops, control: control)
        case .standardInput:
            return DataSide(
                configuration: configuration, deployment: nil, fileVersion: nil,
                clock: SourceClock(serverTime: SourceClock.local), loops: loops, control: control)
        case .server(let url):
            let deployment = try await Deployment.find(
                url, configuration.settings, configuration.addressMap, patience: configuration.patience, on: loops[0])
            if configuration.read == .scan {
                try await PermissionProbe(side: deployment, loop: loops[0]).expectReads()
            }
            let time = deployment.primaries.lazy.compactMap { deployment.facts[$0]?.clockMilliseconds }.first
            return DataSide(
                configuration: configuration, deployment: deployment, fileVersion: nil,
                clock: SourceClock(serverTime: time ?? SourceClock.local), loops: loops, control: control)
        }
    }

    var throttle: Throttle? { Throttle(configuration.limit, control) }

    /// Whether its keys can be asked for by name, and may change.
    package var isServer: Bool { deployment != nil }

    /// The newest RDB version that one of its servers writes, or the file's; `nil` for standard input.
    package var version: RDBVersion? {
        guard let deployment else { return fileVersion }
        let numbers = deployment.primaries.compactMap { deployment.facts[$0]?.rdbVersion }
        return numbers.max().map { RDBVersion(family: $0 >= 80 ? .valkey : .redis, number: $0) }
    }

    /// Keys by database as the servers count them; `nil` for a file.
    package var keyCounts: [Int: Int]? { deployment?.keyCounts }

    /// How long its limit makes a reading of all keys take at least; zero where a filter leaves some out, and nobody knows how
    /// many.
    package var leastTime: Duration {
        guard let limit = configuration.limit, configuration.filter.takesAll else { return .zero }
        return limit.time(forKeys: (keyCounts ?? [:]).values.reduce(0, +))
    }

    /// Counts the keys of a file by reading it once; that also finds out whether it is damaged.
    ///
    /// - Parameter progress: Told the share that is read.
    /// - Returns: Keys by database; `nil` for what can be read once only.
    package func countFile(progress: (Double) -> Void) throws(RunError) -> [Int: Int]? {
        guard case .file(let path) = configuration.location, try FileInput(path: path).size != nil else { return nil }
        return try FileCheck(
            path: path, bigValueBytes: configuration.bigValueBytes, isEnding: { control.isEnding }, progress: progress
        ).keys
    }

    /// Refuses to compare a deployment with itself.
    package func expectDifferent(from target: DataSide) throws(RunError) {
        if let mine = deployment, let other = target.deployment { try mine.expectDifferent(from: other) }
    }

    /// Prepares to read the whole side once.
    ///
    /// - Parameters:
    ///   - mode: Overrides the configuration's, as for a second reading.
    ///   - slots: Only keys of these; `nil` takes all.
    ///   - makeConsumer: Called for each reader, on its loop.
    package func reading(
        _ mode: ReadMode? = nil, slots: SlotSet? = nil,
        to makeConsumer: @escaping @Sendable () throws -> any KeyConsumer
    ) throws -> SideReading {
        var filter = configuration.filter
        if let slots { filter.slots = filter.slots?.intersection(slots) ?? slots }
        let large = NIOLockedValueBox(Tally())
        let context = ReaderContext(
            bigValueBytes: configuration.bigValueBytes, probesBigValues: configuration.probesBigValues,
            pressure: BytePressure(limit: .max), control: control, throttle: throttle,
            makeTaker: { [filter] in KeyForwarder(consumer: try makeConsumer(), filter: filter) },
            renew: { $0.flush() },
            bigValueOutlet: { [filter] _ in
                ConsumerOutlet(makeConsumer: makeConsumer, filter: filter, tally: large)
            })
        let readers = SourceReaders(
            location: configuration.location, deployment: deployment, read: mode ?? configuration.read,
            fallsBackToScan: true, prefersReplica: configuration.prefersReplica, filter: filter, loops: loops)
        return SideReading(side: self, readers: try readers.make(context), large: large)
    }

    /// Modules that all primaries of both deployments have in one version, as `MODULE LIST` names them.
    package func commonModules(with other: DataSide) async throws -> Set<String> {
        guard let deployment, let second = other.deployment else { return [] }
        let (mine, others) = (try await deployment.modules(on: loops[0]), try await second.modules(on: loops[0]))
        return Set(mine.filter { $0.value.count == 1 && others[$0.key] == $0.value }.keys)
    }

    /// Sources of the function libraries of a deployment's first primary.
    ///
    /// - Throws: `RunError` where it does not let us ask.
    package func functionLibraries() async throws -> [[UInt8]] {
        guard let deployment, let primary = deployment.primaries.first else { return [] }
        let connection = try await Connection.open(primary, settings: deployment.settings, on: loops[0])
        do {
            let libraries = try await FunctionCopy.list(from: connection)
            await connection.close()
            return libraries
        } catch {
            await connection.close()
            throw error
        }
    }
}

extension FileInput {
    /// The RDB version that a file's first nine bytes name.
    static func version(of path: String) throws(RunError) -> RDBVersion? {
        let input = try FileInput(path: path)
        guard input.size != nil else { return nil }
        var start = ByteBuffer()
        try input.read(64 << 10, into: &start)
        var parser = RDBStreamParser()
        var visitor = VersionVisitor()
        do {
            _ = try parser.feed(start.readableBytesSpan.extracting(first: 9), into: &visitor)
        } catch {
            throw RunError(.input, "\(path): \(error)")
        }
        return visitor.version
    }
}

/// Keeps what an RDB stream's header says.
private struct VersionVisitor: RDBVisitor {
    var version: RDBVersion?

    mutating func header(_ version: RDBVersion) { self.version = version }
    mutating func auxiliary(name: RawSpan, value: RawSpan) {}
    mutating func database(_ index: UInt64) {}
    mutating func sizes(keys: UInt64, expiries: UInt64) {}
    mutating func function(_ code: RawSpan) {}
    mutating func record(_ record: borrowing RDBRecord) {}
}
