package import NIOCore

/// A deployment as it was found.
package struct Deployment: Sendable {
    /// Its shape.
    package enum Topology: Sendable, Hashable {
        /// One primary; its replicas may stand there under two names.
        case standalone(primary: Endpoint, replicas: [Endpoint])
        case cluster(SlotMap)
    }

    package let topology: Topology
    /// What the servers that were asked say about themselves: the primary of a standalone deployment, and all primaries
    /// of a cluster that could be reached, always.
    package let facts: [Endpoint: ServerFacts]
    /// Servers that belong to it, or were named, and could not be asked.
    package let failures: [ConnectionError]
    /// How to connect to its servers: the settings that were given, with user and TLS as the URL says.
    package let settings: ConnectionSettings

    /// The primaries, for a cluster in the order of their lowest slots.
    package var primaries: [Endpoint] {
        switch topology {
        case .standalone(let primary, _): [primary]
        case .cluster(let map): map.primaries.map(\.endpoint)
        }
    }

    /// All servers known: what to hand to ``discover(_:settings:addressMap:known:patience:on:)`` after a failover.
    package var endpoints: [Endpoint] {
        switch topology {
        case .standalone(let primary, let replicas): [primary] + replicas
        case .cluster(let map): map.endpoints
        }
    }

    /// Finds a deployment by asking the servers, or the Sentinels, that a URL names.
    ///
    /// - Parameters:
    ///   - settings: Its user and TLS are completed by what the URL says.
    ///   - addressMap: Applied to every endpoint that a server names.
    ///   - known: Further servers to ask, after those of the URL: all that were found before a failover.
    ///   - patience: How long a server that is loading its data, and Sentinels in the middle of a failover, are waited
    ///     for. Default 60 s.
    package static func discover(
        _ url: DeploymentURL, settings: ConnectionSettings, addressMap: AddressMap = AddressMap(),
        known: [Endpoint] = [], patience: TimeAmount = .seconds(60), on loop: any EventLoop
    ) async throws(DiscoveryError) -> Deployment {
        var search = DeploymentSearch(
            settings: settings.completed(by: url), addressMap: addressMap, deadline: .now() + patience, loop: loop)
        switch url.seeds {
        case .servers(let seeds): return try await search.askServers(seeds + known)
        case .sentinels(let sentinels, let name): return try await search.askSentinels(sentinels, name: name)
        }
    }
}

extension ConnectionSettings {
    /// With the URL's user, and with TLS exactly where the URL asks for it.
    package func completed(by url: DeploymentURL) -> ConnectionSettings {
        var settings = self
        if let user = url.user { settings.credentials.user = user }
        settings.tls = url.usesTLS ? tls ?? TLSSettings() : nil
        return settings
    }
}
