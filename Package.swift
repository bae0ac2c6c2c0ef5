// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

func target(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let package = Package(
  name: "stele",
  platforms: [.macOS(.v26)],
  products: [.executable(name: "stele", targets: ["stele"])],
  dependencies: [
    // Command-line arguments, help texts and shell completions.
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    // Log messages of the daemon itself.
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    // Graceful stop: signals to services in one place.
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    // Configuration files are YAML.
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    // The HTTP server of witnesses and of published trees.
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
  ],
  targets: [
    // Fences around C: one importer each.
    .target(name: "CLinux"),
    .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),

    // HTTP(S) requests to witnesses and timestamp authorities.
    .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),

    target("Bytes"),
    target("Cryptography", ["Bytes", "COpenSSL"]),
    target("Compression", ["Bytes", "CLZ4"]),
    target("Platform", ["Bytes", "CLinux"]),
    target("Templates", ["Bytes"]),
    target("Syslog", ["Bytes", "Templates"]),
    target("TLS", ["Bytes", "COpenSSL", "Platform"]),
    target("MerkleLog", ["Bytes", "Cryptography"]),
    target(
      "HTTP",
      [
        "CCurl",
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ]),
    target("Witness", ["Bytes", "Cryptography", "MerkleLog", "Platform"]),
    target("Segments", ["Bytes", "Compression", "Cryptography", "MerkleLog", "Templates"]),
    target("Events", ["Bytes", "Templates"]),
    target("Formats", ["Bytes", "Events", "Syslog", "Templates"]),
    target(
      "ProxyConfiguration", ["Bytes", "Cryptography", "Events", "Formats", "Platform", "Templates", "Yams"]),
    target("SegmentReader", ["Bytes", "Cryptography", "MerkleLog", "Platform", "Segments", "Templates"]),
    target("SegmentWriter", ["Bytes", "Cryptography", "MerkleLog", "Platform", "Segments", "Templates"]),
    target("Intake", ["Segments", "Bytes", "Events", "Platform", "Syslog", "TLS"]),
    target(
      "Inspect",
      ["Bytes", "Cryptography", "Events", "MerkleLog", "Platform", "SegmentReader", "Segments", "Templates"]),
    target(
      "Collector",
      [
        "Bytes", "Cryptography", "Events", "Formats", "Intake", "MerkleLog", "Platform", "SegmentWriter",
        "Segments", "Syslog", "TLS", "Templates",
      ]),
    .executableTarget(
      name: "stele",
      dependencies: [
        "Bytes", "Collector", "Cryptography", "Events", "Formats", "HTTP", "Inspect", "Intake", "MerkleLog",
        "Platform", "ProxyConfiguration", "SegmentReader", "SegmentWriter", "Segments", "Syslog", "TLS",
        "Templates", "Witness",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        "Yams",
      ],
      swiftSettings: settings),

    .target(name: "CBenchmark", path: "Tests/Benchmarks/Reference"),
    .executableTarget(
      name: "benchmarks",
      dependencies: [
        "Bytes", "CBenchmark", "Compression", "Cryptography", "Formats", "MerkleLog", "Platform", "Segments",
        "Syslog",
        "Templates",
      ],
      path: "Tests/Benchmarks", exclude: ["Reference"], swiftSettings: settings),

    .target(
      name: "TestSupport",
      dependencies: [
        "Bytes", "Cryptography", "MerkleLog", "Platform", "SegmentWriter", "Segments", "Templates",
      ],
      path: "Tests/TestSupport", swiftSettings: settings),
    tests("FaultTests", ["TestSupport", "stele"]),
    tests("CommandTests", ["Bytes", "Cryptography", "TestSupport", "stele"]),
    tests(
      "DiskTests",
      [
        "Bytes", "Cryptography", "Inspect", "MerkleLog", "Platform", "SegmentReader", "SegmentWriter",
        "Segments",
        "Templates", "TestSupport",
      ]),
    tests(
      "CollectorTests",
      [
        "Bytes", "Collector", "Formats", "Intake", "MerkleLog", "Platform", "SegmentWriter", "Syslog",
        "Templates",
        "TestSupport",
      ]),
    tests(
      "ConfigurationTests",
      ["Bytes", "Intake", "Platform", "ProxyConfiguration", "Syslog", "TLS", "TestSupport", "stele"]),
    .target(
      name: "Fuzzers",
      dependencies: [
        "Bytes", "Cryptography", "Formats", "Inspect", "MerkleLog", "Platform", "ProxyConfiguration",
        "Segments",
        "Syslog", "Templates",
      ],
      path: "Tests/Fuzzers", swiftSettings: settings),
    .executableTarget(
      name: "fuzz", dependencies: ["Bytes", "Fuzzers"], path: "Tests/Fuzz", swiftSettings: settings),
    tests("FuzzTests", ["Fuzzers"]),
    tests("BytesTests", ["Bytes"]),
    tests(
      "SegmentWriterTests", ["Bytes", "Cryptography", "MerkleLog", "Platform", "SegmentWriter", "Segments"]),
    tests("CryptographyTests", ["Bytes", "COpenSSL", "Cryptography", "TestSupport"]),
    tests("MerkleLogTests", ["Bytes", "Cryptography", "MerkleLog"]),
    tests("PlatformTests", ["Bytes", "Platform"]),
    tests("TemplatesTests", ["Bytes", "Templates", "TestSupport"]),
    tests(
      "SegmentsTests",
      [
        "Bytes", "Compression", "Cryptography", "Formats", "MerkleLog", "Segments", "Templates",
        "TestSupport",
      ]),
    tests("SyslogTests", ["Bytes", "Syslog", "TestSupport"]),
    tests("TLSTests", ["Bytes", "COpenSSL", "Platform", "TLS"]),
    .testTarget(
      name: "WitnessTests",
      dependencies: ["Bytes", "Cryptography", "MerkleLog", "Platform", "TestSupport", "Witness"],
      exclude: ["Go"], swiftSettings: settings),
    tests("HTTPTests", ["HTTP", "Platform", "TestSupport"]),
    tests(
      "SegmentReaderTests",
      [
        "Bytes", "Cryptography", "MerkleLog", "Platform", "SegmentReader", "Segments", "Templates",
        "TestSupport",
      ]),
    tests(
      "InspectTests",
      [
        "Bytes", "Cryptography", "Events", "Inspect", "MerkleLog", "Platform", "SegmentReader",
        "SegmentWriter",
        "Segments", "Templates", "TestSupport",
      ]),
    tests(
      "ActsTests",
      [
        "Bytes", "Collector", "Cryptography", "Inspect", "MerkleLog", "Platform", "SegmentReader",
        "SegmentWriter", "Segments", "Templates", "TestSupport",
      ]),
    tests(
      "AdversaryTests",
      [
        "Bytes", "Cryptography", "Inspect", "MerkleLog", "Platform", "SegmentReader", "SegmentWriter",
        "Segments",
        "Templates", "TestSupport", "Witness", "stele",
      ]),
    tests("IntakeTests", ["Bytes", "Events", "Intake", "Platform", "Segments", "Syslog", "TLS"]),
    .testTarget(
      name: "EventsTests", dependencies: ["Bytes", "Events", "Templates"], exclude: ["Schemas"],
      swiftSettings: settings),
    tests("ProxyConfigurationTests", ["Bytes", "Formats", "Platform", "ProxyConfiguration", "Templates"]),
    tests("FormatsTests", ["Bytes", "Events", "Formats", "Syslog", "Templates", "TestSupport"]),
    .testTarget(
      name: "IntegrationTests",
      dependencies: ["Bytes", "Events", "Formats", "Platform", "Templates", "TestSupport", "stele"],
      exclude: ["Servers"], swiftSettings: settings),
    tests(
      "SearchTests",
      ["Bytes", "Events", "Formats", "Inspect", "Platform", "Segments", "Templates", "TestSupport"]),
  ]
)
