/// Which of the two deployments a connection belongs to: messages name the flags of that side.
package enum Side: String, Sendable, Hashable, CustomStringConvertible {
    case source
    case target

    /// `source` or `target`.
    package var description: String { rawValue }

    /// The command-line flag of that side, such as `--from-tls-ca`.
    package func flag(_ name: String) -> String {
        switch self {
        case .source: "--from-\(name)"
        case .target: "--to-\(name)"
        }
    }

    /// The environment variable that holds the password of that side.
    package var passwordVariable: String {
        switch self {
        case .source: "BACKFILL_FROM_PASSWORD"
        case .target: "BACKFILL_TO_PASSWORD"
        }
    }
}
