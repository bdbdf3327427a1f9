/// What an error reply to a write means for the run.
enum Refusal: Equatable, Sendable {
    /// The key is there already.
    case keyExists
    /// The server cannot take it now and will later: the words for the operator.
    case later(String)
    /// The slot lies elsewhere, or the server is no longer its primary: ask for the layout again.
    case moved(hint: String?)
    /// The slot is on its way to another server, which takes the key if asked to.
    case ask(String)
    /// Nothing more will be accepted: the run stops.
    case fatal(String)
    /// This key is refused.
    case key(String)

    /// - Parameter line: The error reply without its `-`, such as `MOVED 3999 127.0.0.1:6381`.
    init(_ line: String) {
        let words = line.split(separator: " ", maxSplits: 3)
        switch words.first ?? "" {
        case "BUSYKEY": self = .keyExists
        case "OOM": self = .later("target out of memory")
        case "MISCONF": self = .later("target cannot persist (MISCONF)")
        case "LOADING": self = .later("target is loading its data")
        case "BUSY": self = .later("target is busy with a script")
        case "NOREPLICAS": self = .later("target has too few replicas (min-replicas-to-write)")
        case "TRYAGAIN": self = .later("slot is being moved")
        case "MOVED": self = .moved(hint: words.count > 2 ? String(words[2]) : nil)
        case "CLUSTERDOWN", "READONLY", "MASTERDOWN", "UNBLOCKED": self = .moved(hint: nil)
        case "ASK": self = words.count > 2 ? .ask(String(words[2])) : .key(line)
        case "NOAUTH": self = .fatal(line)
        case "NOPERM": self = line.contains("key") && !line.contains("command") ? .key(line) : .fatal(line)
        default: self = .key(String(line.prefix(200)))
        }
    }

    /// Whether the command is to be sent again.
    var isTemporary: Bool {
        switch self {
        case .later, .moved, .ask: true
        case .keyExists, .fatal, .key: false
        }
    }

    /// What it says, for the operator.
    var reason: String {
        switch self {
        case .keyExists: "the key exists"
        case .later(let reason), .fatal(let reason), .key(let reason): reason
        case .moved, .ask: "the target's layout changed"
        }
    }
}
