import Bytes
import Events
import SegmentReader

/// What one run of `verify` over one log or several has to say, and all that is needed to run it again.
public struct AuditReport: Sendable {
  /// Name and version of the program.
  public var program: String
  /// The command that was given.
  public var command: String
  /// When it was begun, nanoseconds since 1970 UTC.
  public var time: Int64
  /// What came of each directory, in the order given.
  public private(set) var logs: [(directory: String, result: Result<VerifyReport, LogError>)] = []

  /// A report of nothing yet.
  public init(program: String, command: String, time: Int64) {
    self.program = program
    self.command = command
    self.time = time
  }

  /// Adds what came of a directory.
  public mutating func add(_ directory: String, _ result: Result<VerifyReport, LogError>) {
    logs.append((directory, result))
  }

  /// From best to worst.
  private static let order: [ExitStatus] = [.fine, .incomplete, .missing, .inputOutput, .damage]

  /// The worst of all.
  public var exitStatus: ExitStatus {
    let statuses = logs.map { log in
      switch log.result {
      case .success(let report): report.exitStatus
      case .failure(let error): ExitStatus(error)
      }
    }
    return Self.order.last(where: statuses.contains) ?? .fine
  }

  /// For the terminal: a single report as it is; several with their directories, and the sum.
  public var text: String {
    if logs.count == 1, case .success(let report) = logs[0].result { return report.text }
    return logs.map { log in "\(log.directory)\n\n\(Self.text(log.result, \.text))\n" }.joined() + "\(sum)\n"
  }

  private static func text(
    _ result: Result<VerifyReport, LogError>, _ text: (VerifyReport) -> String
  ) -> String {
    switch result {
    case .success(let report): text(report)
    case .failure(let error): "Not verified: \(error)\n"
    }
  }

  /// How many logs there are of each result.
  private var sum: String {
    var counts: [String: Int] = [:]
    for log in logs { counts[Self.result(log.result), default: 0] += 1 }
    let parts = ["intact", "incomplete", "damaged", "not verified"].compactMap { name in
      counts[name].map { "\($0) \(name)" }
    }
    return "\(Quantities.plural(logs.count, "log")): \(parts.joined(separator: ", "))."
  }

  static func result(_ result: Result<VerifyReport, LogError>) -> String {
    guard case .success(let report) = result else { return "not verified" }
    return report.exitStatus == .inputOutput ? "not verified" : report.result
  }

  /// A text that an auditor can file.
  public var longText: String {
    var text =
      "AUDIT REPORT\n  made by      \(program)\n  begun        \(Timestamp.text(time, digits: 0))\n"
      + "  result       \(sum)\n"
    for log in logs {
      text += "\n" + String(repeating: "-", count: 72) + "\n\(log.directory)\n\n"
      text += Self.text(log.result, \.longText)
    }
    return text + "\n" + String(repeating: "-", count: 72) + "\nHOW TO REPEAT\n  \(command)\n"
  }

  /// A single report's object as it is; several in a list, with the sum.
  public var json: JSONValue {
    let run: JSONValue = [
      "program": .text(program), "command": .text(command), "time": .text(Timestamp.text(time, digits: 0)),
    ]
    guard case .object(let about) = run else { return .null }
    if logs.count == 1, case .success(let report) = logs[0].result, case .object(let members) = report.json {
      return .object(members + about)
    }
    let list = logs.map { log -> JSONValue in
      switch log.result {
      case .success(let report): report.json
      case .failure(let error):
        [
          "result": "not verified", "exit_status": .number(ExitStatus(error).rawValue),
          "directory": .text(log.directory), "error": .text("\(error)"),
        ]
      }
    }
    return .object(
      [
        JSONValue.Member("exit_status", .number(exitStatus.rawValue)), JSONValue.Member("sum", .text(sum)),
        JSONValue.Member("logs", .list(list)),
      ] + about)
  }
}
