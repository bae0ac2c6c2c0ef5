import Bytes
import Collector
import Inspect

extension FormatEvidence {
  /// The choice as `--json` and `--status-json` print it.
  var json: JSONValue {
    guard let choice else {
      return [
        "format": .optional(leader), "fitting": .number(fitting), "lines": .number(lines),
        "chosen": .flag(false),
      ]
    }
    let runnerUp: JSONValue =
      choice.runnerUp.map { ["format": .text($0), "fitting": .number(choice.runnerUpFitting)] } ?? .null
    return [
      "format": .optional(choice.format), "fitting": .number(fitting), "lines": .number(lines),
      "chosen": .flag(true), "why": .text(choice.reason.rawValue), "of_lines": .number(choice.lines),
      "of_fitting": .number(choice.fitting), "runner_up": runnerUp,
    ]
  }
}

extension JSONValue {
  /// The object with one member more, if there is a value.
  func adding(_ name: String, _ value: JSONValue?) -> JSONValue {
    guard case .object(let members) = self, let value else { return self }
    return .object(members + [Member(name, value)])
  }
}
