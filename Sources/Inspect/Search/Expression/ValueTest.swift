import Bytes
import Events

/// What is asked of one value: to be one of some numbers, addresses or texts, or to be there at all.
///
/// A value that is not there never passes, unless the test asks for the reason. A value of another type than
/// the test has alternatives for (a field's bytes that are not of the field's type, say) is none of them.
public struct ValueTest: Equatable, Sendable {
  /// Passes whatever is there.
  public var isPresence = false
  /// The test passes for values that are *not* among the alternatives.
  public var isNegated = false
  /// Integers, statuses, nanoseconds, bytes or moments, by the field's type.
  public var numbers: [ClosedRange<Int64>] = []
  public var networks: [Network] = []
  public var flags: Set<Bool> = []
  public var text = TextTest.none
  /// Text is a list joined by `, ` or ` : `, each element of which is looked at by itself.
  public var isList = false
  /// Asks not what is there, but whether nothing is, for one of these reasons. With `isNegated`: whether a
  /// value is there, or nothing for another reason.
  public var reasons: Set<NullReason> = []

  public init() {}

  /// Passes for every value that is there.
  public static let present: ValueTest = {
    var test = ValueTest()
    test.isPresence = true
    return test
  }()
}

/// What is asked of a text.
public enum TextTest: Equatable, Sendable {
  /// No text is meant.
  case none
  /// To be one of these.
  case among([[UInt8]])
  /// To contain these bytes.
  case containing([UInt8])
  /// To contain a match of this regular expression.
  case matching(String)
}

/// A test made ready for values: its regular expression, if it has one, compiled.
struct PreparedTest {
  let test: ValueTest
  private let pattern: Regex<AnyRegexOutput>?

  init(_ test: ValueTest) {
    self.test = test
    if case .matching(let source) = test.text {
      pattern = try? Pattern.compile(source)
    } else {
      pattern = nil
    }
  }

  /// Whether `value` passes. `text` is its bytes, when it is a text.
  func passes(_ value: Value, text: ByteView) -> Bool {
    let isAmong: Bool
    switch value {
    case .null(let reason): return !test.reasons.isEmpty && test.reasons.contains(reason) != test.isNegated
    case .integer(let number), .duration(let number), .size(let number), .time(let number):
      isAmong = test.isPresence || test.numbers.contains { $0.contains(number) }
    case .address(let address): isAmong = test.isPresence || test.networks.contains { $0.contains(address) }
    case .flag(let flag): isAmong = test.isPresence || test.flags.contains(flag)
    case .text: isAmong = test.isPresence || passes(text)
    }
    return isAmong != test.isNegated
  }

  /// Whether a text is among the alternatives; negation is left aside.
  func passes(_ text: ByteView) -> Bool {
    switch test.text {
    case .none: return false
    case .among(let alternatives):
      if !test.isList { return alternatives.contains { $0.withView { $0 == text } } }
      return ListElements.contains(text) { element in
        alternatives.contains { $0.withView { $0 == element } } || isWithin(element)
      }
    case .containing(let part): return part.withView { text.find($0) != nil }
    case .matching:
      guard let pattern else { return false }
      return text.text.firstMatch(of: pattern) != nil
    }
  }

  private func isWithin(_ element: ByteView) -> Bool {
    guard !test.networks.isEmpty, let address = Address(element) else { return false }
    return test.networks.contains { $0.contains(address) }
  }
}

/// The elements of a text that is a list.
enum ListElements {
  /// Whether `test` holds for one of them. They are joined by `,` or ` : `, with or without blanks.
  static func contains(_ list: ByteView, _ test: (ByteView) -> Bool) -> Bool {
    var start = 0
    var index = 0
    while index <= list.count {
      let isEnd = index == list.count
      let isComma = !isEnd && list[index] == UInt8(ascii: ",")
      let isColon =
        !isEnd && list[index] == UInt8(ascii: ":") && index > 0 && list[index - 1] == UInt8(ascii: " ")
        && index + 1 < list.count && list[index + 1] == UInt8(ascii: " ")
      if isEnd || isComma || isColon {
        var end = index
        while start < end, list[start] == UInt8(ascii: " ") { start += 1 }
        while end > start, list[end - 1] == UInt8(ascii: " ") { end -= 1 }
        if end > start, test(list[start, end]) { return true }
        start = index + 1
      }
      index += 1
    }
    return false
  }
}

/// Regular expressions as written between slashes.
enum Pattern {
  /// Compiles `source`, which may end in `/i` for letters of either case. Bytes that are not UTF-8 are seen
  /// as U+FFFD.
  static func compile(_ source: String) throws -> Regex<AnyRegexOutput> {
    let (body, ignoresCase) = split(source)
    return try Regex(body).matchingSemantics(.unicodeScalar).ignoresCase(ignoresCase)
  }

  static func spelled(_ body: String, ignoresCase: Bool) -> String { body + (ignoresCase ? "/i" : "/") }

  private static func split(_ source: String) -> (String, Bool) {
    source.hasSuffix("/i") ? (String(source.dropLast(2)), true) : (String(source.dropLast()), false)
  }
}
