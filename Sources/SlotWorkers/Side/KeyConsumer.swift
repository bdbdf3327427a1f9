package import RDBParser

/// Takes the keys of one reader of a ``DataSide``: on one thread at a time, in the order in which they are read.
///
/// Our own temporary keys, and what the filter leaves out, never come.
package protocol KeyConsumer: AnyObject, ValueVisitor {
    /// Whether a key that SCAN named is worth reading.
    func wants(name: RawSpan, database: Int) -> Bool

    /// One key.
    ///
    /// - Parameters:
    ///   - type: The type byte.
    ///   - value: What stands behind it in a record or a DUMP payload.
    ///   - version: Of the stream or payload.
    ///   - expiry: In milliseconds since 1970; `nil` for never.
    func take(_ key: RawSpan, database: Int, type: UInt8, value: RawSpan, version: RDBVersion, expiry: Int64?)

    /// A key whose value comes in elements: the visitor's calls follow, from `begin` to `end`, and then ``endLarge()`` or
    /// ``forgetLarge()``.
    ///
    /// - Returns: Whether the elements are wanted; else nothing of the key follows.
    func beginLarge(_ key: RawSpan, database: Int, expiry: Int64?) -> Bool
    /// The large value came whole.
    func endLarge()
    /// The large value did not come to its end, or changed while it was read; it may come again.
    func forgetLarge()

    /// A key that the side named and could not give.
    func fail(_ key: RawSpan, database: Int, _ reason: String)

    /// A chunk is over: what is held back may be passed on.
    func flush()
    /// Nothing more comes. The last call.
    func finish()
}
