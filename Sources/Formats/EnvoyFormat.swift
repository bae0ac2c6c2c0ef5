import Events
import Templates

/// Compiles Envoy's text format strings.
public enum EnvoyFormat {
  /// Compiles a format string with command operators (Envoy documentation, "Substitution Formatter"). Line
  /// feeds at its end are the line's end and not part of the template.
  ///
  /// Envoy escapes nothing: values that a client or server can choose may hold anything, and a line that can
  /// be read in two ways is reported as ambiguous.
  ///
  /// - Parameter name: the template's name; begins with `envoy/`, `istio/` or `envoy:`, which tells the
  ///   product.
  /// - Returns: one template, in a list like those of the other compilers.
  public static func compile(_ string: String, name: String) throws(FormatError) -> [Template] {
    var bytes = Array(string.utf8)
    while bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
    var builder = TemplateBuilder()
    var index = 0
    while index < bytes.count {
      if bytes[index] != UInt8(ascii: "%") {
        builder.append(bytes[index])
        index += 1
      } else if index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "%") {
        builder.append(bytes[index])
        index += 2
      } else {
        builder.append(try EnvoyOperator(bytes, &index, string).piece)
      }
    }
    if builder.pieces.isEmpty {
      throw FormatError(.empty, at: 0, in: string, "nothing here varies from line to line")
    }
    return builder.build(name: name)
  }
}

/// One command operator: `%NAME(arguments):length%`.
struct EnvoyOperator {
  var name: String
  var arguments: String?
  /// Most bytes that are printed; nil for all.
  var limit: Int?
  /// As it stands in the format.
  var spelling: String

  /// Reads the operator that begins at `index`, and leaves `index` behind it.
  init(_ bytes: [UInt8], _ index: inout Int, _ string: String) throws(FormatError) {
    let start = index
    index += 1
    let begin = index
    while index < bytes.count, Self.isNameByte(bytes[index]) { index += 1 }
    guard index > begin else {
      throw FormatError(
        index == bytes.count ? .unfinished : .unexpected, at: index, in: string,
        "an operator's name must follow %: capital letters, digits and _; a plain percent sign is written %%")
    }
    name = String(decoding: bytes[begin..<index], as: UTF8.self)
    if index < bytes.count, bytes[index] == UInt8(ascii: "(") {
      guard let close = bytes[index...].firstIndex(of: UInt8(ascii: ")")) else {
        throw FormatError(.unfinished, at: index, in: string, "no ) closes the arguments")
      }
      arguments = String(decoding: bytes[(index + 1)..<close], as: UTF8.self)
      index = close + 1
    }
    if index < bytes.count, bytes[index] == UInt8(ascii: ":") {
      let digits = index + 1
      index = digits
      while index < bytes.count, bytes[index] &- UInt8(ascii: "0") < 10 { index += 1 }
      guard let limit = Int(String(decoding: bytes[digits..<index], as: UTF8.self)) else {
        throw FormatError(.unexpected, at: digits, in: string, "a length in digits must follow the colon")
      }
      self.limit = limit
    }
    guard index < bytes.count else {
      throw FormatError(.unfinished, at: start, in: string, "no % closes the operator")
    }
    guard bytes[index] == UInt8(ascii: "%") else {
      throw FormatError(
        .unexpected, at: index, in: string, "(arguments), :length or the closing % must stand here")
    }
    index += 1
    spelling = String(decoding: bytes[start..<index], as: UTF8.self)
    if ["REQ", "RESP", "TRAILER", "REQUEST_HEADER", "RESPONSE_HEADER", "RESPONSE_TRAILER"].contains(name),
      arguments ?? "" == ""
    {
      throw FormatError(.unfinished, at: start, in: string, "\(name) needs a header's name in parentheses")
    }
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    byte &- UInt8(ascii: "0") < 10 || byte == UInt8(ascii: "_")
      || byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
  }
}
