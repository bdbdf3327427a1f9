/// Why a comparison cannot be made.
package struct VerifierError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong. A structure, so that a new code breaks nobody's switch.
    package struct Code: Hashable, Sendable {
        private let name: String

        /// A text that is no seed.
        package static let invalidSeed = Code(name: "invalid seed")
        /// A mismatch rate, confidence or sample size that is out of range.
        package static let invalidSampling = Code(name: "invalid sampling")
        /// libcrypto has no SHA-256, or memory for the sums cannot be had.
        package static let unavailable = Code(name: "unavailable")
        /// A report's path ends in something for which there is no format.
        package static let unknownReportFormat = Code(name: "unknown report format")
        /// A file of differences cannot take the place of what is there.
        package static let foreignFile = Code(name: "foreign file")
        /// A file of differences is damaged, or of another version.
        package static let damagedFile = Code(name: "damaged file")
        /// A file of differences holds the unfinished work of a run that is not this one.
        package static let otherRun = Code(name: "other run")
        /// A file of differences cannot be made, read or written.
        package static let unusableFile = Code(name: "unusable file")
    }

    package let code: Code
    /// A sentence for an operator.
    package let description: String

    package init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
