/// The servers that the integration tests pair.
package enum ServersMatrix {
    package static let sources = ["redis-6.2.14", "redis-7.0.15", "redis-7.4.1", "redis-8.6.3"]
    package static let targets = ["valkey-8.0.1", "valkey-9.1.2"]

    /// Every source with every target.
    package static let pairs = sources.flatMap { source in targets.map { (source: source, target: $0) } }
}
