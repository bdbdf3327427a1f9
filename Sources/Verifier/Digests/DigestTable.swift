internal import RESP
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The sums of both sides: 16,384 slots of 256 buckets of 128 bits, of which the source adds and the target subtracts.
/// A bucket is zero in the end when both sides hold the same keys in it, each once.
///
/// 64 MiB, whatever the number of keys; pages that no key falls in take no memory. Readers of several threads collect
/// batches and add them under one lock: a batch of 4,096 takes some 100 µs, which is little of what it takes to read so
/// many, and needs neither a table for each side nor atomic sums.
package final class DigestTable: Sendable {
    private let sums: Mutex<Sums>

    /// - Throws: `unavailable` when there is no memory.
    package init() throws(VerifierError) { sums = Mutex(try Sums()) }

    /// Adds (source) or subtracts (target) a batch, and empties it.
    package func apply(_ batch: inout DigestBatch) {
        sums.withLock { $0.apply(batch) }
        batch.removeAll()
    }

    /// The buckets whose sums differ.
    package func differingBuckets() -> BucketSet { sums.withLock { $0.differingBuckets() } }

    /// The keys that were added for a slot by each side.
    package func counts() -> SlotCounts { sums.withLock { $0.counts } }
}

/// How many keys each side has, by slot.
package struct SlotCounts: Hashable, Sendable, Codable {
    /// One number for each slot, in order.
    package fileprivate(set) var source = [UInt64](repeating: 0, count: HashSlot.count)
    package fileprivate(set) var target = [UInt64](repeating: 0, count: HashSlot.count)

    package init() {}

    /// Whether there is a number for each slot, as there is unless it was decoded from something else.
    var isWhole: Bool { source.count == HashSlot.count && target.count == HashSlot.count }

    package var sourceTotal: UInt64 { source.reduce(0, +) }
    package var targetTotal: UInt64 { target.reduce(0, +) }
}

/// Digests that one reader collected, on their way to the table.
package struct DigestBatch: Sendable {
    package struct Entry: Sendable {
        let digest: Digest128
        let bucket: UInt32
    }

    package let side: ComparedSide
    /// After so many the batch is to be applied; default 4,096 (128 KiB).
    package let capacity: Int
    fileprivate private(set) var entries: [Entry] = []

    package init(side: ComparedSide, capacity: Int = 4096) {
        self.side = side
        self.capacity = max(capacity, 1)
        entries.reserveCapacity(self.capacity)
    }

    package var isEmpty: Bool { entries.isEmpty }

    /// - Returns: Whether the batch is full.
    package mutating func append(_ digest: Digest128, at place: KeyPlace) -> Bool {
        entries.append(Entry(digest: digest, bucket: place.bucket))
        return entries.count >= capacity
    }

    fileprivate mutating func removeAll() { entries.removeAll(keepingCapacity: true) }
}

/// The memory of the table.
@safe
private struct Sums: ~Copyable {
    private let memory: UnsafeMutablePointer<UInt128>
    private(set) var counts = SlotCounts()

    init() throws(VerifierError) {
        // SAFETY: zeros are valid integers, and calloc's memory is aligned for 16 bytes.
        guard let memory = unsafe calloc(BucketSet.bucketCount, MemoryLayout<UInt128>.stride) else {
            throw VerifierError(.unavailable, "There is no memory for the sums: they take 64 MiB.")
        }
        unsafe self.memory = memory.bindMemory(to: UInt128.self, capacity: BucketSet.bucketCount)
    }

    deinit {
        // SAFETY: the memory comes from calloc and belongs to this structure alone.
        unsafe free(memory)
    }

    mutating func apply(_ batch: borrowing DigestBatch) {
        switch batch.side {
        case .source:
            for entry in batch.entries {
                // SAFETY: a place's bucket is below 2^22, the number of buckets.
                unsafe memory[Int(entry.bucket)] &+= entry.digest.bits
                counts.source[Int(entry.bucket >> 8)] += 1
            }
        case .target:
            for entry in batch.entries {
                // SAFETY: as above.
                unsafe memory[Int(entry.bucket)] &-= entry.digest.bits
                counts.target[Int(entry.bucket >> 8)] += 1
            }
        }
    }

    func differingBuckets() -> BucketSet {
        var set = BucketSet()
        for slot in 0..<HashSlot.count where counts.source[slot] > 0 || counts.target[slot] > 0 {
            for bucket in slot << 8..<(slot + 1) << 8 {
                // SAFETY: slots times 256 are the buckets of the table.
                if unsafe memory[bucket] != 0 { set.insert(UInt32(bucket)) }
            }
        }
        return set
    }
}
