import Events
import Templates

/// Compiles Envoy's access log formats: text and JSON.
public enum EnvoyFormat {
  /// Compiles a text format with command operators (Envoy documentation, "Substitution Formatter"). Line feeds
  /// at its end are the line's end and not part of the template.
  ///
  /// Envoy escapes nothing: values that a client or server can choose may hold anything, and a line that can
  /// be read in two ways is reported as ambiguous.
  ///
  /// - Parameters:
  ///   - omitsEmpty: `omit_empty_values` is set: what is not there prints nothing instead of `-`.
  ///   - name: the template's name; begins with `envoy/`, `istio/`, `contour/` or `envoy:`, which tells the
  ///     product.
  /// - Returns: one template, in a list like those of the other compilers.
  public static func compile(
    _ string: String, omitsEmpty: Bool = false, name: String
  ) throws(FormatError) -> [Template] {
    var bytes = Array(string.utf8)
    while bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
    var builder = TemplateBuilder()
    for part in try parts(bytes, string) {
      switch part {
      case .literal(let byte): builder.append(byte)
      case .operation(let operation): builder.append(omitsEmpty ? operation.piece.omittable : operation.piece)
      }
    }
    if builder.pieces.isEmpty {
      throw FormatError(.empty, at: 0, in: string, "nothing here varies from line to line")
    }
    return try builder.build(name: name, of: string)
  }

  /// Compiles `json_format` (or `typed_json_format`, which prints the same): an object whose strings are formats.
  ///
  /// Envoy writes the members without blanks and in the order of their names' bytes. A string that is one sole
  /// operator keeps the operator's type (number, string, `null`, a structure); other strings stay strings, and what
  /// is no string is printed as it is.
  ///
  /// - Parameters:
  ///   - omitsEmpty: `omit_empty_values` is set: members whose value would be `null` or an empty object are left
  ///     out, and so are such items of lists.
  ///   - name: the template's name, as for text formats.
  public static func compile(
    json: EnvoyJSON, omitsEmpty: Bool = false, name: String
  ) throws(FormatError) -> [Template] {
    guard case .object = json else {
      throw FormatError(
        .unexpected, at: 0, in: json.description, "a JSON format is an object: {\"key\": \"%OPERATOR%\"}")
    }
    var writer = EnvoyJSONWriter(omitsEmpty: omitsEmpty)
    try writer.append(json, path: "")
    if writer.builder.pieces.isEmpty {
      throw FormatError(.empty, at: 0, in: json.description, "nothing here varies from line to line")
    }
    return try writer.builder.build(name: name, of: json.description)
  }

  enum Part {
    case literal(UInt8)
    case operation(EnvoyOperator)
  }

  /// The literals and operators of a format string.
  static func parts(_ bytes: [UInt8], _ string: String) throws(FormatError) -> [Part] {
    var parts: [Part] = []
    var index = 0
    while index < bytes.count {
      if bytes[index] != UInt8(ascii: "%") {
        parts.append(.literal(bytes[index]))
        index += 1
      } else if index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "%") {
        parts.append(.literal(bytes[index]))
        index += 2
      } else {
        parts.append(.operation(try EnvoyOperator(bytes, &index, string)))
      }
    }
    return parts
  }
}

extension Piece {
  /// The same where nothing is printed for what is not there.
  var omittable: Piece {
    var piece = self
    switch escaping {
    case .word:
      piece.escaping = .bare
      if slot.syntax != .any { piece.slot.syntax = .escaped }
    default: break
    }
    return piece
  }
}
