import Bytes
import Events

/// Makes the test of a condition from its comparison and values, by the field's type.
struct ValueReader {
  private let type: FieldType?
  private let name: String
  private let zone: Zone
  private let text: String

  /// A field that is true.
  static let isTrue: ValueTest = {
    var test = ValueTest()
    test.flags = [true]
    return test
  }()

  init(_ subject: Subject, zone: Zone, text: String) {
    if case .field(let field) = subject { type = field.type } else { type = nil }
    name = subject.name
    self.zone = zone
    self.text = text
  }

  private func error(_ reason: ExpressionError.Reason, _ offset: Int) -> ExpressionError {
    ExpressionError(reason, at: offset, in: text)
  }

  /// What the field's values are, for messages.
  private var kind: String {
    switch type {
    case .integer: "a number"
    case .status: "a status, as 404 or 4xx"
    case .duration: "a duration, as 250ms, 1.5s or 2m"
    case .size: "a size, as 512, 10kB or 1MiB"
    case .time: "a time, as 2026-01-31 or 2026-01-31T10:00:00Z"
    case .address: "an address or network, as 203.0.113.7 or 2001:db8::/32"
    case .flag: "true or false"
    case .text, .list, nil: "text"
    }
  }

  // MARK: Comparisons

  /// `name sign value`.
  func test(_ sign: String, at offset: Int, _ value: Token) throws(ExpressionError) -> ValueTest {
    switch sign {
    case "=": return try test(amongst: [value], isNegated: false)
    case "!=": return try test(amongst: [value], isNegated: true)
    case "~": return try search(value, at: offset)
    default: break
    }
    let bound = try bound(value, sign, at: offset)
    var test = ValueTest()
    switch sign {
    case "<": test.numbers = bound.lowerBound == .min ? [] : [.min...bound.lowerBound - 1]
    case "<=": test.numbers = [.min...bound.upperBound]
    case ">": test.numbers = bound.upperBound == .max ? [] : [bound.upperBound + 1 ... .max]
    default: test.numbers = [bound.lowerBound ... .max]
    }
    return test
  }

  private func bound(
    _ value: Token, _ sign: String, at offset: Int
  ) throws(ExpressionError) -> ClosedRange<Int64> {
    switch type {
    case .text, .list, .address, .flag:
      throw error(.comparison("\(name) is \(isA) and can be compared by \(signs)"), offset)
    default: break
    }
    guard let number = number(value) else { throw wrong(value) }
    return number
  }

  private var isA: String {
    switch type {
    case .address: "an address"
    case .flag: "true or false"
    case .list: "a list of text"
    default: "text"
    }
  }

  private var signs: String {
    switch type {
    case .address: "= != and in"
    case .flag: "= and !="
    case .text, .list, nil: "= != ~ and in"
    default: "= != < <= > >= and in"
    }
  }

  /// `name ~ value`.
  private func search(_ value: Token, at offset: Int) throws(ExpressionError) -> ValueTest {
    switch type {
    case .text, .list, nil: break
    default:
      let kind = String(kind.prefix { $0 != "," })
      throw error(.comparison("\(name) is \(kind) and can be compared by \(signs)"), offset)
    }
    var test = ValueTest()
    switch value.kind {
    case .pattern(let source): test.text = .matching(source)
    default: test.text = .containing(bytes(value))
    }
    return test
  }

  /// `name in (value, …)`, and `=` with one value.
  func test(amongst values: [Token], isNegated: Bool) throws(ExpressionError) -> ValueTest {
    var test = ValueTest()
    test.isNegated = isNegated
    test.isList = type == .list
    var texts: [[UInt8]] = []
    for value in values {
      if value.kind == .word("-") {
        throw error(
          .value("- means that nothing was logged: write not has \(name), or \"-\" for the text"),
          value.offset)
      }
      switch type {
      case .text: texts.append(bytes(value))
      case .list:
        texts.append(bytes(value))
        if let network = network(value) { test.networks.append(network) }
      case .address:
        if let network = network(value) {
          test.networks.append(network)
        } else if case .quoted(let bytes) = value.kind {
          texts.append(bytes)
        } else {
          throw wrong(value)
        }
      case .flag:
        guard case .word(let word) = value.kind, let flag = Literal.flag(word) else { throw wrong(value) }
        test.flags.insert(flag)
      case nil: readUntyped(value, &test, &texts)
      default:
        guard let number = number(value) else { throw wrong(value) }
        test.numbers.append(number)
      }
    }
    test.numbers = Self.joined(test.numbers)
    if !texts.isEmpty { test.text = .among(texts) }
    return test
  }

  /// A value of a name of its own may be of any type; a word may mean each of them, quoted text only itself.
  private func readUntyped(_ value: Token, _ test: inout ValueTest, _ texts: inout [[UInt8]]) {
    texts.append(bytes(value))
    if let number = number(value) { test.numbers.append(number) }
  }

  private func number(_ value: Token) -> ClosedRange<Int64>? {
    if type == .time {
      guard let word = word(value) else { return nil }
      return Literal.time(word, zone: zone).map { $0...$0 }
    }
    guard case .word(let word) = value.kind else { return nil }
    let single: Int64? =
      switch type {
      case .integer: Literal.integer(word)
      case .duration: Literal.duration(word)
      case .size: Literal.size(word)
      case nil: Literal.integer(word) ?? Literal.duration(word) ?? Literal.size(word)
      default: nil
      }
    if type == .status { return Literal.status(word) }
    return single.map { $0...$0 }
  }

  private func network(_ value: Token) -> Network? { word(value).flatMap { Literal.network($0) } }

  private func word(_ value: Token) -> String? {
    switch value.kind {
    case .word(let word): word
    case .quoted(let bytes): String(decoding: bytes, as: UTF8.self)
    default: nil
    }
  }

  private func bytes(_ value: Token) -> [UInt8] {
    switch value.kind {
    case .word(let word): Array(word.utf8)
    case .quoted(let bytes): bytes
    default: []
    }
  }

  private func wrong(_ value: Token) -> ExpressionError {
    let shown = word(value).map { "\($0) is none" } ?? "this is none"
    return error(.value("\(name) is compared with \(kind); \(shown)"), value.offset)
  }

  /// The same numbers in ranges that neither overlap nor touch, rising.
  static func joined(_ ranges: [ClosedRange<Int64>]) -> [ClosedRange<Int64>] {
    var joined: [ClosedRange<Int64>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = joined.last, last.upperBound == .max || range.lowerBound <= last.upperBound + 1 {
        joined[joined.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
      } else {
        joined.append(range)
      }
    }
    return joined
  }
}
