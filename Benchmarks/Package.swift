// swift-tools-version: 6.2
import PackageDescription

/// What the benchmarks need beside the product. A package of its own, so that building Backfill never builds it.
let package = Package(
    name: "Benchmarks",
    targets: [
        .executableTarget(
            name: "raw-sender",
            path: "Sources/RawSender",
            swiftSettings: [
                .swiftLanguageMode(.v6),
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("MemberImportVisibility"),
                .enableUpcomingFeature("InternalImportsByDefault"),
            ])
    ]
)
