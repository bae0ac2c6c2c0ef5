import Foundation
import TestSupport
import Testing

/// The commands in README.md work, in the order in which they stand there.
@Suite struct ReadmeTests {
  /// The lines of all blocks marked `sh`.
  private static func commands() throws -> [String] {
    let text = try String(contentsOfFile: Sandbox.root + "/README.md", encoding: .utf8)
    var commands: [String] = []
    var isInside = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```") {
        isInside = line == "```sh"
      } else if isInside {
        commands.append(String(line))
      }
    }
    return commands
  }

  /// Run by `Packaging/test.sh` itself, and so by CI, rather than from within the tests that it runs.
  private static let scripts = ["bash Packaging/demo.sh", "bash Packaging/test.sh"]

  @Test func bothCommandsAreWhatCIRuns() throws {
    let commands = try Self.commands()
    #expect(commands.prefix(2) == ["bash Packaging/demo.sh", "bash Packaging/test.sh"])
    func read(_ path: String) throws -> String {
      try String(contentsOfFile: Sandbox.root + "/" + path, encoding: .utf8)
    }
    #expect(try read(".ci/run").contains("bash Packaging/test.sh"))
    #expect(try read("Packaging/test.sh").contains("bash Packaging/demo.sh"))
    #expect(try read("Packaging/test.sh").contains("bash Packaging/systemd-test.sh"))
    #expect(try read("Packaging/test.sh").contains("swift test"))
    for name in ["demo", "test", "install", "libraries", "build", "deb", "systemd-test"] {
      #expect(try Program.run("/bin/bash", ["-n", Sandbox.root + "/Packaging/\(name).sh"]).status == 0)
    }
  }

  @Test func everyOtherCommandWorks() throws {
    let sandbox = try Sandbox()
    let port = "\(Sandbox.freePort(Int32(SOCK_DGRAM.rawValue)))"
    try prepare(sandbox)
    var daemon: DaemonProcess?
    for command in try Self.commands() where !Self.scripts.contains(command) {
      let command = command.replacing("5514", with: port)
      if command.hasPrefix("stele serve ") {
        let words = command.split(separator: " ").dropFirst(2).map(String.init)
        daemon = try DaemonProcess(sandbox, words.map { $0 == "edge" ? "@edge" : $0 })
        continue
      }
      if command.contains(" --into "), let running = daemon {
        // "While no daemon is at work".
        #expect(running.stop().status == 0)
        daemon = nil
      }
      if command.contains("checkpoint.kept") {
        try sandbox.directory.copy("edge/checkpoint", to: "checkpoint.kept")
      }
      let result = try run(command, sandbox)
      // The example that ships logs over UDP as well, which is a finding.
      let status: Int32 = command.hasPrefix("stele lint ") ? 3 : 0
      #expect(result.status == status, "\(command): \(result.errors)\(result.text)")
    }
    #expect(try sandbox.directory.read("all.log").count > 5000)
    #expect(try sandbox.stele("search", "@edge", "http.status >= 400").text.split(separator: "\n").count > 5)
    // What the installation put there is what the unit and the configuration expect.
    for file in [
      "usr/bin/stele", "etc/stele/stele.yaml", "lib/systemd/system/stele.service",
      "lib/systemd/system/stele.socket",
    ] {
      #expect(FileManager.default.fileExists(atPath: sandbox.path("root/" + file)), "\(file)")
    }
    #expect(try sandbox.stele("verify", "@root/var/lib/stele/edge").status == 0)
  }

  /// The files that the reader of the README has.
  private func prepare(_ sandbox: Sandbox) throws {
    for (name, fixture) in [
      ("access.log", "Fixtures/nginx/combined.log"), ("haproxy.log", "Fixtures/haproxy/httplog.log"),
      ("stele.yaml", "Packaging/stele.yaml"), ("haproxy.cfg", "Packaging/haproxy.cfg"),
    ] {
      try sandbox.directory.write(
        name, [UInt8](Data(contentsOf: URL(fileURLWithPath: "\(Sandbox.root)/\(fixture)"))))
    }
  }

  private func run(_ command: String, _ sandbox: Sandbox) throws -> Program.Result {
    if command.contains("bash Packaging/") {
      let script =
        "cd '\(Sandbox.root)' && \(command.replacing("sudo ", with: ""))"
        + (command.contains("deb.sh") ? " '\(sandbox.path("debs"))'" : "")
      return try Program.run(
        "/bin/bash", ["-c", script],
        environment: [
          "DESTDIR": sandbox.path("root"), "DIRECTORY": sandbox.path("debs"), "STELE": Program.stele,
          "COMPRESSION": "none",
        ])
    }
    let script =
      "set -o pipefail; cd '\(sandbox.directory.path)'; stele() { '\(Program.stele)' \"$@\"; }; \(command)"
    return try Program.run("/bin/bash", ["-c", script])
  }

  @Test func theExamplesForLoadBalancersAreTheirs() throws {
    let sandbox = try Sandbox()
    if let haproxy = Program.find("haproxy") {
      // The authority's file is the reader's own.
      let text = try String(contentsOfFile: Sandbox.root + "/Packaging/haproxy.cfg", encoding: .utf8)
        .replacing(
          " ssl verify required ca-file /etc/haproxy/stele-ca.crt crt /etc/haproxy/stele-client.pem", with: ""
        )
      try sandbox.write("haproxy.cfg", text)
      let checked = try Program.run(haproxy, ["-c", "-f", sandbox.path("haproxy.cfg")])
      #expect(checked.status == 0, "\(checked.errors)\(checked.text)")
    }
    if let nginx = Program.find("nginx") {
      let checked = try Program.run(
        nginx,
        [
          "-t", "-p", sandbox.directory.path, "-c", Sandbox.root + "/Packaging/nginx.conf", "-e", "stderr",
          "-g", "pid \(sandbox.path("pid"));",
        ])
      #expect(checked.status == 0, "\(checked.errors)\(checked.text)")
    }
    let checked = try Program.run(Program.stele, ["config", "check", Sandbox.root + "/Packaging/stele.yaml"])
    #expect(checked.status == 0, "\(checked.errors)")
  }

  @Test(.enabled(if: Program.find("systemd-analyze") != nil), arguments: ["stele", "stele@"])
  func theUnitsAreSafeAndSystemdTakesThem(_ name: String) throws {
    let sandbox = try Sandbox()
    for kind in ["service", "socket"] {
      let text = try String(contentsOfFile: "\(Sandbox.root)/Packaging/\(name).\(kind)", encoding: .utf8)
        .replacing("/usr/bin/stele", with: Program.stele)
      try sandbox.write("\(name).\(kind)", text)
    }
    let analyze = try #require(Program.find("systemd-analyze"))
    let checked = try Program.run(
      analyze, ["verify", "--man=no", sandbox.path("\(name).service"), sandbox.path("\(name).socket")])
    #expect(checked.status == 0, "\(checked.errors)")
    #expect(!checked.errors.contains("Unknown key"), "\(checked.errors)")
    let security = try Program.run(
      analyze, ["security", "--offline=yes", "--threshold=15", sandbox.path("\(name).service")])
    #expect(security.status == 0, "\(security.text.split(separator: "\n").last ?? "")")
  }
}
