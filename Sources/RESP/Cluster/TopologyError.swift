/// An answer about a cluster's shape that cannot be understood.
package struct TopologyError: Error, Sendable, Hashable, CustomStringConvertible {
    /// One sentence for the operator, naming the element at fault.
    package let description: String

    init(_ description: String) { self.description = description }
}
