internal import COpenSSL

/// SHA-256 of libcrypto under a seed, with one context for all digests; its first 128 bits.
///
/// What is to be hashed is collected behind the seed in a buffer, so that a short input takes one call. Feeding the
/// seed again was measured against copying a context that has it already: 119 against 114 ns for 60 bytes, 151 against
/// 156 for 128; so nothing is copied.
@safe
struct SeededHash: ~Copyable {
    /// What a digest is of, so that no two kinds of input are ever the same bytes.
    enum Domain: UInt8 {
        case identity = 1
        case placement, record, compound
        case string, list, module, collection, member, scoredMember, field, fieldExpiry
        case entries, streamHistory, entriesRead, group, consumer, stream, producer, producerID, idempotence
        case checkpoint
    }

    private static let capacity = 1024
    private static let digestBytes = 32

    private let algorithm: OpaquePointer
    private let context: OpaquePointer
    /// `capacity` bytes, which begin with the seed when a digest begins, and room for a digest.
    private let buffer: UnsafeMutableRawPointer
    private let seedBytes: Int
    private var count = 0
    /// Whether something of this digest was passed to libcrypto.
    private var isStarted = false
    private let seed: RunSeed

    /// - Throws: `unavailable`.
    init(seed: RunSeed) throws(VerifierError) {
        guard let algorithm = unsafe EVP_MD_fetch(nil, "SHA256", nil) else {
            throw VerifierError(.unavailable, "libcrypto has no SHA-256.")
        }
        guard let context = unsafe EVP_MD_CTX_new() else {
            unsafe EVP_MD_free(algorithm)
            throw VerifierError(.unavailable, "libcrypto has no memory for a digest.")
        }
        // Once with the algorithm: without one the context begins again with what it has.
        guard unsafe EVP_DigestInit_ex2(context, algorithm, nil) == 1 else {
            unsafe EVP_MD_CTX_free(context)
            unsafe EVP_MD_free(algorithm)
            throw VerifierError(.unavailable, "libcrypto begins no SHA-256.")
        }
        unsafe self.algorithm = algorithm
        unsafe self.context = context
        unsafe buffer = .allocate(byteCount: Self.capacity + Self.digestBytes, alignment: 16)
        self.seed = seed
        seedBytes = seed.bytes.count
    }

    deinit {
        // SAFETY: this structure alone owns the three, which were made in `init`.
        unsafe EVP_MD_CTX_free(context)
        unsafe EVP_MD_free(algorithm)
        unsafe buffer.deallocate()
    }

    /// Begins a digest.
    mutating func begin(_ domain: Domain) {
        // SAFETY: a seed has at most 32 bytes, the buffer 1,024.
        unsafe seed.bytes.withUnsafeBytes { bytes in
            if let base = bytes.baseAddress { unsafe buffer.copyMemory(from: base, byteCount: seedBytes) }
        }
        count = seedBytes
        isStarted = false
        append(domain.rawValue)
    }

    @inline(__always)
    mutating func append<T: FixedWidthInteger & BitwiseCopyable>(_ integer: T) {
        if Self.capacity - count < MemoryLayout<T>.size { flush() }
        // SAFETY: the line above made room for the integer.
        unsafe buffer.storeBytes(of: integer.littleEndian, toByteOffset: count, as: T.self)
        count += MemoryLayout<T>.size
    }

    @inline(__always)
    mutating func append(_ digest: Digest128) { append(digest.bits) }

    @inline(__always)
    mutating func append(_ id: (UInt64, UInt64)) {
        append(id.0)
        append(id.1)
    }

    /// Appends bytes whose length the other input determines.
    mutating func append(_ bytes: RawSpan) {
        guard Self.capacity - count < bytes.byteCount else {
            unsafe bytes.withUnsafeBytes { source in
                // SAFETY: the condition above proved that there is room for these bytes.
                if let base = source.baseAddress {
                    unsafe (buffer + count).copyMemory(from: base, byteCount: source.count)
                }
            }
            count += bytes.byteCount
            return
        }
        flush()
        unsafe bytes.withUnsafeBytes { source in
            // SAFETY: libcrypto reads exactly the span's bytes, within the closure.
            let isDone = unsafe EVP_DigestUpdate(context, source.baseAddress, source.count)
            precondition(isDone == 1, "libcrypto refused bytes of a digest")
        }
    }

    /// Appends bytes behind their length.
    mutating func append(prefixed bytes: RawSpan) {
        append(UInt64(bytes.byteCount))
        append(bytes)
    }

    private mutating func flush() {
        // SAFETY: the context belongs to this structure; of the buffer, `count` bytes were written.
        if !isStarted {
            let isDone = unsafe EVP_DigestInit_ex2(context, nil, nil)
            precondition(isDone == 1, "libcrypto began no digest")
            isStarted = true
        }
        let isDone = unsafe EVP_DigestUpdate(context, buffer, count)
        precondition(isDone == 1, "libcrypto refused bytes of a digest")
        count = 0
    }

    /// Ends the digest.
    mutating func finish() -> Digest128 {
        flush()
        let output = unsafe buffer + Self.capacity
        // SAFETY: SHA-256 writes 32 bytes, for which there is room behind the buffer's capacity.
        let isDone = unsafe EVP_DigestFinal_ex(
            context, output.assumingMemoryBound(to: UInt8.self), nil)
        precondition(isDone == 1, "libcrypto ended no digest")
        return Digest128(bits: UInt128(bigEndian: unsafe output.load(as: UInt128.self)))
    }
}
