import Bytes
import Inspect
import Yams

/// Which formats the lines of a log's sources were found to have, as its control entries tell.
struct FormatHistory {
  private let records: [Node]

  init(_ records: [Node]) { self.records = records }

  /// One line for each choice, oldest first; nothing where there is none.
  var text: String {
    if records.isEmpty { return "" }
    return "\nFormats chosen by evidence\n" + records.map { "  \(line($0))\n" }.joined()
  }

  private func line(_ record: Node) -> String {
    let format = record["format"]?.string.flatMap { record["format"]?.null == nil ? $0 : nil } ?? "none"
    var text = "\(record["source"]?.string ?? ""): \(format), "
    text += "\(record["fitting"]?.string ?? "") of \(record["lines"]?.string ?? "") lines"
    if let second = record["runner_up"] {
      text += ", next \(second["format"]?.string ?? "") with \(second["fitting"]?.string ?? "")"
    }
    if let previous = record["previous"], previous.null == nil {
      text += ", before it \(previous.string ?? "")"
    }
    return text
  }

  /// Nil where there is none.
  var json: JSONValue? {
    if records.isEmpty { return nil }
    return .list(
      records.map { record in
        let second: JSONValue =
          record["runner_up"].map {
            ["format": .optional($0["format"]?.string), "fitting": .optional($0["fitting"]?.int)]
          } ?? .null
        return [
          "source": .optional(record["source"]?.string),
          "format": .optional(record["format"]?.null == nil ? record["format"]?.string : nil),
          "fitting": .optional(record["fitting"]?.int), "lines": .optional(record["lines"]?.int),
          "why": .optional(record["why"]?.string), "runner_up": second,
        ]
      })
  }
}
