// The page is generated: UPDATE_FIELDS=1 swift test --filter FieldPage
import Events
import Foundation
import Testing

@Suite struct FieldPageTests {
  private static let page = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Sources/Events/Events.docc/Fields.md")

  @Test func thePageIsWhatTheCodeSays() throws {
    if ProcessInfo.processInfo.environment["UPDATE_FIELDS"] == "1" {
      try FileManager.default.createDirectory(
        at: Self.page.deletingLastPathComponent(), withIntermediateDirectories: true)
      try FieldPage.text.write(to: Self.page, atomically: true, encoding: .utf8)
    }
    let text = try String(contentsOf: Self.page, encoding: .utf8)
    #expect(text == FieldPage.text, "UPDATE_FIELDS=1 swift test --filter FieldPage writes it anew")
  }

  @Test func everyFieldKindAndReasonIsOnThePage() {
    let lines = FieldPage.text.split(separator: "\n")
    for field in Field.allCases {
      #expect(lines.count { $0.hasPrefix("| `\(field.name)` | \(field.type.rawValue) | ") } == 1, "\(field)")
    }
    for kind in EventKind.allCases {
      #expect(lines.contains { $0.hasPrefix("| `\(kind.rawValue)` | ") }, "\(kind)")
    }
    for reason in NullReason.allCases { #expect(lines.contains { $0.hasPrefix("| `\(reason.name)` | ") }) }
    let status = "| `http.status` | status | Status sent to the client; -1 or 0 when none was "
    let names = "| `http.response.status_code` | `http.response.status_code` | `http_response.code` |"
    #expect(lines.contains { $0 == status + names })
  }
}
