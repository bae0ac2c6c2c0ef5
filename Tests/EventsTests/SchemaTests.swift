import Bytes
import Events
import Foundation
import Testing

/// The outputs against the published schemas, which Python packages carry: see `Packaging/test.sh`.
@Suite struct SchemaTests {
  /// A Python that has the packages.
  private static let python = ProcessInfo.processInfo.environment["STELE_SCHEMAS"]
  private static let mend: Comment =
    "pip install ocsf-json-schema jsonschema opentelemetry-proto opentelemetry-semantic-conventions, and put that python's path in STELE_SCHEMAS"

  @Test(.enabled(if: python != nil, mend), arguments: ["ocsf", "otel"])
  func outputsAreValid(kind: String) throws {
    var samples = SampleEvents(seed: 99)
    var out = ByteBuffer()
    for number in 0..<600 {
      samples.event(share: number % 3 == 0 ? 2 : 6) { event in
        if kind == "ocsf" { event.appendOCSF(to: &out) } else { event.appendOTLP(to: &out) }
        out.append(UInt8(ascii: "\n"))
      }
    }
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("stele-\(kind)-\(UUID()).jsonl")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(out.view.array).write(to: file)
    let (status, text) = try Self.validate(kind, file)
    #expect(status == 0, "\(text)")
    #expect(text.contains("600 lines, 0 faults"))
  }

  /// A validator that lets everything pass proves nothing.
  @Test(
    .enabled(if: python != nil, mend),
    arguments: [
      ("ocsf", "\"severity_id\":", "\"severty_id\":"), ("ocsf", "\"category_uid\":4", "\"category_uid\":6"),
      ("otel", "\"service.name\"", "\"service.nme\""), ("otel", "\"timeUnixNano\"", "\"timeUnixNanos\""),
    ])
  func faultsAreFound(kind: String, right: String, wrong: String) throws {
    var event = Event()
    event.set(.httpMethod, text: "GET")
    event.finish(format: "nginx/x", EventContext(receiveTime: 1_767_225_600_000_000_000))
    var out = ByteBuffer()
    if kind == "ocsf" { event.appendOCSF(to: &out) } else { event.appendOTLP(to: &out) }
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("stele-\(kind)-\(UUID()).jsonl")
    defer { try? FileManager.default.removeItem(at: file) }
    #expect(out.view.text.contains(right))
    try out.view.text.replacing(right, with: wrong).write(to: file, atomically: true, encoding: .utf8)
    #expect(try Self.validate(kind, file).status == 1)
  }

  private static func validate(_ kind: String, _ file: URL) throws -> (status: Int32, text: String) {
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Schemas/validate.py").path
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(python))
    process.arguments = [script, kind, file.path]
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }

  /// A continuous integration that skips these tests proves nothing.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["CI"] == "true", "only where CI=true"))
  func continuousIntegrationHasTheSchemas() { #expect(Self.python != nil) }
}
