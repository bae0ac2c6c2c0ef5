import Foundation
import TestSupport
import Testing

@Suite struct ScrubTests {
  private static func start(_ sandbox: Sandbox) throws -> DaemonProcess {
    try sandbox.write(
      "stele.yaml",
      """
      log: {directory: log}
      scrub: {rate: 1GiB/s, every: 1s}
      sources:
        - {name: edge, listen: 'udp://127.0.0.1:0', format: nginx/combined}
      """)
    return try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
  }

  /// The log's own entries of a type.
  private static func entries(_ sandbox: Sandbox, _ type: String) throws -> [[String: Any]] {
    let found = try sandbox.stele("search", "@log", "--entries", "control", "--output", "raw")
    return found.text.split(separator: "\n").compactMap { Sandbox.object($0) }
      .filter { $0["type"] as? String == type }
  }

  @Test func aDaemonFindsAFlippedByteInASealedSegment() throws {
    let sandbox = try Sandbox()
    try sandbox.makeFilledLog()
    let daemon = try Self.start(sandbox)
    func wait(_ type: String) throws -> Bool {
      for _ in 0..<100 {
        if try !Self.entries(sandbox, type).isEmpty { return true }
        usleep(100_000)
      }
      return false
    }
    #expect(try wait("scrub"))
    let clean = try #require(try Self.entries(sandbox, "scrub").first)
    #expect(clean["segments"] as? Int == 2 && clean["findings"] as? Int == 0 && clean["first"] as? Int == 0)
    #expect(clean["bytes"] as? Int ?? 0 > 0 && clean["end"] as? Int ?? 0 > Sandbox.lines.count)
    #expect(try Self.entries(sandbox, "alarm").isEmpty)
    #expect(!daemon.program.errors.contains("scrub"))

    let name = "00000000000000000000.segment"
    var bytes = try sandbox.directory.read("log/" + name)
    bytes[bytes.count / 2] ^= 4
    unsafe chmod(sandbox.path("log/" + name), 0o640)
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: sandbox.path("log/" + name)))
    try handle.write(contentsOf: Data(bytes))
    try handle.close()
    // With the second alarm, the round of the first is written down.
    let isFound = daemon.program.wait(30) {
      $0.errors.components(separatedBy: "critical: scrub: \(name)").count > 2
    }
    #expect(isFound, "\(daemon.program.errors)")
    #expect(daemon.stop().status == 0)
    bytes[bytes.count / 2] ^= 4
    try sandbox.directory.write("log/" + name, bytes)
    let alarm = try #require(try Self.entries(sandbox, "alarm").first)
    #expect(alarm["kind"] as? String == "scrub")
    #expect((alarm["finding"] as? [String: Any])?["file"] as? String == name)
    #expect(try Self.entries(sandbox, "scrub").contains { $0["findings"] as? Int == 1 })
    #expect(try sandbox.stele("verify", "@log", "--key", "@log.vkey").status == 0)
  }

  /// At a byte rate at which the round would take an hour.
  @Test func aScrubEndsAtOnce() throws {
    let sandbox = try Sandbox()
    try sandbox.makeLog()
    try sandbox.write(
      "lines", (0..<60_000).map { "\($0) \(UUID().uuidString)" }.joined(separator: "\n") + "\n")
    try #require(try sandbox.stele("replay", "@lines", "--into", "@log").status == 0)
    try sandbox.write(
      "stele.yaml",
      """
      log: {directory: log}
      scrub: {rate: 4KiB/s}
      sources:
        - {name: edge, listen: 'udp://127.0.0.1:0', format: nginx/combined}
      """)
    let daemon = try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
    usleep(200_000)
    let start = Date()
    #expect(daemon.stop().status == 0)
    #expect(Date().timeIntervalSince(start) < 10)
    #expect(try Self.entries(sandbox, "scrub").isEmpty)
  }
}
