import Foundation
import TestSupport
import Testing

/// The examples that the help texts show work as they are printed.
@Suite struct HelpTests {
  private static let commands = [
    "init", "serve", "replay", "verify", "search", "prove", "check", "seal", "inspect", "explain", "lint",
    "check-source", "config check", "export", "publish", "keys show", "keys export", "keys generate", "tail",
    "top",
  ]

  /// What the help of `command` shows under EXAMPLES, lines that continue one another joined.
  private static func examples(_ command: String) throws -> [String] {
    let help = try Program.run(
      Program.stele, command.split(separator: " ").map(String.init) + ["--help"],
      environment: ["COLUMNS": "400"])
    var examples: [String] = []
    var isInside = false
    for line in help.text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.contains("EXAMPLE") {
        isInside = true
      } else if line.isEmpty || !line.hasPrefix("  ") {
        isInside = false
      } else if isInside {
        let text = line.drop { $0 == " " }
        if let last = examples.last, last.hasSuffix("\\") {
          examples[examples.count - 1] = String(last.dropLast()) + String(text)
        } else {
          examples.append(String(text))
        }
      }
    }
    return examples
  }

  @Test(arguments: commands) func everyExampleWorks(_ command: String) throws {
    let examples = try Self.examples(command)
    #expect(!examples.isEmpty)
    let sandbox = try Sandbox()
    try Self.prepare(sandbox)
    for example in examples {
      // A daemon does not end, and nobody listens.
      if ["serve", "publish"].contains(command) || example.contains(" --to ") { continue }
      if command == "tail", !example.contains("--no-follow") { continue }
      if command == "top", !example.contains("--once") { continue }
      let result = try Program.run("/bin/bash", ["-c", Self.script(example, sandbox)])
      // The configurations ship logs over UDP, or do not log at all, which are findings.
      let status: Int32 = command == "lint" ? 3 : 0
      #expect(result.status == status, "\(example): \(result.errors)\(result.text)")
    }
  }

  /// The example in the directory, where the log has fewer entries and another key.
  private static func script(_ example: String, _ sandbox: Sandbox) -> String {
    var example = example.replacing("41822", with: "7")
    for directory in ["/etc/haproxy/", "/etc/nginx/", "/etc/stele/", "/var/lib/stele/"] {
      example = example.replacing(directory, with: "")
    }
    if example.hasPrefix("stele init ") { example = example.replacing("init edge", with: "init new") }
    let words = example.split(separator: " ").map { $0.hasSuffix("…") ? "edge.vkey" : String($0) }
    return "set -o pipefail; cd '\(sandbox.directory.path)'; stele() { '\(Program.stele)' \"$@\"; }; "
      + words.joined(separator: " ")
  }

  /// The files that the examples name.
  private static func prepare(_ sandbox: Sandbox) throws {
    try sandbox.makeFilledLog("edge")
    _ = try Program.run(
      "/bin/bash",
      [
        "-c",
        "cd '\(sandbox.directory.path)' && cp -r edge copy && cp edge/checkpoint checkpoint.old "
          + "&& cp edge.key auditor.key && cp edge.vkey auditor.vkey",
      ])
    #expect(try sandbox.stele("prove", "@edge", "7", "--disclose", "--output", "@entry.proof").status == 0)
    let line =
      #"10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- "#
      + #"1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1""#
    let files = [
      "access.log": Sandbox.lines.joined(separator: "\n"), "haproxy.log": "haproxy[14389]: " + line,
      "error.log": "2026/11/23 08:00:00 [error] 7#7: *1 open() failed", "text.log": line,
      "json.log": #"{"client.ip":"10.0.1.2","http.status":200,"lb.server":"srv1"}"#,
      "a.log": "7f GET / HTTP/1.1",
      "b.log": #"{"id.request":"7f","http.method":"GET"}"#,
      "bootstrap.json": #"""
      {"static_resources":{"listeners":[{"name":"a","filter_chains":[{"filters":[{"name":"hcm","typed_config":
      {"@type":"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
      "stat_prefix":"a"}}]}]}]}}
      """#,
    ]
    try sandbox.directory.write("reader.key", TestIdentity.ec.key)
    for (name, text) in files { try sandbox.write(name, text + "\n") }
    _ = try Program.run(
      "/bin/bash", ["-c", "gzip -c '\(sandbox.path("haproxy.log"))' > '\(sandbox.path("haproxy.log"))'.1.gz"])
    for name in ["haproxy.cfg", "nginx.conf"] {
      try sandbox.directory.write(
        name, [UInt8](Data(contentsOf: URL(fileURLWithPath: "\(Sandbox.root)/Packaging/\(name)"))))
    }
    // The shipped configuration, without its certificates.
    try sandbox.write(
      "stele.yaml",
      "log: {directory: \(sandbox.path("edge"))}\nsources: [{name: a, listen: 'udp://127.0.0.1:0'}]\n")
  }
}
