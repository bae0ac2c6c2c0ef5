import Bytes
import Cryptography
import Events
import MerkleLog
import SegmentReader

/// The essentials of an audit as a C2SP signed note, by the auditor's own key: what the auditor vouches for.
/// Its text, one `name value` a line, each log after an empty line:
///
///     stele audit v1
///     program stele 0.1.0
///     time 2026-11-23T08:00:00Z
///     report BASE64                   SHA-256 of the report's text, when there is one
///
///     log ORIGIN
///     result intact                   or incomplete, damaged, not verified
///     checked full                    or quick, or: since SIZE
///     key VKEY                        the key that signatures were checked with, and
///     rotated INDEX VKEY              where it, or its successor, gave way to another
///     key-source given                where it came from: given, directory, none
///     entries FIRST END               END is the one behind the last
///     time FIRST LAST                 of the entries
///     checkpoint SIZE ROOT            likewise `given`, `since`
///     unsigned COUNT
///     lost COUNT SOURCE
///     finding COUNT SEVERITY KIND
public struct AuditNote: Equatable, Sendable {
  static let header = "stele audit v1"

  /// Its lines.
  public let text: String
  /// The keys whose signatures were verified.
  public let signers: [VerifierKey]

  /// Whether a file begins as these do.
  public static func begins(_ file: ByteView) -> Bool {
    Array("\(header)\n".utf8).withView { file.matches($0, at: 0) }
  }

  /// Reads a note; throws unless the auditor's key signed it.
  public init(_ file: ByteView, key: VerifierKey) throws(NoteError) {
    guard Self.begins(file) else { throw NoteError(.proofHeader, line: 1) }
    let note = try SignedNote(file)
    signers = try note.verify(with: [key])
    text = String(decoding: note.text, as: UTF8.self)
  }

  /// The note that says what a report says; `hash` is that of the report's text.
  public static func sign(
    _ report: AuditReport, hash: Digest?, with key: borrowing SignerKey
  ) throws(NoteError) -> SignedNote {
    var lines = [header, "program \(report.program)", "time \(Timestamp.text(report.time, digits: 0))"]
    if let hash { lines.append("report \(base64(hash))") }
    for log in report.logs {
      lines.append("")
      lines += Self.lines(log.directory, log.result)
    }
    var note = try SignedNote(text: Array((lines.joined(separator: "\n") + "\n").utf8))
    do { try note.sign(with: key) } catch { throw NoteError(.crypto(error)) }
    return note
  }

  private static func base64(_ digest: Digest) -> String { digest.withView { Base64.encode($0) } }

  /// What a log or a path says must not begin a line of its own.
  private static func printable(_ text: String) -> String {
    text.unicodeScalars.map { $0.value < 0x20 ? "?" : "\($0)" }.joined()
  }

  private static func lines(_ directory: String, _ result: Result<VerifyReport, LogError>) -> [String] {
    guard case .success(let report) = result else {
      return ["directory \(printable(directory))", "result not verified"]
    }
    let mode = report.isQuick ? "quick" : report.sinceCheckpoint.map { "since \($0.size)" } ?? "full"
    let origin = report.origin.isEmpty ? "-" : report.origin
    var lines = ["log \(origin)", "result \(AuditReport.result(result))", "checked \(mode)"]
    if let key = report.key { lines.append("key \(key)") }
    for rotation in report.logKeys?.rotations ?? [] {
      lines.append("rotated \(rotation.index) \(rotation.new)")
    }
    lines.append("key-source \(report.keySource.rawValue)")
    lines.append("entries \(report.entries.lowerBound) \(report.entries.upperBound)")
    if let times = report.receiveTimes {
      lines.append("time \(Timestamp.text(times.lowerBound)) \(Timestamp.text(times.upperBound))")
    }
    let checkpoints = [
      ("checkpoint", report.checkpoint), ("given", report.givenCheckpoint), ("since", report.sinceCheckpoint),
    ]
    for (name, checkpoint) in checkpoints {
      if let checkpoint { lines.append("\(name) \(checkpoint.size) \(base64(checkpoint.root))") }
    }
    lines.append("unsigned \(report.unsignedTail)")
    for (source, count) in report.control.losses.sorted(by: { $0.key < $1.key }) {
      lines.append("lost \(count) \(printable(source))")
    }
    for severity in [Finding.Severity.damage, .note] {
      for kind in Finding.Kind.allCases {
        let count = report.findings.filter { $0.kind == kind && $0.severity == severity }.count
        if count > 0 { lines.append("finding \(count) \(severity.rawValue) \(kind.rawValue)") }
      }
    }
    return lines
  }

  /// The note as one object: who signed, and the lines.
  public var json: JSONValue {
    [
      "result": "signed", "signers": .list(signers.map { .text("\($0)") }),
      "lines": .list(text.split(separator: "\n").map { .text(String($0)) }),
    ]
  }
}
