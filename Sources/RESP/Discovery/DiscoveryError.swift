/// A deployment that could not be found, or is not one.
package struct DiscoveryError: Error, Sendable, CustomStringConvertible {
    /// What went wrong. A struct, so that new codes break nobody.
    package struct Code: Sendable, Hashable, CustomStringConvertible {
        package let description: String
        private init(_ name: String) { description = name }

        /// No server that was named could be asked; see ``DiscoveryError/causes``.
        package static let unreachable = Code("unreachable")
        /// Several independent primaries were named.
        package static let severalPrimaries = Code("severalPrimaries")
        /// Only replicas were found, whose primary cannot be reached.
        package static let noPrimary = Code("noPrimary")
        /// The Sentinels know no primary of that name.
        package static let unknownName = Code("unknownName")
        /// The cluster's answer about its shape cannot be used.
        package static let topology = Code("topology")
    }

    package let code: Code
    /// Sentences for the operator.
    package let message: String
    /// What happened on the single servers, in the order in which they were asked.
    package let causes: [ConnectionError]

    init(_ code: Code, _ message: String, causes: [ConnectionError] = []) {
        self.code = code
        self.message = message
        self.causes = causes
    }

    /// Nobody could be asked.
    static func unreachable(_ causes: [ConnectionError]) -> DiscoveryError {
        DiscoveryError(.unreachable, causes.map(\.message).joined(separator: " "), causes: causes)
    }

    package var description: String { message }
}
