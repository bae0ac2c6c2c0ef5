import Foundation
import TestSupport
import Testing

/// Exit statuses, error messages and `--json`, for every command.
@Suite struct StatusTests {
  private let sandbox: Sandbox

  init() throws {
    sandbox = try Sandbox()
    try sandbox.makeFilledLog()
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var arguments: [String]
    var status: Int32
    /// What standard error holds.
    var text: String
    var testDescription: String { arguments.joined(separator: " ") }

    init(_ line: String, _ status: Int32, _ text: String = "") {
      arguments = line.split(separator: " ").map { $0 == "''" ? "" : String($0) }
      self.status = status
      self.text = text
    }
  }

  @Test(arguments: [
    Case("", 0), Case("--help", 0), Case("--version", 0), Case("help replay", 0),
    Case("nothing", 64, "Unexpected argument"),
    Case("init @new", 64, "--origin"), Case("init @new --origin a+b", 64, "is no origin"),
    Case("init @new --origin ''", 64, "is no origin"),
    Case("init @new --origin " + String(repeating: "x", count: 1025), 64, "not have more than 1024"),
    Case("init @log --origin test.example/log", 1, "a new log needs an empty directory"),
    Case("init @new --origin test.example/log --key-file @lines", 1, "there is a private key already"),
    Case("init @log/vkey/x --origin a.b/c", 74, "Not a directory"),
    Case("serve --listen udp://127.0.0.1:0", 64, "--listen needs --log"),
    Case("serve --log @log", 64, "at least one --listen"),
    Case("serve --log @log --listen udp://127.0.0.1", 64, "a port must follow"),
    Case("serve --log @log --listen udp://127.0.0.1:0 --config x", 64, "exclude each other"),
    Case("serve --log @none --listen udp://127.0.0.1:0", 66, "no log here; make one with"),
    Case("serve --log @log --listen udp://192.0.2.1:0", 1, "this host does not have that address"),
    Case("serve --log @log --listen tls://127.0.0.1:0", 64, "needs a certificate and its key"),
    Case("serve --log @log --listen tls://127.0.0.1:0 --certificate a --key b", 64, "needs --client-ca"),
    Case("serve --log @log --listen udp://127.0.0.1:0 --format nosuch", 64, "no such format; there are auto"),
    Case(
      "serve --log @log --listen udp://127.0.0.1:0 --format nginx/combind", 64,
      "did you mean nginx/combined? There are auto"),
    Case("serve --config @none.yaml", 66, "none.yaml"),
    Case("replay @lines", 64, "say either"),
    Case("replay @lines --into @log --to udp://a:1", 64, "say either"),
    Case("replay @lines --into @log --wrap rfc3164", 64, "--wrap says nothing with --into"),
    Case("replay @lines --to udp://127.0.0.1:1 --strict", 64, "--strict says nothing with --to"),
    Case("replay @lines --to ftp://127.0.0.1:1", 64, "not one of udp"),
    Case("replay @lines --to tcp://127.0.0.1:1", 74, "Connection refused"),
    Case("replay @none --into @log", 66, "No such file"),
    Case("replay @lines --into @none", 66, "no log here"),
    Case("replay /tmp --into @log", 74, "Is a directory"),
    Case("replay @lines --into @log --format nginx:'", 64, "^"),
    Case("replay @lines --into @log --format nosuch", 64, "no such format; there are auto"),
    Case("explain --format nginx:$a$b hello", 64, "put something between"),
    Case("replay @lines --into @log --key-file @lines", 1, "lines"),
    Case("replay @lines --into @log --format haproxy/httplog --strict", 3, "stele explain --format"),
    Case("verify @log", 0), Case("verify @log --quick", 0), Case("verify @log --key @log.vkey", 0),
    Case("verify @none", 66, "no log here"), Case("verify @log --key nothing", 64, "neither a verifier key"),
    Case("verify @log --checkpoint @none", 66, "No such file"),
    Case("search @log", 0), Case("search @none", 66, "no log here"),
    Case("search @log http.statis=200", 64, "did you mean http.status?"),
    Case("search @log --since yesterday", 64, "this is no time"),
    Case("search @log --limit 0", 64, "at least 1"),
    Case("search @log --limit 1 --last 1", 64, "exclude"),
    Case("search @log --output xml", 64, "  - ocsf"),
    Case("search @log --timezone Mars/Olympus", 64, "no time zone"),
    Case("prove @log 5", 0), Case("prove @log 5000", 3, "not under the checkpoint"),
    Case("prove @none 5", 66),
    Case("prove @log x", 64), Case("check @none --key @log.vkey", 66, "No such file"),
    Case("check @lines --key @log.vkey", 2, "cannot be read"), Case("check @lines", 64, "--key"),
    Case("seal @log", 0), Case("seal @none", 66, "no log here"),
    Case("inspect @log", 0), Case("inspect @log/checkpoint", 0), Case("inspect @none", 66),
    Case("explain --format haproxy/httplog hello", 3),
    Case("explain --format nope hello", 64, "no such format"),
    Case("config check @none", 66, "No such file"), Case("config check @lines", 1, "lines:1:"),
    Case("config", 0),
  ])
  func everyEndHasItsStatus(_ test: Case) throws {
    let result = try Program.run(Program.stele, test.arguments.map(sandbox.resolve))
    #expect(result.status == test.status, "\(result.errors)\(result.text)")
    #expect(test.text.isEmpty || (result.errors + result.text).contains(test.text), "\(result.errors)")
    if test.status != 0, test.status != 64, test.status != 3 {
      #expect(result.errors.hasPrefix("stele: "), "\(result.errors)")
      #expect(!result.errors.contains("Error("), "\(result.errors)")
    }
  }

  @Test(arguments: [
    ["init", "@other", "--origin", "a.b/c", "--json"], ["replay", "@lines", "--into", "@log", "--json"],
    ["verify", "@log", "--json"], ["verify", "@log", "--quick", "--json"], ["seal", "@log", "--json"],
    ["inspect", "@log", "--json"], ["inspect", "@log/checkpoint", "--json"],
    ["inspect", "@log/vkey", "--json"],
    ["inspect", "@log/00000000000000000000.segment", "--json"],
    ["inspect", "@log/00000000000000000000.seal", "--json"],
    ["explain", "--json", "hello \"x\" \u{1}"], ["config", "check", "@stele.yaml", "--json"],
  ])
  func jsonIsOneObject(_ arguments: [String]) throws {
    try sandbox.write(
      "stele.yaml", "log: {directory: log}\nsources: [{name: a, listen: 'udp://127.0.0.1:0'}]\n")
    let result = try Program.run(Program.stele, arguments.map(sandbox.resolve))
    #expect(Sandbox.object(result.text) != nil, "\(result.text)\(result.errors)")
    #expect(result.text.filter { $0 == "\n" }.count == 1 && result.text.hasSuffix("\n"))
  }

  @Test func proofsAreCheckedWithoutTheLog() throws {
    let proved = try sandbox.stele("prove", "@log", "7", "--disclose", "--output", "@proof")
    #expect(proved.status == 0, "\(proved.errors)")
    let checked = try sandbox.stele("check", "@proof", "--key", "@log.vkey", "--json")
    #expect(checked.status == 0, "\(checked.errors)")
    let object = try #require(Sandbox.object(checked.text))
    #expect(object["index"] as? Int == 7)
    #expect((object["disclosure"] as? [String: Any])?["raw"] as? String == Sandbox.lines[4])
    // From standard input, and for somebody who trusts another key.
    let proof = String(decoding: try sandbox.directory.read("proof"), as: UTF8.self)
    #expect(try sandbox.stele("check", "-", "--key", "@log.vkey", input: proof).status == 0)
    try sandbox.makeLog("stranger")
    #expect(try sandbox.stele("check", "@proof", "--key", "@stranger.vkey").status == 2)
    let changed = try sandbox.stele(
      "check", "-", "--key", "@log.vkey", "--json", input: proof.replacing("index 7", with: "index 8"))
    #expect(changed.status == 2)
    #expect(Sandbox.object(changed.text)?["result"] as? String == "not proved")
  }

  @Test func damageIsFoundAndSaidInBothForms() throws {
    var bytes = try sandbox.directory.read("log/00000000000000000002.segment")
    bytes[300] ^= 1
    _ = try Program.run("/bin/chmod", ["-R", "u+w", sandbox.path("log")])
    try sandbox.directory.write("log/00000000000000000002.segment", bytes)
    let verified = try sandbox.stele("verify", "@log", "--key", "@log.vkey", "--json")
    #expect(verified.status == 2)
    let object = try #require(Sandbox.object(verified.text))
    #expect(object["result"] as? String == "damaged")
    let text = try sandbox.stele("verify", "@log", "--key", "@log.vkey")
    #expect(text.status == 2 && text.text.contains("DAMAGED"))
  }

  @Test func aReaderThatGoesAwayEndsTheOutputQuietly() throws {
    let command =
      "set -o pipefail; '\(Program.stele)' search '\(sandbox.path("log"))' --output raw | head -n 1"
    let result = try Program.run("/bin/bash", ["-c", command])
    #expect(result.text == Sandbox.lines[0] + "\n")
    #expect(result.errors == "")
    // Where SIGPIPE is ignored, as under service managers, the write fails instead.
    let ignored = try Program.run("/bin/bash", ["-c", "trap '' PIPE; " + command])
    #expect(ignored.text == Sandbox.lines[0] + "\n" && ignored.errors == "")
  }

  @Test func everyCommandHasAHelpTextWithExamples() throws {
    let commands = [
      ["init"], ["serve"], ["replay"], ["verify"], ["search"], ["prove"], ["check"], ["seal"], ["inspect"],
      ["explain"], ["config", "check"],
    ]
    for command in commands {
      let help = try Program.run(Program.stele, command + ["--help"], environment: ["COLUMNS": "80"])
      #expect(help.status == 0)
      #expect(help.text.contains("EXAMPLE"), "\(command)")
      #expect(help.text.contains("  stele \(command.joined(separator: " ")) "), "\(command)")
      for line in help.text.split(separator: "\n") where !line.hasPrefix("USAGE") {
        #expect(line.count <= 100, "\(command): \(line)")
      }
    }
  }
}
