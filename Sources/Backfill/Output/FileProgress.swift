import SlotWorkers

/// Shows on standard error how far the reading of a file is; asked behind each chunk.
struct FileProgress {
    private let isBar: Bool
    private let start = ContinuousClock.now
    private var last = ContinuousClock.now
    private var isShown = false

    /// - Returns: `nil` where nothing is to be shown.
    init?(_ style: OutputOptions.ProgressStyle) {
        switch style {
        case .none: return nil
        case .bar: isBar = true
        case .plain: isBar = false
        case .auto: isBar = StandardStreams.isErrorTerminal
        }
    }

    /// Shows where the reading stands, if that is some time ago.
    mutating func show(_ input: FileInput, keys: Int) {
        let now = ContinuousClock.now
        guard now - last >= (isBar ? .milliseconds(200) : .seconds(5)) else { return }
        last = now
        let seconds = (now - start) / .seconds(1)
        var parts = ["reading"]
        let fraction = input.size.flatMap { $0 > 0 ? min(1, Double(input.position) / Double($0)) : nil }
        if let fraction { parts[0] += " \(Int(fraction * 100)) %" }
        parts += [
            "\(Quantity.count(keys)) keys", Quantity.bytes(Int(clamping: input.position)),
            "\(Quantity.count(Int(Double(keys) / max(seconds, 0.001)))) keys/s",
        ]
        if let fraction, fraction > 0.001, seconds > 1 {
            parts.append("\(Quantity.duration(seconds * (1 - fraction) / fraction)) left")
        }
        let line = parts.joined(separator: ", ")
        guard isBar else { return StandardStreams.writeError(line + "\n") }
        let width = 30
        let full = Int((fraction ?? 0) * Double(width))
        let bar = "[" + String(repeating: "#", count: full) + String(repeating: " ", count: width - full) + "] "
        StandardStreams.writeError("\r\u{1B}[K" + String((bar + line).prefix(StandardStreams.width - 1)))
        isShown = true
    }

    /// Leaves the screen as a person expects it.
    mutating func end() {
        if isShown { StandardStreams.writeError("\r\u{1B}[K") }
        isShown = false
    }
}
