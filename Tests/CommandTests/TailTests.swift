import Foundation
import TestSupport
import Testing

@Suite struct TailTests {
  private let sandbox: Sandbox

  init() throws {
    sandbox = try Sandbox()
    try sandbox.makeFilledLog()
  }

  private func follow(_ arguments: String...) throws -> Program {
    try Program(Program.stele, ["tail", sandbox.path("log")] + arguments)
  }

  @Test func theLastEntriesAreThoseOfASearch() throws {
    for form in ["table", "raw", "ndjson", "ecs"] {
      let shown = try sandbox.stele("tail", "@log", "--no-follow", "-n", "3", "--output", form)
      let found = try sandbox.stele("search", "@log", "--last", "3", "--output", form)
      #expect(shown.status == 0 && shown.text == found.text && shown.text.filter(\.isNewline).count == 3)
    }
    let few = try sandbox.stele("tail", "@log", "http.status = 503", "--no-follow", "--output", "raw")
    #expect(few.text == stride(from: 0, to: 20, by: 5).map { Sandbox.lines[$0] + "\n" }.joined())
    #expect(try sandbox.stele("tail", "@log", "--no-follow", "-n", "0").text == "")
    #expect(try sandbox.stele("tail", "@log", "http.statis = 1").status == 64)
    #expect(try sandbox.stele("tail", "@log", "-n", "-1").status == 64)
    #expect(try sandbox.stele("tail", "@none").status == 66)
  }

  /// Segments end every second, and are rewritten; the daemon is killed and started anew in between.
  @Test func whatComesIsShownOnceAndInOrderOverSegmentsAndRestarts() throws {
    try sandbox.write(
      "stele.yaml",
      """
      log: {directory: log}
      commit: 20ms
      segment: {age: 1s}
      sources: [{name: a, listen: 'tcp://127.0.0.1:0', format: nginx/combined}]

      """)
    let tail = try follow("-n", "2", "--output", "raw")
    let parts = try follow("http.status = 503", "-n", "0", "--output", "raw")
    #expect(tail.wait(30) { $0.text.filter(\.isNewline).count == 2 })
    var sent: [String] = []
    for run in 0..<2 {
      let daemon = try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
      for round in 0..<12 {
        let lines = Sandbox.lines.map { $0.replacing("curl/8.5", with: "\(run).\(round)") }
        try sandbox.write("lines", lines.joined(separator: "\n") + "\n")
        #expect(try sandbox.stele("replay", "@lines", "--to", daemon.url("a"), "--rate", "100").status == 0)
        sent += lines
      }
      let expected = 2 + sent.count
      #expect(tail.wait(30) { $0.text.filter(\.isNewline).count >= expected }, "\(tail.errors)")
      if run == 0 { daemon.program.signal(SIGKILL) } else { #expect(daemon.stop().status == 0) }
    }
    #expect(tail.text == (Sandbox.lines.suffix(2) + sent).map { $0 + "\n" }.joined())
    let chosen = sent.filter { $0.contains("\" 503 ") }
    #expect(parts.wait(30) { $0.text.filter(\.isNewline).count >= chosen.count })
    #expect(parts.text == chosen.map { $0 + "\n" }.joined() && !chosen.isEmpty)
    let segments = try FileManager.default.contentsOfDirectory(atPath: sandbox.path("log"))
      .filter { $0.hasSuffix(".segment") }
    #expect(segments.count > 3, "\(segments)")
    for (program, signal) in [(tail, SIGINT), (parts, SIGTERM)] {
      program.signal(signal)
      let ended = program.wait()
      #expect(ended.status == 0 && ended.errors == "", "\(ended.errors)")
    }
  }

  @Test func itEndsWhenNobodyReadsItsOutput() throws {
    let command = "'\(Program.stele)' tail '\(sandbox.path("log"))' --output raw | head -n 1"
    let result = try Program.run(
      "/usr/bin/timeout", ["60", "/bin/bash", "-c", "set -o pipefail; " + command])
    #expect(result.status == 0 && result.errors == "", "\(result.errors)")
    #expect(result.text == Sandbox.lines[10] + "\n")
  }
}
