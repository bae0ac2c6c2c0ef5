import Bytes
import Events
import Templates

/// The fields of one line of either log.
struct SourceRecord {
  /// A value that owns its bytes.
  enum Item: Equatable {
    case null(NullReason)
    case value(Value)
    case text([UInt8])

    var isNull: Bool { if case .null = self { true } else { false } }

    /// For people.
    var text: String {
      switch self {
      case .null(let reason): "nothing (\(reason.name))"
      case .value(let value): ValueText.text(value) ?? ""
      case .text(let bytes): "'\(bytes.withView { LinePicture.columns($0) })'"
      }
    }
  }

  /// From 1.
  var number: Int
  var raw: [UInt8]
  /// By field name, or the load balancer's own.
  var items: [String: Item] = [:]
  var product: Product?

  init(number: Int, raw: [UInt8]) {
    self.number = number
    self.raw = raw
  }

  /// Takes over what an event holds.
  mutating func fill(_ event: borrowing Event) {
    for field in Field.allCases where !Self.aside.contains(field) {
      let value = event[field]
      if case .null(.absent) = value { continue }
      items[field.name] = Self.item(value, event)
    }
    for extra in event.extras { items[extra.name] = Self.item(extra.value, event) }
    product = event.bytes(.lbProduct).flatMap { Product(rawValue: $0.text) }
  }

  private static func item(_ value: Value, _ event: borrowing Event) -> Item {
    switch value {
    case .null(let reason): .null(reason)
    case .text(let range): .text(event.bytes(range).array)
    default: .value(value)
    }
  }

  /// What is about the line and not about the request: two lines may differ in it.
  private static let aside: Set<Field> = [
    .seq, .receiveTime, .timeQuality, .timeText, .raw, .rawLength, .frame, .parserFormat, .parserFormatHash,
    .parseStatus, .parseError, .parseOffset, .message, .syslogPRI, .syslogFacility, .syslogSeverity,
    .syslogTime,
    .syslogHost, .syslogApp, .syslogProcID, .syslogMsgID, .syslogSD,
  ]
}

// MARK: JSON

extension SourceRecord {
  /// Takes over the members of a JSON object whose keys are field names. Durations and times that are plain
  /// numbers are nanoseconds, as in Stele's own output, unless a unit follows the name: `dur.active:ms`,
  /// `time_end:s`.
  mutating func fill(_ object: FlatJSON, _ context: EventContext) {
    for member in object.members {
      var name = member.name
      var unit = Unit.nanoseconds
      if let colon = name.lastIndex(of: ":"),
        let known = Self.units[String(name[name.index(after: colon)...])]
      {
        unit = known
        name = String(name[..<colon])
      }
      guard let bytes = member.value else {
        items[name] = .null(.empty)
        continue
      }
      items[name] = bytes.withView { view in
        let meaning = SlotMeaning(Slot(name, Self.column(name, view), unit: unit))
        switch meaning.value(of: view, context) {
        case .null(let reason): return .null(reason)
        case .text(let range): return .text(view[Int(range.start), Int(range.start) + Int(range.count)].array)
        case let value: return .value(value)
        }
      }
    }
  }

  private static let units: [String: Unit] = [
    "s": .seconds, "ms": .milliseconds, "us": .microseconds, "ns": .nanoseconds,
  ]

  /// A time says by its own form what it is.
  private static func column(_ name: String, _ bytes: ByteView) -> ColumnType {
    guard Field(name)?.type == .time else { return .text }
    if bytes.count > 10, bytes[4] == UInt8(ascii: "-") { return .isoTime }
    if bytes.count > 10, bytes[2] == UInt8(ascii: "/") { return .clfTime }
    return .decimal
  }
}

// MARK: Comparing

extension SourceRecord {
  /// Whether a value of the text log, of `product`, says the same as one of the JSON log.
  static func areEqual(_ text: Item, _ json: Item, _ product: Product?) -> Bool {
    switch (text, json) {
    case (.null, .null): return true
    case (.text(let written), .text(let meant)):
      return written == meant || unescaped(written, product).contains(meant)
    default: return text == json
    }
  }

  /// What bytes in a text log can stand for: the load balancer escapes what would disturb the format.
  private static func unescaped(_ bytes: [UInt8], _ product: Product?) -> [[UInt8]] {
    switch product {
    case .haproxy?: [decoded(bytes, mark: "#"), withoutBackslashes(bytes)]
    case .nginx?: [decoded(bytes, mark: "\\x"), json(bytes) ?? bytes]
    default: []
    }
  }

  /// `mark` and two hexadecimal digits become a byte.
  private static func decoded(_ bytes: [UInt8], mark: String) -> [UInt8] {
    let mark = Array(mark.utf8)
    var out: [UInt8] = []
    var index = 0
    while index < bytes.count {
      let digits = index + mark.count
      if digits + 2 <= bytes.count, bytes[index] == mark[0], Array(bytes[index..<digits]) == mark,
        let byte = UInt8(String(decoding: bytes[digits..<digits + 2], as: UTF8.self), radix: 16)
      {
        out.append(byte)
        index = digits + 2
      } else {
        out.append(bytes[index])
        index += 1
      }
    }
    return out
  }

  private static func withoutBackslashes(_ bytes: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    var isEscaped = false
    for byte in bytes {
      if byte == UInt8(ascii: "\\"), !isEscaped {
        isEscaped = true
      } else {
        out.append(byte)
        isEscaped = false
      }
    }
    return out
  }

  /// Nginx `escape=json`.
  private static func json(_ bytes: [UInt8]) -> [UInt8]? {
    let line = Array(#"{"v":""#.utf8) + bytes + Array(#""}"#.utf8)
    guard let object = try? FlatJSON(line, escapesAreBytes: true) else { return nil }
    return object.members.count == 1 ? object.members[0].value : nil
  }
}
