// What changes of a configuration are taken over while the daemon runs, and which are refused by name.
import Testing

@testable import stele

@Suite struct DifferenceTests {
  private static let text = """
    log: {directory: /l}
    sources:
      - {name: a, listen: 'tcp://127.0.0.1:1'}

    """

  private static func settings(_ text: String) throws -> Settings {
    try Settings(parsing: text, file: "x", environment: { _ in nil })
  }

  @Test(arguments: [
    ("log: {directory: /l}", "log: {directory: /l, reserve: 1GiB}", []),
    ("log: {directory: /l}", "log: {directory: /l, key: /k}", ["log.key"]),
    ("log: {directory: /l}", "log: {directory: /l}\nhttp: {listen: '127.0.0.1:9464'}", []),
    ("log: {directory: /l}", "log: {directory: /l}\ncommit: 1s", []),
    ("tcp://127.0.0.1:1'", "tcp://127.0.0.1:1', rate: 5", []),
    ("tcp://127.0.0.1:1'", "tcp://127.0.0.1:1', connections_per_peer: 5, idle_timeout: 1m", []),
    ("tcp://127.0.0.1:1'", "tcp://127.0.0.1:1', reconcile: {nginx: 'http://127.0.0.1:2/s'}", []),
  ])
  func everyChangeIsSeen(_ old: String, _ new: String, refused: [String]) throws {
    let changed = Self.text.replacing(old, with: new)
    let difference = SettingsDifference(try Self.settings(Self.text), try Self.settings(changed))
    #expect(!difference.changes.isEmpty && !difference.isIncomplete)
    #expect(difference.unchangeable.isEmpty == refused.isEmpty)
    #expect(refused.allSatisfy { key in difference.unchangeable.contains { $0.key == key } })
    #expect(difference.sources == (old.hasPrefix("tcp") ? ["a"] : []))
    let same = SettingsDifference(try Self.settings(changed), try Self.settings(changed))
    #expect(same.changes.isEmpty && !same.isIncomplete)
  }
}
