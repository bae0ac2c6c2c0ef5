import Foundation
import Testing

/// A log's tree on the web, audited by another implementation.
@Suite(.needs(.go)) struct PublishTests {
  private static func lines(_ count: Int, from first: Int) -> String {
    (first..<first + count).map { number in
      "192.0.2.\(number % 250) - - [23/Nov/2026:08:00:10 +0000] \"GET /item/\(number) HTTP/1.1\" 200 7 \"-\" \"curl\"\n"
    }.joined()
  }

  /// The auditor, built without any module that is not installed.
  private static func auditor(_ scratch: Scratch) throws -> String {
    let go = try #require(Program.go.path)
    let environment = [
      "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": scratch.file("cache"), "GOFLAGS": "",
    ]
    let built = try run(
      "/usr/bin/env",
      environment.map { "\($0.key)=\($0.value)" } + [
        go, "build", "-o", scratch.file("audit"), "\(Repository.tests)/Servers/audit.go",
      ], in: scratch)
    try #require(built.status == 0, "\(built.complaints)")
    return scratch.file("audit")
  }

  @Test func goAuditsALogThatIsPublishedWhileItGrows() throws {
    let scratch = try Scratch()
    let auditor = try Self.auditor(scratch)
    let log = try SteleLog(in: scratch)
    let key = try #require(scratch.text("log/vkey").split(separator: "\n").first)
    func replay(_ count: Int, from first: Int) throws {
      try scratch.write("lines", Self.lines(count, from: first))
      _ = try log.stele([
        "replay", scratch.file("lines"), "--into", log.directory, "--format", "nginx/combined",
      ])
    }
    try replay(300, from: 0)
    let site = try Child(
      stelePath,
      [
        "publish", scratch.file("tiles"), "--log", log.directory, "--listen", "http://127.0.0.1:0", "--every",
        "50ms",
      ], name: "publish", in: scratch)
    defer { site.stop() }
    waitUntil("the site") { site.printed.contains("\n") }
    let url = try #require(site.printed.split(separator: "\n").first?.split(separator: " ").last)
    var kept: [String] = []
    // Partial tiles, tiles that come to be full, and an edge that is exactly one.
    for count in [0, 10, 300, 70_000] {
      if count > 0 { try replay(count, from: 1000) }
      let checkpoint = scratch.text("log/checkpoint")
      waitUntil("the checkpoint") { scratch.text("tiles/checkpoint") == checkpoint }
      let audited = try run(auditor, [String(url), String(key)] + kept, in: scratch)
      #expect(audited.status == 0, "\(audited.complaints)")
      let size = checkpoint.split(separator: "\n").dropFirst().first ?? ""
      #expect(audited.text == "\(size) \(kept.count)\n")
      kept.append(scratch.file("checkpoint-\(kept.count)"))
      try scratch.write("checkpoint-\(kept.count - 1)", checkpoint)
    }
    // One bit of one entry, and the auditor says so.
    var bundle = scratch.read("tiles/tile/entries/000")
    bundle[5000] ^= 1
    try scratch.write("tiles/tile/entries/000", bundle)
    let audited = try run(auditor, [String(url), String(key)], in: scratch)
    #expect(audited.status != 0)
  }
}
