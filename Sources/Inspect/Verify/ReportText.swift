import MerkleLog

extension VerifyReport {
  /// Findings of one kind in a row, of which only the first few are shown.
  private static let shownInARow = 3

  /// The report for people, several lines: the brief facts, the first findings, the verdict.
  public var text: String {
    let lines = sections.flatMap { $0.lines(width: 13, onlyBrief: true) }
    return (lines + [""] + findingLines + [verdict]).joined(separator: "\n") + "\n"
  }

  /// The report that is filed: every fact and every finding, several lines.
  public var longText: String {
    var lines = ["RESULT", "  " + verdict]
    for section in sections where section.facts.contains(where: { $0.label != nil }) {
      lines += ["", section.title.uppercased()] + section.lines(width: 13).map { "  " + $0 }
    }
    lines += ["", "FINDINGS"] + findings.flatMap(\.lines).map { "  " + $0 }
    if findings.isEmpty { lines.append("  None.") }
    return lines.joined(separator: "\n") + "\n"
  }

  private var findingLines: [String] {
    var lines: [String] = []
    var place = 0
    while place < findings.count {
      var end = place + 1
      while end < findings.count, findings[end].kind == findings[place].kind,
        findings[end].severity == findings[place].severity
      { end += 1 }
      let shown = end - place > Self.shownInARow + 1 ? Self.shownInARow : end - place
      for finding in findings[place..<place + shown] { lines += finding.lines }
      if shown < end - place {
        let last = findings[end - 1].file.map { ", the last in \($0)" } ?? ""
        lines.append("  and \(end - place - shown) more of this kind\(last); --json names them all")
      }
      place = end
    }
    return lines.isEmpty ? lines : lines + [""]
  }

  /// What came of it, in a sentence.
  var verdict: String {
    let damage = findings.filter { $0.severity == .damage }.count
    switch exitStatus {
    case .fine where keySource == .none: return "Intact as far as can be told without a key."
    case .fine: return "Intact."
    case .incomplete: return "Intact, but something is missing."
    case .inputOutput: return "Not verified: \(Quantities.plural(damage, "file")) could not be read."
    default: return "DAMAGED: \(Quantities.plural(damage, "finding"))."
    }
  }
}

extension Finding {
  /// The finding for people: what and where, and under it the text.
  var lines: [String] {
    let name = kind.rawValue.split(separator: "_").joined(separator: " ")
    var head = (severity == .damage ? "DAMAGE  " : "note    ") + name
    var place: [String] = []
    if let file { place.append(file) }
    if let offset { place.append("byte \(offset)") }
    if let entries { place.append(Quantities.entries(entries)) }
    if !place.isEmpty { head += ": " + place.joined(separator: ", ") }
    return [head, "        " + text]
  }
}
