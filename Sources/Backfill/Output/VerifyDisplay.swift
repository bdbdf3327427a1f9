import Verifier

/// Shows how far a verification is, on standard error, until it is cancelled.
struct VerifyDisplay {
    private let isBar: Bool
    private let run: VerifyRun
    private let start = ContinuousClock.now

    private static let barInterval = Duration.milliseconds(200)
    private static let lineInterval = Duration.seconds(5)

    /// - Returns: `nil` where nothing is to be shown.
    init?(_ style: OutputOptions.ProgressStyle, of run: VerifyRun) {
        switch style {
        case .none: return nil
        case .bar: isBar = true
        case .plain: isBar = false
        case .auto: isBar = StandardStreams.isErrorTerminal
        }
        self.run = run
    }

    /// Shows until the task is cancelled, then leaves the screen as a person expects it.
    func show() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: isBar ? Self.barInterval : Self.lineInterval)
            if Task.isCancelled { break }
            let text = line(run.progress)
            StandardStreams.writeError(
                isBar ? "\r\u{1B}[K" + String(text.prefix(StandardStreams.width - 1)) : text + "\n")
        }
        if isBar { StandardStreams.writeError("\r\u{1B}[K") }
    }

    private func line(_ progress: VerifyProgress) -> String {
        var parts = [progress.phase.rawValue]
        if let fraction = progress.fraction { parts[0] += " \(Int(fraction * 100)) %" }
        if progress.keys > 0 { parts.append("\(Quantity.count(progress.keys)) keys") }
        parts.append("\(Quantity.duration(Double((ContinuousClock.now - start) / .milliseconds(1)) / 1000)) so far")
        if progress.throttled > .zero {
            parts.append("\(Quantity.duration(progress.throttled / .seconds(1))) of it held back by the limits")
        }
        return parts.joined(separator: ", ")
    }
}
