// swift-tools-version: 6.2
import PackageDescription

/// With BACKFILL_WARNINGS_AS_ERRORS (as CI has it) our warnings are errors; those of dependencies are not.
let warnings: [SwiftSetting] =
    Context.environment["BACKFILL_WARNINGS_AS_ERRORS"] == nil ? [] : [.treatAllWarnings(as: .error)]

/// Every target of ours: Swift 6 mode, explicit existentials, imports that a file names itself.
let ours: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableExperimentalFeature("Lifetimes"),
    ] + warnings

/// Library targets also mark each unsafe expression, with its proof beside it.
let library: [SwiftSetting] = ours + [.strictMemorySafety()]

let package = Package(
    name: "Backfill",
    products: [
        .executable(name: "backfill", targets: ["Backfill"]),
        .library(name: "RDBParser", targets: ["RDBParser"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "CChecksum"),
        .target(name: "RDBParser", dependencies: ["CChecksum"], swiftSettings: library),
        .target(
            name: "RESP",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: library),
        .target(
            name: "SlotWorkers",
            dependencies: [
                "RESP", "RDBParser", "CLZ4", "COpenSSL",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: library),
        .target(name: "RDBReport", dependencies: ["RDBParser", "RESP"], swiftSettings: library),
        .target(
            name: "Verifier",
            dependencies: [
                "SlotWorkers", "RDBParser", "RESP", "COpenSSL",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: library),
        .executableTarget(
            name: "Backfill",
            dependencies: [
                "SlotWorkers", "RESP", "RDBParser", "RDBReport", "Verifier",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            ],
            swiftSettings: ours),
        .testTarget(
            name: "RESPTests",
            dependencies: [
                "RESP", "TestServers",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: ours),
        .testTarget(
            name: "RDBParserTests", dependencies: ["RDBParser", "CChecksum", "COpenSSL"], swiftSettings: ours),
        .testTarget(
            name: "SlotWorkersTests",
            dependencies: [
                "SlotWorkers", "RESP", "RDBParser", "CLZ4", "TestServers",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            ],
            swiftSettings: ours),
        .testTarget(
            name: "RDBReportTests", dependencies: ["RDBReport", "RDBParser", "COpenSSL"], swiftSettings: ours),
        .testTarget(
            name: "IntegrationTests",
            dependencies: ["TestServers", "Backfill", "Verifier", "SlotWorkers", "RESP", "COpenSSL"],
            swiftSettings: ours),
        .testTarget(
            name: "VerifierTests",
            dependencies: [
                "Verifier", "SlotWorkers", "RDBParser", "RESP", .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: ours),
        .target(name: "TestServers", path: "Tests/TestServers", swiftSettings: ours),
        .testTarget(name: "TestServersTests", dependencies: ["TestServers"], swiftSettings: ours),
    ]
)
