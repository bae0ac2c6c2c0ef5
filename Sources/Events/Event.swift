import Bytes
import Templates

/// One line, typed: the fields it fills, and what it holds beside them.
///
/// A view for searching, printing and exporting, filled anew for each line from the line's slots; it owns
/// copies of the bytes it shows. One event is reused from line to line: `removeAll` keeps its storage.
public struct Event: ~Copyable, Sendable {
  private var values: [Value]
  private var buffer: ByteBuffer
  /// What no field covers, in the order of the line.
  public private(set) var extras: [Extra] = []
  /// The first field whose logged bytes are not of its type and were kept as text; nil when there is none.
  public private(set) var mismatch: Field?
  /// Byte offset of those bytes in the line, as far as it is known.
  private(set) var mismatchOffset: Int?
  /// A value holds a line feed: whoever reads the log line by line sees more lines than were logged.
  private(set) var hasLineFeed = false
  /// The line ends within its last quotes.
  private(set) var isCut = false
  /// The message is of a known form, but some of its words are not known.
  private(set) var hasOddWords = false
  /// Some of it may belong to one field or another, and only the load balancer's configuration could tell.
  public private(set) var isUndecided = false
  /// The stamp that each time field was read from, and how sure it is.
  var stamps: [(field: Field, text: TextRange, quality: EventContext.Quality)] = []
  /// The syslog header's stamp, where it has no year.
  var yearless: Stamp?
  /// Where in the line the message begins, behind the syslog header.
  private(set) var bodyOffset = 0

  /// A value under the load balancer's own name for it.
  public struct Extra: Sendable {
    /// The name, as in the load balancer's format.
    public let name: String
    /// The value; text is a range of the event's bytes.
    public let value: Value
  }

  /// An event without any value.
  public init() {
    values = Array(repeating: .null(.absent), count: Field.allCases.count)
    buffer = ByteBuffer(capacity: 1024)
  }

  /// Empties the event for the next line.
  public mutating func removeAll() {
    for index in values.indices { values[index] = .null(.absent) }
    buffer.removeAll()
    extras.removeAll(keepingCapacity: true)
    stamps.removeAll(keepingCapacity: true)
    mismatch = nil
    mismatchOffset = nil
    hasLineFeed = false
    isCut = false
    hasOddWords = false
    isUndecided = false
    yearless = nil
    bodyOffset = 0
  }

  /// Says where in the line the message begins, behind the syslog header; 0 unless it is said.
  public mutating func setBody(at offset: Int) { bodyOffset = offset }

  /// The field's value. Text is read by `bytes`.
  public subscript(field: Field) -> Value { values[Int(field.rawValue)] }

  /// The bytes of a text value of this event; valid until the event is next changed.
  public func bytes(_ range: TextRange) -> ByteView {
    buffer.view[Int(range.start), Int(range.start) + Int(range.count)]
  }

  /// The bytes of a field that holds text; nil when it does not.
  public func bytes(_ field: Field) -> ByteView? {
    if case .text(let range) = self[field] { bytes(range) } else { nil }
  }

  /// Sets a field. A text value must be a range of this event's own bytes.
  public mutating func set(_ field: Field, _ value: Value) { values[Int(field.rawValue)] = value }

  /// Sets a field to a copy of `bytes`, or to null when there are none.
  public mutating func set(_ field: Field, text bytes: ByteView) {
    set(field, bytes.isEmpty ? .null(.empty) : .text(copy(bytes)))
  }

  /// Sets a field to a word.
  public mutating func set(_ field: Field, text word: String) {
    let start = buffer.count
    buffer.append(word)
    set(field, .text(TextRange(start: start, count: buffer.count - start)))
  }

  /// Sets a field unless the line itself has given it a value.
  mutating func derive(_ field: Field, _ value: Value) {
    if self[field].isNull { set(field, value) }
  }

  mutating func derive(_ field: Field, text word: String) {
    if self[field].isNull { set(field, text: word) }
  }

  /// Takes in the bytes of one slot of the line. Of two slots for one field the first with a value counts.
  ///
  /// - Parameter offset: where the bytes stand in the line; nil when that is not known.
  public mutating func add(
    _ meaning: SlotMeaning, _ bytes: ByteView, _ context: EventContext, at offset: Int? = nil
  ) {
    // Its own slots say what it holds.
    if meaning.syntax == .optional { return }
    if meaning.unit.isSpelling {
      var decoded = ByteBuffer()
      if meaning.decode(bytes, to: &decoded) { return addPlain(meaning, decoded.view, context, offset) }
    }
    addPlain(meaning, bytes, context, offset)
  }

  private mutating func addPlain(
    _ meaning: SlotMeaning, _ bytes: ByteView, _ context: EventContext, _ offset: Int?
  ) {
    if meaning.syntax == .cut { isCut = true }
    // Between braces even nothing is a header's; a list of nothing is none.
    if meaning.isOfUnknownCapture, !bytes.isEmpty || meaning.syntax == .capture { isUndecided = true }
    var value = meaning.value(of: bytes, context)
    if case .text(let range) = value {
      if bytes.find(UInt8(ascii: "\n")) != nil { hasLineFeed = true }
      let whole = copy(bytes)
      value = .text(TextRange(start: Int(whole.start) + Int(range.start), count: Int(range.count)))
    }
    guard let field = meaning.field else {
      extras.append(Extra(name: meaning.name, value: value))
      return
    }
    if case .text = value, !field.type.holdsText, mismatch == nil {
      mismatch = field
      mismatchOffset = offset
    }
    if field == .clientIP, bytes.isUnix { set(.clientEndpoint, text: bytes) }
    if case .null(.absent) = self[field] { set(field, value) } else { derive(field, value) }
    addMarks(meaning, field, bytes, value)
    if field.type == .time, case .time = value { addStamp(meaning, field, bytes, context) }
  }

  /// Adds a value under a name of its own.
  public mutating func addExtra(_ name: String, text bytes: ByteView) {
    extras.append(Extra(name: name, value: bytes.isEmpty ? .null(.empty) : .text(copy(bytes))))
  }

  /// Marks every field of the line that has no value as unparsed: no format says that it is absent.
  mutating func markUnparsed() {
    for field in Field.allCases where !field.isOfEntry {
      if case .null(.absent) = self[field] { set(field, .null(.unparsed)) }
    }
  }

  /// What one byte of a slot says about another field.
  private mutating func addMarks(_ meaning: SlotMeaning, _ field: Field, _ bytes: ByteView, _ value: Value) {
    if bytes.isEmpty || value.isNull { return }
    let plus = bytes[0] == UInt8(ascii: "+")
    switch field {
    case .lbFrontend where meaning.name == "%ft":
      derive(.lbTLS, .flag(bytes[bytes.count - 1] == UInt8(ascii: "~")))
    case .retries where meaning.column == .plusInteger:
      derive(.redispatched, .flag(plus))
    case .bytesOut where meaning.column == .plusInteger:
      derive(.bytesIncomplete, .flag(plus))
    case .durationActive, .durationTotal, .durationUser:
      if meaning.column == .plusInteger { derive(.durationIncomplete, .flag(plus)) }
    default: break
    }
  }

  private mutating func addStamp(
    _ meaning: SlotMeaning, _ field: Field, _ bytes: ByteView, _ context: EventContext
  ) {
    let stamp = meaning.stamp(bytes)
    if field == .syslogTime, let stamp, stamp.year == nil { yearless = stamp }
    let quality = stamp.map { context.resolve($0).quality } ?? .explicitZone
    stamps.append((field, copy(bytes), quality))
  }

  /// The message is of a known form, but some of its words are not known.
  mutating func hasUnknownWords() { hasOddWords = true }

  mutating func copy(_ bytes: ByteView) -> TextRange {
    let start = buffer.count
    buffer.append(bytes)
    return TextRange(start: start, count: bytes.count)
  }

  /// A part of a text value: `count` bytes from `start`.
  func part(of range: TextRange, _ start: Int, _ end: Int) -> TextRange {
    TextRange(start: Int(range.start) + start, count: end - start)
  }
}
