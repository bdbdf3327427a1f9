internal import RDBParser

/// Takes the keys of one reader, on that reader's loop alone, in the order in which they are read.
///
/// A value, so that no access to its parts has to be checked at run time. Readers are generic over it, and what they do for
/// every key is specialized for each taker that there is.
protocol KeyTaker: SendableMetatype {
    /// Takes a value that comes in elements.
    associatedtype LargeValue: ValueVisitor

    /// What was read, and what became of it so far.
    var tally: Tally { get set }

    /// The version of what comes next decides what its type bytes mean.
    mutating func read(version: RDBVersion)
    /// The database of the keys that come next.
    mutating func select(_ database: Int)

    /// Takes one key.
    ///
    /// - Parameters:
    ///   - value: The raw value behind its type byte.
    ///   - expiry: Absolute milliseconds; `nil` for none.
    mutating func take(key: RawSpan, type: UInt8, value: RawSpan, expiry: Int64?, eviction: EvictionHint?)
    /// Takes one key whose value comes in elements.
    ///
    /// - Returns: Who takes them; `nil` when the key has its outcome already.
    mutating func take(bigKey key: RawSpan, type: UInt8, expiry: Int64?) -> LargeValue?
    /// The value came to its end.
    mutating func commit(_ value: inout LargeValue)
    /// A key whose value did not come to its end was not read.
    mutating func forget(_ value: inout LargeValue)

    /// Whether a key that was only named so far is worth reading. One that is not is counted.
    mutating func wants(name key: RawSpan, database: Int) -> Bool
    /// Counts a key that the source could not give.
    mutating func fail(_ key: RawSpan, _ reason: String)

    /// Passes on all that is held back.
    mutating func flush()
    /// Passes on all that is held back once that is much.
    mutating func flushIfMuch()
    /// Nothing more comes. The last call.
    mutating func finish()
}
