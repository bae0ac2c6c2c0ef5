import Bytes
import Inspect

extension SourceComparison {
  /// Findings that are shown to people; `--json` has them all.
  private static let shown = 20
  /// Bytes of a line that are shown.
  private static let width = 400

  var text: String {
    var text = ""
    for finding in findings.prefix(Self.shown) { text += Self.text(finding) }
    if findings.count > Self.shown {
      text += "and \(findings.count - Self.shown) more; --json prints them all\n"
    }
    for line in unreadJSON.prefix(Self.shown) {
      text += "line \(line.number) of the JSON log cannot be read: \(line.why)\n"
    }
    for (name, count) in fields.sorted(by: { $0.key < $1.key }) where count.different > 0 {
      text += "\(name): differs in \(count.different) of \(count.compared) requests\n"
    }
    for (name, count) in uncompared.sorted(by: { $0.key < $1.key }) {
      text += "\(name): only the JSON log has it (\(count) requests); not compared\n"
    }
    if !unreadText.isEmpty {
      text += "\(unreadText.count) lines of the text log do not fit the format; the first is line "
      text += "\(unreadText[0].number): see stele explain\n"
    }
    let compared = fields.values.reduce(0) { $0 + $1.compared }
    text += "\(joined) requests in both logs, \(compared) values of \(fields.count) fields compared: "
    text += "\(differing) differences, \(missing) missing"
    if textLinesWithoutID + jsonLinesWithoutID > 0 {
      text += "; \(textLinesWithoutID) text and \(jsonLinesWithoutID) JSON lines without \(join)"
    }
    return text + "\n"
  }

  private static func text(_ finding: Finding) -> String {
    var text = "request \(finding.id): "
    switch finding.kind {
    case .differs: text += "\(finding.field ?? "") is \(finding.text ?? ""), in JSON \(finding.json ?? "")"
    case .duplicate: text += "is there twice"
    case .missingInText: text += "the text log does not have it"
    case .missingInJSON: text += "the JSON log does not have it"
    }
    text += finding.note.map { " (\($0))\n" } ?? "\n"
    for (name, line) in [("text", finding.textLine), ("JSON", finding.jsonLine)] {
      guard let line else { continue }
      text += "  \(name) line \(line.number): "
      text += line.raw.withView { LinePicture.columns($0.prefix(min($0.count, width))) }
      text += line.raw.count > width ? "…\n" : "\n"
    }
    return text
  }

  var json: JSONValue {
    func line(_ line: (number: Int, raw: [UInt8])?) -> JSONValue? {
      line.map { ["line": .number($0.number), "raw": .text($0.raw.withView { LinePicture.columns($0) })] }
    }
    let findings = findings.map { finding -> JSONValue in
      let object: JSONValue = ["kind": .text(finding.kind.rawValue), "id": .text(finding.id)]
      return object.adding("field", finding.field.map { .text($0) }).adding(
        "text", finding.text.map { .text($0) }
      )
      .adding("json", finding.json.map { .text($0) }).adding("note", finding.note.map { .text($0) })
      .adding("text_line", line(finding.textLine)).adding("json_line", line(finding.jsonLine))
    }
    let fields = fields.sorted { $0.key < $1.key }.map { name, count in
      JSONValue.Member(name, ["compared": .number(count.compared), "different": .number(count.different)])
    }
    return [
      "joined": .number(joined), "differing": .number(differing), "missing": .number(missing),
      "text_lines": .number(textLines), "json_lines": .number(jsonLines),
      "text_lines_without_id": .number(textLinesWithoutID),
      "json_lines_without_id": .number(jsonLinesWithoutID),
      "unread_text": .list(unreadText.map { .number($0.number) }),
      "unread_json": .list(unreadJSON.map { ["line": .number($0.number), "why": .text($0.why)] }),
      "fields": .object(fields),
      "not_compared": .object(uncompared.sorted { $0.key < $1.key }.map { .init($0.key, .number($0.value)) }),
      "findings": .list(findings),
    ]
  }
}
