import Bytes
import Events

/// Reads an expression.
///
///     or          and { "or" and }
///     and         unary { "and" unary }
///     unary       "not" unary | "(" or ")" | "has" name | condition
///     condition   name ( "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" ) value
///                 name [ "not" ] "in" ( value | "(" value { "," value } ")" )
///                 name "is" [ "not" ] reason                 why there is no value
///                 name                                       of a field that is true or false
///     reason      "null" for any, "absent_in_format", "dash", "empty", "not_reached", "unparsed"
///     name        a field's name; `…` for a name of the load balancer's own, or a word that begins with $ or %
///     value       a word, text in quotes; behind ~ also /a regular expression/ or /one/i
struct Parser {
  private let tokens: [Token]
  private let text: String
  private let zone: Zone
  private let isKnown: (String) -> Bool
  private var index = 0
  private var conditionCount = 0

  private static let depthLimit = 64
  private static let conditionLimit = 1024
  private static let lengthLimit = 65_536

  static func parse(
    _ text: String, zone: Zone, isKnown: (String) -> Bool
  ) throws(ExpressionError) -> Expression {
    guard text.utf8.count <= lengthLimit else {
      throw ExpressionError(
        .tooLarge("an expression has at most \(lengthLimit) bytes"), at: lengthLimit, in: "")
    }
    var lexer = Lexer(text)
    let tokens = try lexer.tokens()
    if tokens.count == 1 { return .and([]) }
    return try withoutActuallyEscaping(isKnown) { (isKnown) throws(ExpressionError) in
      var parser = Parser(tokens: tokens, text: text, zone: zone, isKnown: isKnown)
      let expression = try parser.or(depth: 0)
      guard parser.token.kind == .end else { throw parser.error(.expected("and, or, or the end")) }
      return expression
    }
  }

  private init(tokens: [Token], text: String, zone: Zone, isKnown: @escaping (String) -> Bool) {
    self.tokens = tokens
    self.text = text
    self.zone = zone
    self.isKnown = isKnown
  }

  private var token: Token { tokens[index] }

  private func error(_ reason: ExpressionError.Reason, at offset: Int? = nil) -> ExpressionError {
    ExpressionError(reason, at: offset ?? token.offset, in: text)
  }

  private func isNext(_ keyword: String) -> Bool {
    if case .word(let word) = token.kind { word.lowercased() == keyword } else { false }
  }

  private mutating func skip(_ keyword: String) -> Bool {
    guard isNext(keyword) else { return false }
    index += 1
    return true
  }

  private mutating func skip(sign: String) -> Bool {
    guard token.kind == .sign(sign) else { return false }
    index += 1
    return true
  }

  // MARK: Structure

  private mutating func or(depth: Int) throws(ExpressionError) -> Expression {
    var parts = [try and(depth: depth)]
    while skip("or") { parts.append(try and(depth: depth)) }
    return parts.count == 1 ? parts[0] : .or(parts)
  }

  private mutating func and(depth: Int) throws(ExpressionError) -> Expression {
    var parts = [try unary(depth: depth)]
    while skip("and") { parts.append(try unary(depth: depth)) }
    return parts.count == 1 ? parts[0] : .and(parts)
  }

  private mutating func unary(depth: Int) throws(ExpressionError) -> Expression {
    guard depth < Self.depthLimit else {
      throw error(.tooLarge("brackets and nots are nested at most \(Self.depthLimit) deep"))
    }
    if skip("not") { return .not(try unary(depth: depth + 1)) }
    let open = token.offset
    if skip(sign: "(") {
      let inner = try or(depth: depth + 1)
      guard skip(sign: ")") else {
        throw token.kind == .end
          ? error(.unclosed("no ) closes this bracket"), at: open) : error(.expected("and, or, or )"))
      }
      return inner
    }
    conditionCount += 1
    guard conditionCount <= Self.conditionLimit else {
      throw error(.tooLarge("an expression has at most \(Self.conditionLimit) conditions"))
    }
    if isNext("has"), isName(index + 1) {
      index += 1
      return .condition(FieldCondition(try subject(), .present))
    }
    return .condition(try condition())
  }

  private func isName(_ index: Int) -> Bool {
    switch tokens[index].kind {
    case .word, .name, .quoted: true
    default: false
    }
  }

  private mutating func subject() throws(ExpressionError) -> Subject {
    let start = token
    switch start.kind {
    case .word(let word):
      if ["and", "or", "in", "not", "has"].contains(word.lowercased()) {
        throw error(.expected("a field's name"))
      }
      index += 1
      return try subject(word, at: start.offset)
    case .name(let name):
      index += 1
      return Field(name).map { .field($0) } ?? .name(name)
    case .quoted(let bytes):
      index += 1
      let name = String(decoding: bytes, as: UTF8.self)
      return Field(name).map { .field($0) } ?? .name(name)
    default: throw error(.expected("a field's name, not, has or ("))
    }
  }

  private func subject(_ word: String, at offset: Int) throws(ExpressionError) -> Subject {
    if let field = Field(word) { return .field(field) }
    if word.hasPrefix("$") || word.hasPrefix("%") || isKnown(word) { return .name(word) }
    // What headers are called is up to the configuration.
    for field in [Field.httpRequestHeaders, .httpResponseHeaders] where word.hasPrefix(field.name + ".") {
      return .name(word)
    }
    throw error(.unknownField(word, nearest: Field.nearest(to: word)?.name), at: offset)
  }

  // MARK: Conditions

  private mutating func condition() throws(ExpressionError) -> FieldCondition {
    let subject = try subject()
    let reader = ValueReader(subject, zone: zone, text: text)
    let sign = token
    if case .sign(let comparison) = sign.kind, ["=", "!=", "<", "<=", ">", ">=", "~"].contains(comparison) {
      index += 1
      return FieldCondition(subject, try reader.test(comparison, at: sign.offset, value()))
    }
    let isNegated = isNext("not") && index + 1 < tokens.count && tokens[index + 1].kind.isWord("in")
    if isNegated { index += 1 }
    if skip("in") {
      var values: [Token] = []
      let open = token.offset
      if skip(sign: "(") {
        repeat { values.append(try value()) } while skip(sign: ",")
        guard skip(sign: ")") else {
          throw token.kind == .end
            ? error(.unclosed("no ) closes this list"), at: open) : error(.expected(", or )"))
        }
      } else {
        values.append(try value())
      }
      return FieldCondition(subject, try reader.test(amongst: values, isNegated: isNegated))
    }
    if skip("is") {
      let isNegated = skip("not")
      return FieldCondition(subject, try reasons(isNegated))
    }
    if case .field(let field) = subject, field.type == .flag {
      return FieldCondition(subject, ValueReader.isTrue)
    }
    throw error(.expected("= != < <= > >= ~ in or is"))
  }

  /// What follows `is` or `is not`.
  private mutating func reasons(_ isNegated: Bool) throws(ExpressionError) -> ValueTest {
    var test = ValueTest()
    test.isNegated = isNegated
    if skip("null") {
      test.reasons = Set(NullReason.allCases)
    } else if case .word(let word) = token.kind, let reason = NullReason(word.lowercased()) {
      index += 1
      test.reasons = [reason]
    } else {
      throw error(.expected("null, " + NullReason.allCases.map(\.name).joined(separator: ", ")))
    }
    return test
  }

  private mutating func value() throws(ExpressionError) -> Token {
    let value = token
    switch value.kind {
    case .word, .quoted, .pattern:
      index += 1
      return value
    default: throw error(.expected("a value"))
    }
  }
}

extension Token.Kind {
  fileprivate func isWord(_ keyword: String) -> Bool {
    if case .word(let word) = self { word.lowercased() == keyword } else { false }
  }
}

extension Expression {
  /// Reads an expression. The empty one holds for everything.
  ///
  /// - Parameters:
  ///   - zone: of times that name none.
  ///   - isKnown: whether a name that is no field's is that of a slot in the log's own templates; such names otherwise
  ///     need backquotes, or a leading `$` or `%`.
  public init(
    _ text: String, zone: Zone = .utc, isKnown: (String) -> Bool = { _ in false }
  ) throws(ExpressionError) {
    self = try Parser.parse(text, zone: zone, isKnown: isKnown)
  }
}
