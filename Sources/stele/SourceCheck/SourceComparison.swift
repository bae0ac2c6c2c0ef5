import Bytes
import Inspect

/// Two logs of the same requests, compared request by request.
struct SourceComparison {
  /// What is wrong with one request.
  struct Finding {
    enum Kind: String {
      /// A field says one thing here and another there.
      case differs
      /// One of the logs has the request twice.
      case duplicate
      /// The JSON log has it, the text log does not.
      case missingInText = "missing_in_text"
      /// The text log has it, the JSON log does not.
      case missingInJSON = "missing_in_json"
    }

    var kind: Kind
    var id: String
    var field: String?
    var text: String?
    var json: String?
    /// Lines of the two logs, and their numbers.
    var textLine: (number: Int, raw: [UInt8])?
    var jsonLine: (number: Int, raw: [UInt8])?
    var note: String?
  }

  let join: String
  private(set) var findings: [Finding] = []
  /// Requests found on both sides.
  private(set) var joined = 0
  private(set) var textLines = 0
  private(set) var jsonLines = 0
  /// Lines without the field that joins: other messages.
  private(set) var textLinesWithoutID = 0
  private(set) var jsonLinesWithoutID = 0
  /// Lines that do not fit the format, or are no JSON.
  private(set) var unreadText: [(number: Int, raw: [UInt8])] = []
  private(set) var unreadJSON: [(number: Int, raw: [UInt8], why: String)] = []
  /// For each field, how often it was compared and how often it differed.
  private(set) var fields: [String: (compared: Int, different: Int)] = [:]
  /// Fields that only the JSON log has, and for how many requests.
  private(set) var uncompared: [String: Int] = [:]

  private var records: [SourceRecord.Item.Key: SourceRecord] = [:]
  private var met: Set<SourceRecord.Item.Key> = []

  init(join: String) { self.join = join }

  var differing: Int { findings.count { $0.kind == .differs || $0.kind == .duplicate } }
  var missing: Int { findings.count - differing + unreadJSON.count }

  mutating func addText(_ record: SourceRecord?, _ number: Int, _ raw: ByteView) {
    textLines += 1
    guard let record else { return unreadText.append((number, raw.array)) }
    guard let id = record.items[join]?.key else { return textLinesWithoutID += 1 }
    if let first = records[id] {
      findings.append(
        Finding(
          kind: .duplicate, id: id.text, textLine: (number, record.raw),
          note: "lines \(first.number) and \(number) of the text log have the same id"))
      return
    }
    records[id] = record
  }

  mutating func addJSON(_ record: SourceRecord) {
    jsonLines += 1
    guard let id = record.items[join]?.key else { return jsonLinesWithoutID += 1 }
    guard met.insert(id).inserted else {
      findings.append(
        Finding(
          kind: .duplicate, id: id.text, jsonLine: (record.number, record.raw),
          note: "line \(record.number) of the JSON log has the id of a line before it"))
      return
    }
    guard let text = records[id] else {
      findings.append(Finding(kind: .missingInText, id: id.text, jsonLine: (record.number, record.raw)))
      return
    }
    joined += 1
    compare(text, record, id.text)
  }

  mutating func addJSON(unread number: Int, _ raw: [UInt8], _ why: String) {
    jsonLines += 1
    unreadJSON.append((number, raw, why))
  }

  private mutating func compare(_ text: SourceRecord, _ json: SourceRecord, _ id: String) {
    for (name, wanted) in json.items.sorted(by: { $0.key < $1.key }) where name != join {
      guard let found = text.items[name] else {
        // The format does not have it, or has nothing to derive it from.
        if !wanted.isNull { uncompared[name, default: 0] += 1 }
        continue
      }
      var count = fields[name] ?? (0, 0)
      count.compared += 1
      if !SourceRecord.areEqual(found, wanted, text.product) {
        count.different += 1
        findings.append(
          Finding(
            kind: .differs, id: id, field: name, text: found.text, json: wanted.text,
            textLine: (text.number, text.raw), jsonLine: (json.number, json.raw)))
      }
      fields[name] = count
    }
  }

  /// Adds what only one log has.
  mutating func finish() {
    for (id, record) in records.sorted(by: { $0.value.number < $1.value.number }) where !met.contains(id) {
      findings.append(Finding(kind: .missingInJSON, id: id.text, textLine: (record.number, record.raw)))
    }
    // A request may be in the text log all the same, on a line that could not be read.
    for place in findings.indices where findings[place].kind == .missingInText {
      let id = Array(findings[place].id.utf8)
      guard
        let line = unreadText.first(where: { line in
          id.withView { id in line.raw.withView { $0.find(id) } } != nil
        })
      else { continue }
      findings[place].textLine = line
      findings[place].note = "it is on line \(line.number), which does not fit the format"
    }
    records = [:]
  }
}

extension SourceRecord.Item {
  /// A value as a key of requests.
  struct Key: Hashable {
    var text: String
  }

  /// Nil for nothing.
  var key: Key? {
    switch self {
    case .null: nil
    case .value(let value): Key(text: ValueText.text(value) ?? "")
    case .text(let bytes): Key(text: bytes.withView { LinePicture.columns($0) })
    }
  }
}
