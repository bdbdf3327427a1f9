internal import RESP

/// Names of keys that are ours on the target: `backfill:~<32 hex of the run>:{tag}`, in any slot that is asked for.
package struct TemporaryKey: Sendable {
    /// 32 hexadecimal digits, new for each run.
    let run: String

    init() {
        run = (0..<4).map { _ in
            let part = String(UInt32.random(in: .min ... .max), radix: 16)
            return String(repeating: "0", count: 8 - part.count) + part
        }.joined()
    }

    /// For each slot the lowest number that, as a hash tag, lies in it. Made once, of some 170,000 numbers.
    private static let tags: [Int] = {
        var tags = [Int](repeating: -1, count: HashSlot.count)
        var missing = tags.count
        var number = 0
        while missing > 0 {
            let slot = Int(HashSlot(key: Array(String(number).utf8)).rawValue)
            if tags[slot] < 0 {
                tags[slot] = number
                missing -= 1
            }
            number += 1
        }
        return tags
    }()

    /// A name of ours that lies in `slot`, told apart from others there by `purpose`.
    func name(in slot: HashSlot, purpose: String) -> [UInt8] {
        Array("backfill:~\(run):{\(Self.tags[Int(slot.rawValue)])}\(purpose)".utf8)
    }

    /// Whether a key has the exact shape of the names that any run gives.
    @inline(__always)
    package static func isOurs(_ key: RawSpan) -> Bool {
        key.byteCount > 43 && hasOurShape(key)
    }

    private static func hasOurShape(_ key: RawSpan) -> Bool {
        let prefix: StaticString = "backfill:~"
        guard key[42] == UInt8(ascii: ":") else { return false }
        for index in 0..<10 {
            // SAFETY: the literal holds ten bytes.
            guard key[index] == (unsafe prefix.utf8Start[index]) else { return false }
        }
        return (10..<42).allSatisfy { index in
            switch key[index] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
            default: false
            }
        }
    }
}
