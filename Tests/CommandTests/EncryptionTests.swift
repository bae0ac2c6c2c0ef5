import Foundation
import TestSupport
import Testing

/// Encrypted logs on the command line, and what `openssl` makes of them.
@Suite struct EncryptionTests {
  private static func sandbox() throws -> Sandbox {
    let sandbox = try Sandbox()
    try sandbox.makeLog()
    for (name, identity) in [("rsa", TestIdentity.rsa), ("ec", .ec), ("other", .stranger)] {
      try sandbox.directory.write("\(name).crt", identity.certificate)
      try sandbox.directory.write("\(name).key", identity.key)
    }
    try sandbox.write("lines", lines)
    let replayed = try sandbox.stele(
      "replay", "@lines", "--into", "@log", "--recipient", "@rsa.crt", "--recipient", "@ec.crt")
    try #require(replayed.status == 0, "\(replayed.errors)")
    return sandbox
  }

  private static let lines = Sandbox.lines.joined(separator: "\n") + "\n"
  private static let sidecar = "00000000000000000002.cms"

  @Test func whoHasARecipientsKeyReadsWhatOthersOnlyVerify() throws {
    let sandbox = try Self.sandbox()
    for key in ["@rsa.key", "@ec.key"] {
      let found = try sandbox.stele("search", "@log", "--output", "raw", "--decrypt", key)
      #expect(found.status == 0, "\(found.errors)")
      #expect(found.text == Self.lines)
      #expect(try sandbox.stele("verify", "@log", "--key", "@log.vkey", "--decrypt", key).status == 0)
    }
    let verified = try sandbox.stele("verify", "@log", "--key", "@log.vkey")
    #expect(verified.status == 0)
    #expect(verified.text.contains("20 entries, checked by the chain alone"))
    let closed = try sandbox.stele("search", "@log", "--output", "raw", "http.status >= 200")
    #expect(closed.status == 3)
    #expect(closed.text == "")
    #expect(closed.errors.contains("20 entries are encrypted"))
    #expect(try sandbox.stele("search", "@log", "--decrypt", "@other.key").status == 3)
    #expect(try sandbox.stele("verify", "@log", "--decrypt", "@other.key").status == 3)
    let own = try sandbox.stele("search", "@log", "--output", "raw", "--entries", "control")
    #expect(own.status == 0)
    #expect(own.text.contains(#""type":"source""#) && own.text.contains(#""type":"format""#))
  }

  @Test func anEncryptedEntryIsProvedByWhoCanReadIt() throws {
    let sandbox = try Self.sandbox()
    #expect(try sandbox.stele("prove", "@log", "5").status == 3)
    let made = try sandbox.stele(
      "prove", "@log", "5", "--disclose", "--decrypt", "@ec.key", "--certificate", "@ec.crt", "--output",
      "@proof")
    #expect(made.status == 0, "\(made.errors)")
    let checked = try sandbox.stele("check", "@proof", "--key", "@log.vkey")
    #expect(checked.status == 0)
    #expect(checked.text.contains(Sandbox.lines[2]))
  }

  @Test func opensslOpensTheSidecarForEachRecipient() throws {
    let sandbox = try Self.sandbox()
    let openssl = try #require(Program.find("openssl"))
    var keys: Set<[UInt8]> = []
    for name in ["rsa", "ec"] {
      let opened = try Program.run(
        openssl,
        [
          "cms", "-decrypt", "-binary", "-inform", "DER", "-in", sandbox.path("log/" + Self.sidecar),
          "-inkey",
          sandbox.path(name + ".key"), "-recip", sandbox.path(name + ".crt"),
        ])
      #expect(opened.status == 0, "\(opened.errors)")
      #expect(opened.output.count == 32)
      keys.insert(opened.output)
    }
    #expect(keys.count == 1)
    let other = try Program.run(
      openssl,
      [
        "cms", "-decrypt", "-binary", "-inform", "DER", "-in", sandbox.path("log/" + Self.sidecar), "-inkey",
        sandbox.path("other.key"),
      ])
    #expect(!keys.contains(other.output))
    // The host has forgotten the key, and nothing on disk holds a line.
    let slots = try sandbox.directory.read("log.next")[(5 * 512)...]
    #expect(slots.allSatisfy { $0 == 0 })
    for name in try FileManager.default.contentsOfDirectory(atPath: sandbox.path("log"))
    where name.hasSuffix(".segment") {
      #expect(try Data(sandbox.directory.read("log/" + name)).range(of: Data("curl/8.5".utf8)) == nil)
    }
  }

  /// The host has forgotten the keys, and yet proves that the log only grew: to witnesses, and to anybody.
  @Test func thatItOnlyGrewIsProvedWithoutAnyKey() throws {
    let sandbox = try Self.sandbox()
    var kept: [String] = []
    for count in [1, 3, 300, 20, 700] {
      kept.append("@kept-\(kept.count)")
      try sandbox.directory.copy("log/checkpoint", to: "kept-\(kept.count - 1)")
      try sandbox.write("more", (0..<count).map { "line \($0)\n" }.joined())
      let replayed = try sandbox.stele("replay", "@more", "--into", "@log", "--recipient", "@rsa.crt")
      #expect(replayed.status == 0, "\(replayed.errors)")
    }
    for (number, from) in kept.enumerated() {
      for to in kept[(number + 1)...] + ["@log/checkpoint"] {
        let proved = try sandbox.stele(
          "prove", "@log", "--from", from, "--to", to, "--output", "@proof")
        #expect(proved.status == 0, "\(from) to \(to): \(proved.errors)")
        #expect(try sandbox.stele("check", "@proof", "--key", "@log.vkey").status == 0)
      }
    }
    // Nothing else says it.
    try FileManager.default.removeItem(atPath: sandbox.path("log/tile/kept"))
    #expect(try sandbox.stele("prove", "@log", "--from", kept[0], "--output", "@proof").status == 3)
    #expect(try sandbox.stele("verify", "@log", "--key", "@log.vkey").status == 0)
  }

  @Test func theTreeIsExportedByWhoCanReadIt() throws {
    let sandbox = try Self.sandbox()
    for options in [[], ["--decrypt", "@other.key"]] {
      let refused = try Program.run(
        Program.stele, (["export", "@log", "@tiles"] + options).map(sandbox.resolve))
      #expect(refused.status == 3)
      #expect(refused.errors.contains("entries 3 to 22 are encrypted"), "\(refused.errors)")
      #expect(refused.errors.contains("--decrypt"))
    }
    let exported = try sandbox.stele(
      "export", "@log", "@tiles", "--decrypt", "@ec.key", "--certificate", "@ec.crt")
    #expect(exported.status == 0, "\(exported.errors)")
    #expect(try sandbox.directory.read("tiles/checkpoint") == sandbox.directory.read("log/checkpoint"))
    // And on, while somebody serves it.
    #expect(try sandbox.stele("publish", "@tiles", "--listen", "a", "--decrypt", "@ec.key").status == 64)
    let site = try Program(
      Program.stele,
      [
        "publish", "@tiles", "--log", "@log", "--decrypt", "@rsa.key", "--listen", "http://127.0.0.1:0",
        "--every", "20ms",
      ].map(sandbox.resolve))
    #expect(site.wait(30) { !$0.output.isEmpty }, "\(site.errors)")
    #expect(
      try sandbox.stele("replay", "@lines", "--into", "@log", "--recipient", "@rsa.crt").status == 0)
    let newest = try sandbox.directory.read("log/checkpoint")
    #expect(site.wait(30) { _ in (try? sandbox.directory.read("tiles/checkpoint")) == newest })
    site.signal(SIGTERM)
    #expect(site.wait().status == 0)
  }

  @Test func inspectSaysWhatIsEncrypted() throws {
    let sandbox = try Self.sandbox()
    #expect(
      try sandbox.stele("inspect", "@log").text.contains("00000000000000000002.segment  sealed, encrypted"))
    let segment = try sandbox.stele("inspect", "@log/00000000000000000002.segment")
    #expect(segment.text.contains("1 of 3 blocks; SHA-256 of the key's file"))
  }

  @Test func aFileThatIsNoCertificateIsNamed() throws {
    let sandbox = try Self.sandbox()
    for (option, file) in [("--recipient", "@ec.key"), ("--recipient", "@none.crt")] {
      let refused = try sandbox.stele("replay", "@lines", "--into", "@log", option, file)
      #expect(refused.status != 0)
      #expect(refused.errors.contains(sandbox.resolve(file)))
    }
    #expect(try sandbox.stele("search", "@log", "--decrypt", "@ec.crt").status == 1)
    #expect(try sandbox.stele("search", "@log", "--certificate", "@ec.crt").status == 64)
  }
}
