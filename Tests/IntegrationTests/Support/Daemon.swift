import Foundation
import Testing

/// A running `stele serve`.
final class Daemon {
  let child: Child
  let log: SteleLog

  /// Starts it on the sources of a YAML list; each may listen on port 0.
  convenience init(_ log: SteleLog, commit: String = "50ms", sources: String) throws {
    let name = "serve-\(UInt32.random(in: 0 ... .max)).yaml"
    let configuration = "log:\n  directory: \(log.directory)\ncommit: \(commit)\nsources:\n\(sources)"
    try log.scratch.write(name, configuration)
    let count = sources.split(separator: "\n").count { $0.contains("listen:") }
    try self.init(log, arguments: ["--config", log.scratch.file(name)], sourceCount: count)
  }

  /// Starts it with flags alone.
  convenience init(_ log: SteleLog, listening urls: [String], flags: [String]) throws {
    let listen = urls.flatMap { ["--listen", $0] }
    try self.init(log, arguments: ["--log", log.directory] + listen + flags, sourceCount: urls.count)
  }

  init(_ log: SteleLog, arguments: [String], sourceCount: Int, environment: [String: String] = [:]) throws {
    self.log = log
    child = try Child(
      stelePath, ["serve", "--status-json"] + arguments, name: "serve-\(UInt32.random(in: 0 ... .max))",
      in: log.scratch, environment: environment)
    try waitUntil("stele serve: \(child.complaints)") {
      try #require(child.isRunning, "\(child.complaints)")
      return child.complaints.split(separator: "\n").count { $0.contains("listening on") } >= sourceCount
    }
  }

  /// The port that the kernel gave a source.
  func port(_ source: String) throws -> UInt16 {
    let line = try #require(
      child.complaints.split(separator: "\n").first { $0.contains("source \(source): listening on") })
    return try #require(UInt16(line.split(separator: ":").last ?? ""))
  }

  /// The newest line of `--status-json`.
  var status: LoggedEvent? {
    let printed = child.printed
    guard let end = printed.lastIndex(of: "\n") else { return nil }
    return printed[..<end].split(separator: "\n").last.flatMap { try? LoggedEvent(json: String($0)) }
  }

  /// The source that listens for a scheme, where the daemon gave it its name, and its port; 0 for unix.
  func source(for scheme: String) throws -> (name: String, port: UInt16) {
    let lines = child.complaints.split(separator: "\n")
    let line = try #require(lines.first { $0.contains("listening on \(scheme)://") })
    let name = try #require(line.firstMatch(of: /source (\S+): listening/)).1
    return (String(name), UInt16(line.split(separator: ":").last ?? "") ?? 0)
  }

  /// What a source has received.
  func received(_ source: String) -> Int {
    status?.object("sources")?.object(source)?.number("received") ?? 0
  }

  func waitFor(_ count: Int, from source: String, _ sourceLocation: SourceLocation = #_sourceLocation) {
    let enough = waitUntil("\(count) messages of \(source)", sourceLocation) { received(source) >= count }
    if !enough {
      Issue.record("\(received(source)) came; \(child.complaints)", sourceLocation: sourceLocation)
    }
  }

  /// Ends it as systemd does, and expects that it ends well.
  func stop(_ sourceLocation: SourceLocation = #_sourceLocation) {
    let status = child.stop(SIGTERM, sourceLocation)
    #expect(status == 0, "\(child.complaints)", sourceLocation: sourceLocation)
  }
}
