import Foundation
import TestSupport
import Testing

/// `verify` over several logs, its report and note, and proofs between checkpoints, as an auditor uses them.
@Suite struct AuditTests {
  @Test func severalLogsAreVerifiedInOneRunWithTheirOwnKeys() throws {
    let sandbox = try Sandbox()
    try sandbox.makeFilledLog("a")
    try sandbox.makeFilledLog("b")
    try sandbox.directory.copy("b/checkpoint", to: "b.old")
    let both = try sandbox.stele(
      "verify", "@a", "@b", "--key", "@b.vkey", "--key", "@a.vkey", "--checkpoint", "@b.old", "--json")
    #expect(both.status == 0, "\(both.errors)")
    let logs = try #require(Sandbox.object(both.text)?["logs"] as? [[String: Any]])
    #expect(logs.map { $0["origin"] as? String } == ["test.example/a", "test.example/b"])
    #expect(logs.map { $0["key_source"] as? String } == ["given", "given"])
    #expect(logs.map { $0["given_checkpoint"] is NSNull } == [true, false])
    // The other log's key is no key.
    #expect(try sandbox.stele("verify", "@a", "@b", "--key", "@a.vkey").status == 2)
    #expect(try sandbox.stele("verify", "@a", "@nowhere").status == 66)
    // A checkpoint that goes with none of them would be passed over.
    try sandbox.makeFilledLog("c")
    #expect(try sandbox.stele("verify", "@a", "@b", "--checkpoint", "@c/checkpoint").status == 64)
    #expect(try sandbox.stele("verify", "@a", "--checkpoint", "@c/checkpoint").status == 2)
    #expect(try sandbox.stele("verify", "@a", "--note", "@note").status == 64)
  }

  @Test func theReportIsFiledAndItsNoteReadBack() throws {
    let sandbox = try Sandbox()
    try sandbox.makeFilledLog("a")
    try sandbox.makeLog("auditor")
    let verified = try sandbox.stele(
      "verify", "@a", "--key", "@a.vkey", "--report", "@report", "--note", "@note", "--sign", "@auditor.key")
    #expect(verified.status == 0, "\(verified.errors)")
    let report = String(decoding: try sandbox.directory.read("report"), as: UTF8.self)
    #expect(report.contains("stele 0.1.0") && report.contains("HOW TO REPEAT\n  stele verify "))
    let hash = try Program.run(
      "/bin/bash", ["-c", "openssl dgst -sha256 -binary '\(sandbox.path("report"))' | base64"])
    let read = try sandbox.stele("check", "@note", "--key", "@auditor.vkey")
    #expect(read.status == 0, "\(read.errors)")
    #expect(read.text.contains("report \(hash.text)"))
    #expect(read.text.contains("result intact\nchecked full\n"))
    #expect(try sandbox.stele("check", "@note", "--key", "@a.vkey").status == 2)
  }

  @Test func aLogIsProvedToHaveOnlyGrown() throws {
    let sandbox = try Sandbox()
    try sandbox.makeLog("a")
    try sandbox.directory.copy("a/checkpoint", to: "old")
    try sandbox.write("lines", Sandbox.lines.joined(separator: "\n"))
    #expect(try sandbox.stele("replay", "@lines", "--into", "@a").status == 0)
    let made = try sandbox.stele("prove", "@a", "--from", "@old", "--output", "@proof")
    #expect(made.status == 0, "\(made.errors)")
    let checked = try sandbox.stele("check", "@proof", "--key", "@a.vkey", "--json")
    #expect(checked.status == 0 && checked.text.contains(#""result":"proved""#), "\(checked.errors)")
    #expect(try sandbox.stele("inspect", "@proof").text.hasPrefix("Consistency"))
    #expect(try sandbox.stele("prove", "@a", "--from", "1", "--to", "5", "--output", "@part").status == 0)
    #expect(try sandbox.stele("check", "@part", "--key", "@a.vkey").status == 3)
    // Another log's checkpoint under this log's name: the same key signs a fork.
    try sandbox.makeLog("b")
    #expect(try sandbox.stele("check", "@proof", "--key", "@b.vkey").status == 2)
    #expect(try sandbox.stele("prove", "@a", "--from", "@b/checkpoint").status == 2)
    #expect(try sandbox.stele("prove", "@a", "3", "--from", "@old").status == 64)
    #expect(try sandbox.stele("prove", "@a").status == 64)
  }
}
