import Foundation
import TestSupport
import Testing

/// `stele keys`, and where the private key is read from.
@Suite struct KeysTests {
  private let sandbox: Sandbox

  init() throws { sandbox = try Sandbox() }

  private func show(_ status: Int32 = 0) throws -> [String: Any] {
    let shown = try sandbox.stele("keys", "show", "@log", "--json")
    #expect(shown.status == status, "\(shown.errors)")
    return try #require(Sandbox.object(shown.text))
  }

  private func setMode(_ mode: Int, _ name: String) throws {
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: sandbox.path(name))
  }

  @Test func theNextKeyAndTheSealsAreThoseOfTheLog() throws {
    try sandbox.makeLog()
    let empty = try show()
    #expect(empty["next_number"] as? Int == 1)
    #expect(empty["seals"] as? Int == 1)
    #expect(empty["epoch"] as? Int == 0)
    try sandbox.write("lines", "a\nb\n")
    for _ in 0..<2 {
      let replayed = try sandbox.stele("replay", "@lines", "--into", "@log", "--format", "nginx/combined")
      try #require(replayed.status == 0, "\(replayed.errors)")
    }
    let filled = try show()
    #expect(filled["seals"] as? Int == 3)
    // The checkpoint that the log published is signed by the key before the next.
    let number = try #require(filled["next_number"] as? Int)
    let checkpoint = String(decoding: try sandbox.directory.read("log/checkpoint"), as: UTF8.self)
    #expect(checkpoint.contains("test.example/log#\(number - 1) "))
    // A store that is lost begins an epoch.
    try FileManager.default.removeItem(atPath: sandbox.path("log.next"))
    #expect(try sandbox.stele("replay", "@lines", "--into", "@log", "--format", "nginx/combined").status == 0)
    #expect(try show()["epoch"] as? Int == 1)
  }

  @Test func privateKeysThatOthersMayReadAreToldOf() throws {
    try sandbox.makeLog()
    _ = try show()
    try setMode(0o644, "log.next")
    _ = try show(3)
    #expect(try sandbox.stele("keys", "show", "@log").text.contains("mode 0644: others may read it"))
    try setMode(0o600, "log.next")
    _ = try show()
    try FileManager.default.removeItem(atPath: sandbox.path("log.key"))
    let text = try sandbox.stele("keys", "show", "@log")
    #expect(text.status == 3)
    #expect(text.text.contains("log.key: not here"))
  }

  @Test func whatIsExportedIsWhatVerifyTakes() throws {
    try sandbox.makeFilledLog()
    let exported = try sandbox.stele("keys", "export", "@log")
    #expect(exported.output == (try sandbox.directory.read("log.vkey")))
    let codes = try sandbox.stele("keys", "export", "@log", "--qr").text
    #expect(codes.contains("█▀▀▀▀▀█"))
    #expect(exported.text.split(separator: "\n").allSatisfy { codes.contains($0) })
  }

  @Test func aGeneratedKeySignsAnAuditorsNote() throws {
    try sandbox.makeFilledLog()
    let made = try sandbox.stele("keys", "generate", "test.example/doe", "--output", "@doe.key")
    #expect(made.status == 0, "\(made.errors)")
    try sandbox.write("doe.vkey", made.text)
    let mode = try FileManager.default.attributesOfItem(atPath: sandbox.path("doe.key"))[.posixPermissions]
    #expect(mode as? Int == 0o400)
    let signed = try sandbox.stele(
      "verify", "@log", "--key", "@log.vkey", "--note", "@note", "--sign", "@doe.key")
    #expect(signed.status == 0, "\(signed.errors)")
    #expect(try sandbox.stele("check", "@note", "--key", "@doe.vkey").status == 0)
    // Never over another.
    let before = try sandbox.directory.read("doe.key")
    #expect(try sandbox.stele("keys", "generate", "test.example/doe", "--output", "@doe.key").status == 1)
    #expect(try sandbox.directory.read("doe.key") == before)
    // A witness's verifier key is of another type, and so has another id.
    let witness = try sandbox.stele("keys", "generate", "test.example/w", "--witness", "--output", "@w.key")
    let base64 = witness.text.split(separator: "+", maxSplits: 2)[2].trimmingCharacters(in: .newlines)
    let bytes = try #require(Data(base64Encoded: base64))
    #expect(bytes.first == 4)
    #expect(bytes.count == 33)
    #expect(try sandbox.stele("keys", "generate", "a b").status == 64)
  }

  @Test func theKeyIsReadFromTheServicesCredentialUnlessAFileIsNamed() throws {
    try sandbox.makeLog()
    let credentials = sandbox.path("credentials")
    try FileManager.default.createDirectory(atPath: credentials, withIntermediateDirectories: true)
    let environment = ["CREDENTIALS_DIRECTORY": credentials]
    func seal(_ arguments: String...) throws -> Program.Result {
      try Program.run(
        Program.stele, ["seal", sandbox.path("log")] + arguments.map(sandbox.resolve),
        environment: environment)
    }
    // No such credential: the file beside the log.
    #expect(try seal().status == 0)
    try FileManager.default.moveItem(
      atPath: sandbox.path("log.key"), toPath: "\(credentials)/stele.key")
    let sealed = try seal()
    #expect(sealed.status == 0, "\(sealed.errors)")
    #expect(try sandbox.stele("seal", "@log").status != 0)
    let other = try sandbox.stele("keys", "generate", "test.example/other", "--output", "@other.key")
    #expect(other.status == 0)
    #expect(try seal("--key-file", "@other.key").status != 0)
  }

  /// Makes the signature of the last line of a note a wrong one of the same length.
  private func spoilLastSignature(_ name: String) throws {
    var lines = String(decoding: try sandbox.directory.read(name), as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false
    ).map(String.init)
    let place = try #require(lines.lastIndex { $0.contains("#") })
    let words = lines[place].split(separator: " ")
    var bytes = try #require(Data(base64Encoded: String(words[2])))
    bytes[10] ^= 1
    lines[place] = "\(words[0]) \(words[1]) \(bytes.base64EncodedString())"
    try FileManager.default.removeItem(atPath: sandbox.path(name))
    try sandbox.write(name, lines.joined(separator: "\n"))
  }

  private func verify(_ arguments: [String] = []) throws -> Program.Result {
    let all = ["verify", "@log", "--key", "@log.vkey", "--json"] + arguments
    return try Program.run(Program.stele, all.map(sandbox.resolve))
  }

  @Test func theCheckpointsOneTimeSignatureIsCheckedWithoutDecodingTheLog() throws {
    try sandbox.makeFilledLog()
    try sandbox.directory.write("kept", sandbox.directory.read("log/checkpoint"))
    for arguments in [["--quick"], ["--since", "@kept"]] {
      let clean = try verify(arguments)
      #expect(clean.status == 0, "\(clean.text)")
    }
    try spoilLastSignature("log/checkpoint")
    for arguments in [["--quick"], ["--since", "@kept"]] {
      let found = try verify(arguments)
      #expect(found.status == 2)
      #expect(found.text.contains("wrong signature by one-time key"), "\(found.text)")
    }
  }

  /// The seals of what was removed lead from the first key to what is left.
  @Test func theChainOfKeysGoesOnBehindRemovedSegments() throws {
    try sandbox.makeFilledLog()
    try sandbox.write("more", "a\nb\n")
    #expect(try sandbox.stele("replay", "@more", "--into", "@log", "--format", "nginx/combined").status == 0)
    let pruned = try sandbox.stele("prune", "@log", "--keep", "1B", "--json")
    #expect(Sandbox.object(pruned.text)?["segments"] as? Int ?? 0 >= 2, "\(pruned.errors)")
    let clean = try verify()
    #expect(clean.status == 0, "\(clean.text)")
    let names = try FileManager.default.contentsOfDirectory(atPath: sandbox.path("log")).sorted()
    let seals = names.filter { $0.hasSuffix(".seal") }
    let segments = names.filter { $0.hasSuffix(".segment") }
    try #require(seals.count > segments.count && !segments.isEmpty)
    // The last seal of what was removed, whose key only the seals before it name.
    let before = seals[seals.count - segments.count - 1]
    try spoilLastSignature("log/\(before)")
    let found = try verify()
    #expect(found.status == 2)
    #expect(found.text.contains("lacks a good signature by one-time key"), "\(found.text)")
  }
}
