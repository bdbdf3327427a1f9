internal import COpenSSL
internal import NIOConcurrencyHelpers
internal import NIOCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Which keys the source has, on disk: a fingerprint of each, in files by its first bits, so that memory does not grow
/// with the number of keys.
///
/// Fingerprints are 128 bits of SHA-256 under a seed of the run: that two keys of ten billion share one has a chance
/// below 10⁻¹⁸.
final class KeyLedger: Sendable {
    struct Fingerprint: Hashable, Sendable {
        let high: UInt64
        let low: UInt64
    }

    static let partitions = 256
    private let files: [LedgerFile]
    private let seed: [UInt8]

    /// - Throws: Where no temporary files can be made (`TMPDIR`, else `/tmp`).
    init() throws(RunError) {
        seed = (0..<16).map { _ in UInt8.random(in: .min ... .max) }
        var files: [LedgerFile] = []
        for _ in 0..<Self.partitions { files.append(try LedgerFile()) }
        self.files = files
    }

    func fingerprint(database: Int, key: RawSpan) -> Fingerprint {
        var input = seed
        for shift in stride(from: 0, to: 64, by: 8) { input.append(UInt8(truncatingIfNeeded: database >> shift)) }
        input.append(contentsOf: key.array)
        var digest = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 32
        // SAFETY: the digest of SHA-256 takes 32 bytes, which is what the array has; nothing is kept.
        unsafe input.withUnsafeBytes { source in
            unsafe _ = EVP_Digest(source.baseAddress, source.count, &digest, &length, EVP_sha256(), nil)
        }
        func word(_ offset: Int) -> UInt64 { digest[offset..<offset + 8].reduce(0) { $0 << 8 | UInt64($1) } }
        return Fingerprint(high: word(0), low: word(8))
    }

    static func partition(of fingerprint: Fingerprint) -> Int { Int(fingerprint.high >> 56) }

    /// Notes that the source has a key. From any loop.
    func record(database: Int, key: RawSpan) {
        let fingerprint = fingerprint(database: database, key: key)
        var entry = ByteBuffer()
        entry.writeInteger(fingerprint.high)
        entry.writeInteger(fingerprint.low)
        files[Self.partition(of: fingerprint)].append(entry)
    }

    /// All fingerprints of a partition: 16 bytes each in memory.
    func fingerprints(ofPartition index: Int) throws(RunError) -> Set<Fingerprint> {
        var bytes = try files[index].contents()
        var set: Set<Fingerprint> = []
        set.reserveCapacity(bytes.readableBytes / 16)
        while let (high, low) = bytes.readMultipleIntegers(as: (UInt64, UInt64).self) {
            set.insert(Fingerprint(high: high, low: low))
        }
        return set
    }
}

/// A file without a name: gone with the process, whatever happens to it.
final class LedgerFile: Sendable {
    private struct State {
        var pending = ByteBuffer()
        var failure: RunError?
    }

    private let descriptor: CInt
    private let state = NIOLockedValueBox(State())
    private static let bufferSize = 16 << 10

    init() throws(RunError) {
        // SAFETY: `getenv` gives a C string or nothing, which is copied at once.
        let folder = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        var template = Array("\(folder)/backfill-XXXXXX".utf8CString)
        // SAFETY: `mkstemp` replaces the six last characters in place.
        descriptor = unsafe template.withUnsafeMutableBufferPointer { buffer in
            unsafe buffer.baseAddress.map { unsafe mkstemp($0) } ?? -1
        }
        guard descriptor >= 0 else {
            throw RunError(.usage, "Cannot make a temporary file in '\(folder)': set TMPDIR to a folder with room.")
        }
        unsafe _ = unlink(template)
    }

    deinit { _ = close(descriptor) }

    func append(_ entry: ByteBuffer) {
        state.withLockedValue { state in
            state.pending.writeImmutableBuffer(entry)
            if state.pending.readableBytes >= Self.bufferSize { flush(&state) }
        }
    }

    private func flush(_ state: inout State) {
        while state.pending.readableBytes > 0, state.failure == nil {
            // SAFETY: exactly the buffer's bytes are offered.
            let written = unsafe state.pending.withUnsafeReadableBytes {
                unsafe write(descriptor, $0.baseAddress, $0.count)
            }
            if written > 0 {
                state.pending.moveReaderIndex(forwardBy: written)
            } else if errno != EINTR {
                state.failure = RunError(
                    .usage, "Cannot write to a temporary file: \(unsafe String(cString: strerror(errno))).")
            }
        }
        state.pending.clear()
    }

    /// Everything that was appended.
    func contents() throws(RunError) -> ByteBuffer {
        let failure = state.withLockedValue { state in
            flush(&state)
            return state.failure
        }
        if let failure { throw failure }
        var buffer = ByteBuffer()
        var offset = 0
        while true {
            var count = 0
            // SAFETY: at most as many bytes are read as the closure lends.
            unsafe buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 64 << 10) { memory in
                unsafe count = pread(descriptor, memory.baseAddress, memory.count, off_t(offset))
                return max(count, 0)
            }
            if count == 0 { return buffer }
            if count < 0, errno != EINTR {
                // What is missing here would be deleted there.
                throw RunError(.usage, "Cannot read a temporary file: \(unsafe String(cString: strerror(errno))).")
            }
            offset += max(count, 0)
        }
    }
}
