import Foundation
import Testing

/// The `stele` that was built with these tests.
let stelePath: String = {
  let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
  return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("stele").path
}()

/// A log in a scratch directory, looked at through the commands only.
struct SteleLog {
  let scratch: Scratch
  let directory: String

  init(in scratch: Scratch, _ name: String = "log") throws {
    self.scratch = scratch
    directory = scratch.file(name)
    let made = try run(stelePath, ["init", directory, "--origin", "test.example/\(name)"], in: scratch)
    try #require(made.status == 0, "\(made.complaints)")
  }

  func stele(_ arguments: [String], _ sourceLocation: SourceLocation = #_sourceLocation) throws -> Finished {
    let finished = try run(stelePath, arguments, in: scratch, sourceLocation)
    try #require(
      finished.status == 0,
      "stele \(arguments.joined(separator: " ")): \(finished.complaints)\(finished.text)",
      sourceLocation: sourceLocation)
    return finished
  }

  /// Expects that `verify` finds nothing.
  func expectIntact(_ sourceLocation: SourceLocation = #_sourceLocation) throws {
    let verified = try run(stelePath, ["verify", directory, "--json"], in: scratch, sourceLocation)
    #expect(
      verified.status == 0, "verify: \(verified.text)\(verified.complaints)", sourceLocation: sourceLocation)
  }

  /// What `search --output raw` prints: each message and a line feed.
  func raw(_ expression: String? = nil, _ sourceLocation: SourceLocation = #_sourceLocation) throws -> [UInt8]
  {
    try stele(["search", directory] + (expression.map { [$0] } ?? []) + ["--output", "raw"], sourceLocation)
      .output
  }

  /// The same, cut into lines. Only for messages that hold no line feed.
  func lines(_ expression: String? = nil, _ sourceLocation: SourceLocation = #_sourceLocation) throws
    -> [[UInt8]]
  {
    var lines = try raw(expression, sourceLocation).split(separator: 10, omittingEmptySubsequences: false)
      .map(Array.init)
    #expect(lines.last == [], "the last line ends", sourceLocation: sourceLocation)
    lines.removeLast()
    return lines
  }

  /// What `search --output ndjson` prints: messages only, or with what Stele itself wrote.
  func events(
    _ expression: String? = nil, entries: String = "received",
    _ sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> [LoggedEvent] {
    let found = try stele(
      ["search", directory] + (expression.map { [$0] } ?? []) + ["--output", "ndjson", "--entries", entries],
      sourceLocation)
    return try found.text.split(separator: "\n").map { try LoggedEvent(json: String($0)) }
  }

  /// Control entries of a type, oldest first: what Stele itself wrote.
  func records(_ type: String) throws -> [LoggedEvent] {
    try stele(["search", directory, "action = \(type)", "--entries", "control", "--output", "raw"]).text
      .split(
        separator: "\n"
      )
      .map { try LoggedEvent(json: String($0)) }
  }
}

/// One object of `search --output ndjson`.
struct LoggedEvent {
  let fields: [String: Any]

  init(json: String) throws {
    fields = try #require(JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any], "\(json)")
  }

  func text(_ name: String) -> String? { fields[name] as? String }
  func number(_ name: String) -> Int? { (fields[name] as? NSNumber)?.intValue }
  func object(_ name: String) -> LoggedEvent? {
    (fields[name] as? [String: Any]).map(LoggedEvent.init(fields:))
  }

  init(fields: [String: Any]) { self.fields = fields }
}
