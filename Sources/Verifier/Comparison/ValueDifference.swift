package import RDBParser

/// One thing in which two values differ, for a report: bounded, and without contents unless they are asked for.
package struct ValueDifference: Hashable, Sendable, Codable {
    /// What differs, such as `element`, `field`, `score`, `pending entry`.
    package var part: String
    /// Where: an index, an ID, or the name of a field, member, group or consumer as `ValueDescriber` shows bytes.
    package var place: String?
    /// What the source has there; `nil` for nothing.
    package var source: String?
    /// What the target has there; `nil` for nothing.
    package var target: String?

    package init(_ part: String, at place: String? = nil, source: String?, target: String?) {
        self.part = part
        self.place = place
        self.source = source
        self.target = target
    }
}

/// Says in what two values differ.
package struct ValueDescriber {
    /// Most differences of one key; default 5.
    package var maximum = 5
    /// Whether contents are shown, up to 64 bytes each, or only their lengths and short hashes. Default: not.
    package var showsContents = false
    private let digester: KeyDigester

    /// - Parameter digester: For hashes under the run's seed.
    package init(digester: KeyDigester) { self.digester = digester }

    /// Bytes as a report may show them: `5 bytes #0123456789abcdef`, or the text where contents are shown.
    package func show(_ bytes: [UInt8]) -> String {
        guard showsContents else {
            // SAFETY: every byte of a span of UInt8 is initialized.
            let hash = digester.fingerprint(unsafe bytes.span.bytes).shortDescription
            return "\(bytes.count) \(bytes.count == 1 ? "byte" : "bytes") #\(hash)"
        }
        let shown = bytes.prefix(64)
        let text = shown.map { byte -> String in
            switch byte {
            case UInt8(ascii: "\\"): "\\\\"
            case 0x20...0x7E: String(UnicodeScalar(byte))
            default: "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }.joined()
        return bytes.count > 64 ? "\(text)… (\(bytes.count) bytes)" : text
    }

    /// What differs, in the order of the value; empty where nothing does.
    package func differences(source: Value, target: Value) -> [ValueDifference] {
        var found = Findings(maximum: maximum)
        switch (source, target) {
        case (.string(let left), .string(let right)):
            if left != right {
                let first = zip(left, right).enumerated().first { $0.element.0 != $0.element.1 }?.offset
                found.add("string", at: "byte \(first ?? min(left.count, right.count))", show(left), show(right))
            }
        case (.list(let left), .list(let right)): compareElements(left, right, &found)
        case (.set(let left), .set(let right)):
            compare(left, right, key: \.self, &found) { member, isSource, found in
                found.add("member", at: show(member), isSource ? "present" : nil, isSource ? nil : "present")
            } both: { _, _, _ in
            }
        case (.sortedSet(let left), .sortedSet(let right)): compareScores(left, right, &found)
        case (.hash(let left), .hash(let right)): compareFields(left, right, &found)
        case (.stream(let left), .stream(let right)): compareStreams(left, right, &found)
        case (.module(let left), .module(let right)):
            if left.type != right.type {
                found.add("data type", at: nil, left.type.description, right.type.description)
            } else if left != right {
                let first = zip(left.fields, right.fields).enumerated().first { $0.element.0 != $0.element.1 }?.offset
                found.add(
                    "module value", at: "part \(first ?? min(left.fields.count, right.fields.count))",
                    "\(left.fields.count) parts", "\(right.fields.count) parts")
            }
        default: found.add("type", at: nil, source.kindName, target.kindName)
        }
        return found.list
    }

    /// Differences, up to a number.
    struct Findings {
        let maximum: Int
        var list: [ValueDifference] = []

        var isFull: Bool { list.count >= maximum }

        mutating func add(_ part: String, at place: String?, _ source: String?, _ target: String?) {
            if !isFull { list.append(ValueDifference(part, at: place, source: source, target: target)) }
        }
    }

    // MARK: - Collections

    private func compareElements(_ left: [[UInt8]], _ right: [[UInt8]], _ found: inout Findings) {
        if left.count != right.count {
            found.add("length", at: nil, "\(left.count) elements", "\(right.count) elements")
        }
        for (index, pair) in zip(left, right).enumerated() where pair.0 != pair.1 {
            if found.isFull { return }
            found.add("element", at: "index \(index)", show(pair.0), show(pair.1))
        }
    }

    private func compareScores(_ left: [ScoredMember], _ right: [ScoredMember], _ found: inout Findings) {
        compare(left, right, key: \.member, &found) { member, isSource, found in
            let score = Self.show(member.score)
            found.add("member", at: show(member.member), isSource ? score : nil, isSource ? nil : score)
        } both: { left, right, found in
            guard left.score.bitPattern != right.score.bitPattern else { return }
            found.add("score", at: show(left.member), Self.show(left.score), Self.show(right.score))
        }
    }

    private func compareFields(_ left: [HashField], _ right: [HashField], _ found: inout Findings) {
        compare(left, right, key: \.field, &found) { field, isSource, found in
            let value = show(field.value)
            found.add("field", at: show(field.field), isSource ? value : nil, isSource ? nil : value)
        } both: { left, right, found in
            if left.value != right.value {
                found.add("value", at: show(left.field), show(left.value), show(right.value))
            }
            if left.expiry != right.expiry {
                found.add(
                    "field expiry", at: show(left.field), left.expiry.map { "\($0) ms" } ?? "none",
                    right.expiry.map { "\($0) ms" } ?? "none")
            }
        }
    }

    /// The number, and its bits, since two that print alike may differ.
    static func show(_ score: Double) -> String {
        let bits = String(score.bitPattern, radix: 16)
        return "\(score) (0x\(String(repeating: "0", count: 16 - bits.count))\(bits))"
    }

    /// Compares what has a name, whatever its order.
    func compare<Element>(
        _ left: [Element], _ right: [Element], key: (Element) -> [UInt8], _ found: inout Findings,
        only: (Element, _ isSource: Bool, inout Findings) -> Void,
        both: (Element, Element, inout Findings) -> Void
    ) {
        let others = Dictionary(right.map { (key($0), $0) }) { first, _ in first }
        let names = Set(left.map(key))
        for element in left where !found.isFull {
            if let other = others[key(element)] { both(element, other, &found) } else { only(element, true, &found) }
        }
        for element in right where !found.isFull && !names.contains(key(element)) { only(element, false, &found) }
    }
}

extension Value {
    /// What `TYPE` says.
    package var kindName: String {
        switch self {
        case .string: ValueKind.string.name
        case .list: ValueKind.list.name
        case .set: ValueKind.set.name
        case .sortedSet: ValueKind.sortedSet.name
        case .hash: ValueKind.hash.name
        case .stream: ValueKind.stream.name
        case .module: ValueKind.module.name
        }
    }
}

extension ValueKind {
    /// What `TYPE` says; `module` for all of theirs.
    package var name: String {
        switch self {
        case .string: "string"
        case .list: "list"
        case .set: "set"
        case .sortedSet: "zset"
        case .hash: "hash"
        case .stream: "stream"
        case .module: "module"
        }
    }
}
