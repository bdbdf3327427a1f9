internal import RDBParser

/// For each of the 256 type bytes of one source version, whether a value goes to the target as it lies, and under which
/// version; looked up for every key.
struct StampTable {
    /// 0 for what must be looked at value by value.
    private let stamps: [UInt16]

    init(from source: RDBVersion, to target: TargetFormat) {
        stamps = (0...255).map { Self.stamp(UInt8($0), source, target) }
    }

    /// Nothing goes as it lies.
    init() { stamps = Array(repeating: 0, count: 256) }

    @inline(__always)
    subscript(type: UInt8) -> UInt16 { stamps[Int(type)] }

    private static func stamp(_ type: UInt8, _ source: RDBVersion, _ target: TargetFormat) -> UInt16 {
        switch type {
        // A hash whose fields have all expired must not become a key, and a module must be there.
        case 6, 7, 22...25: 0
        default: version(of: Conversion.action(for: type, from: source, to: target), source, target) ?? 0
        }
    }

    /// The version that an unchanged value is stamped with; `nil` for one that has to be changed.
    static func version(of action: Conversion.Action, _ source: RDBVersion, _ target: TargetFormat) -> UInt16? {
        switch action {
        case .asIs: UInt16(clamping: source.number)
        case .restamp: UInt16(clamping: target.version.number)
        case .reencode, .lossy, .impossible: nil
        }
    }
}
