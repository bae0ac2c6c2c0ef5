import MerkleLog

extension VerifyReport {
  /// Findings of one kind in a row, of which only the first few are shown.
  private static let shownInARow = 3

  /// The report for people, several lines.
  public var text: String {
    var lines: [String] = []
    func add(_ name: String, _ value: String) {
      lines.append(name + String(repeating: " ", count: max(1, 13 - name.utf8.count)) + value)
    }
    add("Log", origin.isEmpty ? "(unknown)" : origin)
    add("Key", keyText)
    let sealed = sealedSegments == segments ? "all sealed" : "\(sealedSegments) sealed"
    let range =
      entries.isEmpty ? "none" : "\(Quantities.entries(entries)) (\(entries.upperBound - entries.lowerBound))"
    add("Entries", "\(range) in \(Quantities.plural(segments, "segment")), \(sealed)")
    if let checkpoint { add("Checkpoint", "size \(checkpoint.size), root \(checkpoint.root)") }
    if let givenCheckpoint {
      add("Given", "checkpoint of size \(givenCheckpoint.size), root \(givenCheckpoint.root)")
    }
    if unsignedTail > 0 { add("Unsigned", "\(unsignedTail) entries behind the last signature") }
    let losses = control.losses.sorted { $0.key < $1.key }
    for (source, count) in losses {
      add("Lost", "\(count) messages of \(source), as the log itself accounts")
    }
    let how = isQuick ? "stored bytes, chain and signatures" : "every byte and every entry"
    add(
      "Checked",
      "\(how): \(Quantities.bytes(storedBytes)) that hold \(Quantities.bytes(rawBytes)), "
        + "in \(Quantities.seconds(duration))"
    )
    if isBeingWritten { add("Writer", "at work") }
    lines.append("")
    lines += findingLines
    lines.append(verdict)
    return lines.joined(separator: "\n") + "\n"
  }

  private var keyText: String {
    guard let key else { return "none could be read: no signature was checked" }
    switch keySource {
    case .given: return "\(key) (given)"
    default: return "\(key) (from the log's own directory: give --key to check against your own copy)"
    }
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

  private var verdict: String {
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
