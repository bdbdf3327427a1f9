import ArgumentParser
import RDBParser
import RESP

/// A server that is only named: what it would take is known from its version.
struct TargetVersionOptions: ParsableArguments {
    @Option(
        name: .customLong("for"),
        help: ArgumentHelp(
            "A target's product and version, such as valkey-8.0, valkey-9.1, redis-7.0 or redict-7.3; Redis from 5.0 on.",
            valueName: "product-version"))
    var target: String?

    @Option(
        help: ArgumentHelp(
            "A module that this target has loaded, as MODULE LIST names it. Repeatable.", valueName: "name"))
    var forModule: [String] = []

    /// What the named server takes; `nil` where none is named.
    func format() throws -> TargetFormat? {
        guard let target else {
            if !forModule.isEmpty { throw ValidationError("--for-module belongs to --for, which is missing.") }
            return nil
        }
        let parts = target.lowercased().split(separator: "-", maxSplits: 1)
        guard parts.count == 2, parts[1].first?.isNumber == true, let version = ServerVersion(parsing: String(parts[1]))
        else {
            throw ValidationError("--for \(target): write product and version, as in valkey-8.0.")
        }
        let product: ServerProduct
        let oldest: ServerVersion
        switch parts[0] {
        case "redis": (product, oldest) = (.redis, ServerVersion(5, 0))
        case "valkey": (product, oldest) = (.valkey, ServerVersion(7, 2))
        case "redict": (product, oldest) = (.redict, ServerVersion(7, 3))
        default: throw ValidationError("--for \(target): known are redis, valkey and redict.")
        }
        let number = product.rdbVersion(version)
        let family: RDBVersion.Family = number >= 80 ? .valkey : .redis
        guard version >= oldest,
            let format = TargetFormat(version: RDBVersion(family: family, number: number), modules: Set(forModule))
        else { throw ValidationError("--for \(target): the oldest known \(product) is \(oldest).") }
        return format
    }
}
