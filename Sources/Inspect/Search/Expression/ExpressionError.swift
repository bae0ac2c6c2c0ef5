/// What is wrong with a search expression, and where.
public struct ExpressionError: Error, Equatable, Sendable {
  public enum Reason: Equatable, Sendable {
    /// Something else must stand here.
    case expected(String)
    /// No field has that name.
    case unknownField(String, nearest: String?)
    /// The field cannot be compared in that way.
    case comparison(String)
    /// The value is not one of the field's type.
    case value(String)
    /// A quote, a bracket or a slash is never closed.
    case unclosed(String)
    /// The regular expression does not compile.
    case pattern(String)
    /// More conditions, or deeper nesting, than is allowed.
    case tooLarge(String)
  }
  public var reason: Reason
  /// Byte offset in the expression.
  public var offset: Int
  /// The whole expression.
  public var text: String

  public init(_ reason: Reason, at offset: Int, in text: String) {
    self.reason = reason
    self.offset = offset
    self.text = text
  }
}

extension ExpressionError: CustomStringConvertible {
  /// What is wrong, then the expression's line with a caret below the place.
  public var description: String {
    let what =
      switch reason {
      case .expected(let what): "expected \(what)"
      case .unknownField(let name, let nearest):
        if let nearest {
          "no field is called \(name); did you mean \(nearest)?"
        } else {
          "no field is called \(name) (names that a format of your own has are written `\(name)`)"
        }
      case .comparison(let what), .value(let what), .unclosed(let what), .tooLarge(let what): what
      case .pattern(let what): "this regular expression does not compile: \(what)"
      }
    let bytes = Array(text.utf8)
    let place = min(offset, bytes.count)
    let start = bytes[..<place].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    let end = bytes[place...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
    // The caret stands below its character however many bytes the ones before it have.
    let column = String(decoding: bytes[start..<place], as: UTF8.self).count
    let line = String(decoding: bytes[start..<end], as: UTF8.self)
    return "\(what)\n  \(line)\n  \(String(repeating: " ", count: column))^"
  }
}
