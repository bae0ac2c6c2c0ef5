import Templates

/// Compiles Nginx `log_format` strings.
public enum NginxFormat {
  /// The `escape=` parameter of `log_format` (ngx_http_log_module).
  public enum Escape: String, CaseIterable, Sendable {
    /// `"`, `\`, and bytes below 32 and above 126 become `\xHH`.
    case `default`
    /// As in JSON strings.
    case json
    /// Not at all.
    case none
  }

  /// Compiles a `log_format` string, the configuration file's quotes already removed and its parts joined.
  ///
  /// - Parameter name: the templates' name; begins with `nginx/` or `nginx:`, which tells the product.
  /// - Returns: one template; two where `$request` stands without quotes before a blank.
  public static func compile(
    _ string: String, escape: Escape = .default, name: String
  ) throws(FormatError) -> [Template] {
    let bytes = Array(string.utf8)
    let isStream = try isStream(bytes, string)
    var builder = TemplateBuilder()
    var index = 0
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: "$") {
        let name = try variable(bytes, &index, string)
        builder.append(NginxVariables.piece(name, escape, isStream: isStream))
      } else {
        builder.append(bytes[index])
        index += 1
      }
    }
    if builder.pieces.isEmpty {
      throw FormatError(.empty, at: 0, in: string, "nothing here varies from line to line")
    }
    if builder.fitsAnything, let second = bytes.dropFirst().firstIndex(of: UInt8(ascii: "$")) {
      throw FormatError(
        .unsupported, at: second, in: string,
        "nobody could say where one value ends and the next begins; put something between the variables, "
          + "at least a blank")
    }
    return try builder.build(name: name, of: string)
  }

  /// Whether some variable is one that the stream module alone has.
  private static func isStream(_ bytes: [UInt8], _ string: String) throws(FormatError) -> Bool {
    var index = 0
    while let dollar = bytes[index...].firstIndex(of: UInt8(ascii: "$")) {
      index = dollar
      if ["session_time", "protocol", "bytes_received"].contains(try variable(bytes, &index, string)) {
        return true
      }
    }
    return false
  }

  /// `$name` or `${name}`; `index` is left behind it.
  private static func variable(
    _ bytes: [UInt8], _ index: inout Int, _ string: String
  ) throws(FormatError) -> String {
    let start = index
    index += 1
    let braced = index < bytes.count && bytes[index] == UInt8(ascii: "{")
    if braced { index += 1 }
    let begin = index
    while index < bytes.count, isNameByte(bytes[index]) { index += 1 }
    if braced, index == bytes.count {
      throw FormatError(.unfinished, at: start, in: string, "no } closes the variable's name")
    }
    if braced, bytes[index] != UInt8(ascii: "}") {
      throw FormatError(
        .unexpected, at: index, in: string, "names hold letters, digits and _; then } must follow")
    }
    guard index > begin else {
      throw FormatError(
        index == bytes.count ? .unfinished : .unexpected, at: index, in: string,
        "a variable's name must follow $: letters, digits and _ (Nginx has no way to write a plain $)")
    }
    let name = String(decoding: bytes[begin..<index], as: UTF8.self)
    if braced { index += 1 }
    return name
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    byte &- UInt8(ascii: "0") < 10 || byte == UInt8(ascii: "_")
      || byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")
  }
}
