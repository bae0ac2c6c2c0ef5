import Foundation
import Testing

/// The page `Threats.md` of the format's documentation: a table is worth what its tests are.
@Suite struct ThreatPageTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  @Test func everyTestThatThePageNamesIsThere() throws {
    let page = try String(
      contentsOf: Self.root.appendingPathComponent("Sources/Segments/Segments.docc/Threats.md"),
      encoding: .utf8)
    let quoted = page.split(separator: "`", omittingEmptySubsequences: false)
    let names = quoted.enumerated().filter { $0.offset % 2 == 1 }.map { String($0.element) }
      .filter { $0.count > 20 && $0.allSatisfy { $0.isASCII && $0.isLetter } }
    #expect(names.count > 30)
    let sources = try Self.sources()
    for name in names {
      #expect(sources.contains { $0.contains("func \(name)(") }, "no test is called \(name)")
    }
  }

  private static func sources() throws -> [String] {
    let tests = root.appendingPathComponent("Tests")
    let files = try #require(FileManager.default.enumerator(at: tests, includingPropertiesForKeys: nil))
    return try files.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
      .map { try String(contentsOf: $0, encoding: .utf8) }
  }
}
