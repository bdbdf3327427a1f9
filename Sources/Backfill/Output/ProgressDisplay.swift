import SlotWorkers

/// Shows how far a run is, on standard error, until it is cancelled.
struct ProgressDisplay {
    private let isBar: Bool
    private let run: BackfillRun
    private let start = ContinuousClock.now
    private var shownLines = 0
    /// The last seconds, for the rate.
    private var recent: [(time: ContinuousClock.Instant, read: Int)] = []
    /// When copying began and how far it was, for the time that is left.
    private var began: (time: ContinuousClock.Instant, fraction: Double)?

    private static let barInterval = Duration.milliseconds(200)
    private static let lineInterval = Duration.seconds(5)
    private static let rateWindow = Duration.seconds(5)

    /// - Returns: `nil` where nothing is to be shown.
    init?(_ style: OutputOptions.ProgressStyle, of run: BackfillRun) {
        switch style {
        case .none: return nil
        case .bar: isBar = true
        case .plain: isBar = false
        case .auto: isBar = StandardStreams.isErrorTerminal
        }
        self.run = run
    }

    /// Shows until the task is cancelled, then leaves the screen as a person expects it.
    mutating func show() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: isBar ? Self.barInterval : Self.lineInterval)
            if Task.isCancelled { break }
            let progress = run.progress
            if isBar { draw(progress) } else { StandardStreams.writeError(line(progress) + "\n") }
        }
        if isBar { erase() }
    }

    private mutating func erase() {
        guard shownLines > 0 else { return }
        StandardStreams.writeError("\u{1B}[\(shownLines)A\u{1B}[J")
        shownLines = 0
    }

    private mutating func draw(_ progress: RunProgress) {
        let width = StandardStreams.width
        var lines = [bar(progress.fraction, width: min(40, max(10, width - 60))) + " " + line(progress)]
        if progress.workers.count > 1 {
            for worker in progress.workers.prefix(16) {
                let failed = worker.failed > 0 ? ", \(Quantity.count(worker.failed)) failed" : ""
                lines.append("  slots \(worker.slots): \(Quantity.count(worker.copied)) copied\(failed)")
            }
            if progress.workers.count > 16 { lines.append("  and \(progress.workers.count - 16) more workers") }
        }
        erase()
        StandardStreams.writeError(lines.map { String($0.prefix(width - 1)) }.joined(separator: "\n") + "\n")
        shownLines = lines.count
    }

    private func bar(_ fraction: Double?, width: Int) -> String {
        guard let fraction else { return "[" + String(repeating: " ", count: width) + "]" }
        let full = Int((fraction * Double(width)).rounded(.down))
        return "[" + String(repeating: "#", count: full) + String(repeating: " ", count: width - full) + "]"
    }

    private mutating func line(_ progress: RunProgress) -> String {
        let now = ContinuousClock.now
        var parts = [progress.phase.rawValue]
        if let fraction = progress.fraction { parts[0] += " \(Int(fraction * 100)) %" }
        if progress.phase != .connecting, progress.phase != .checking {
            let tally = progress.tally
            parts.append("\(Quantity.count(tally.read)) keys")
            parts.append(Quantity.bytes(tally.bytes))
            if let rate = rate(tally.read, at: now) { parts.append("\(Quantity.count(Int(rate))) keys/s") }
            let troubled = tally.failed + tally.unsupported
            if troubled > 0 { parts.append("\(Quantity.count(troubled)) FAILED or unsupported") }
        }
        if progress.phase == .copying, let left = timeLeft(progress.fraction, at: now) {
            parts.append("\(Quantity.duration(left)) left")
        } else {
            parts.append("\(Quantity.duration(Double((now - start) / .milliseconds(1)) / 1000)) so far")
        }
        if progress.throttled > .zero {
            parts.append("\(Quantity.duration(progress.throttled / .seconds(1))) of it held back by the limit")
        }
        if !progress.waiting.isEmpty { parts.append("WAITING: \(progress.waiting.joined(separator: "; "))") }
        return parts.joined(separator: ", ")
    }

    private mutating func rate(_ read: Int, at now: ContinuousClock.Instant) -> Double? {
        recent.append((now, read))
        while recent.count > 2, now - recent[0].time > Self.rateWindow { recent.removeFirst() }
        let seconds = Double((now - recent[0].time) / .milliseconds(1)) / 1000
        return seconds > 0 ? Double(read - recent[0].read) / seconds : nil
    }

    private mutating func timeLeft(_ fraction: Double?, at now: ContinuousClock.Instant) -> Double? {
        guard let fraction else { return nil }
        guard let began else {
            began = (now, fraction)
            return nil
        }
        let done = fraction - began.fraction
        let seconds = Double((now - began.time) / .milliseconds(1)) / 1000
        guard done > 0.001, seconds > 1 else { return nil }
        return seconds * (1 - fraction) / done
    }
}
