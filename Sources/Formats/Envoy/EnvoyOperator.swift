import Events
import Templates

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
    var argumentsAt = index
    if index < bytes.count, bytes[index] == UInt8(ascii: "(") {
      guard let close = Self.close(bytes, index) else {
        throw FormatError(.unfinished, at: index, in: string, "no ) closes the arguments")
      }
      argumentsAt = index + 1
      arguments = String(decoding: bytes[argumentsAt..<close], as: UTF8.self)
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
    try check(at: (start, begin, argumentsAt), string)
  }

  /// The parenthesis that closes the arguments which begin at `open`: the first that `%` or a length follows (a CEL
  /// expression holds parentheses of its own), or else the first.
  private static func close(_ bytes: [UInt8], _ open: Int) -> Int? {
    var first: Int?
    for index in open..<bytes.count where bytes[index] == UInt8(ascii: ")") {
      first = first ?? index
      var next = index + 1
      if next < bytes.count, bytes[next] == UInt8(ascii: ":") {
        next += 1
        while next < bytes.count, bytes[next] &- UInt8(ascii: "0") < 10 { next += 1 }
        if next == index + 2 { continue }
      }
      if next < bytes.count, bytes[next] == UInt8(ascii: "%") { return index }
    }
    return first
  }

  /// Names and arguments as Envoy takes them. An operator that is not known may be one of an extension's or of a
  /// newer Envoy; one that looks like a known one is taken for a slip.
  private func check(
    at place: (start: Int, name: Int, arguments: Int), _ string: String
  ) throws(FormatError) {
    if !Self.known.contains(name) {
      if let near = Spelling.nearest(to: name, among: Self.known), Self.differs(name, near, byAtMost: 2) {
        throw FormatError(
          .unknown, at: place.name, in: string, "no such operator: \(name); did you mean \(near)?")
      }
    } else if Self.headerNames.contains(name), arguments ?? "" == "" {
      throw FormatError(
        .unfinished, at: place.start, in: string, "\(name) needs a header's name in parentheses")
    } else if Self.argumentNames.contains(name), arguments ?? "" == "" {
      throw FormatError(.unfinished, at: place.start, in: string, "\(name) needs arguments in parentheses")
    }
    guard let arguments, let allowed = Self.allowed[name] else { return }
    let parts = arguments.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    var offset = place.arguments
    for (number, part) in parts.enumerated() {
      guard number < allowed.count else {
        throw FormatError(
          .unexpected, at: offset, in: string,
          "\(name) takes \(allowed.count == 1 ? "one argument" : "\(allowed.count) arguments, joined by colons")"
        )
      }
      let words = allowed[number]
      if !words.isEmpty, !part.isEmpty, !words.contains(part) {
        let near = Spelling.nearest(to: part, among: words).map { "; did you mean \($0)?" } ?? ""
        throw FormatError(
          .unknown, at: offset, in: string,
          "here may stand \(words.joined(separator: ", ")), not \(part)\(near)")
      }
      offset += part.utf8.count + 1
    }
    if name == "COMMON_DURATION", parts.count != 3 {
      throw FormatError(
        .unfinished, at: offset - 1, in: string,
        "COMMON_DURATION needs START:END:PRECISION, as DS_RX_BEG:DS_TX_END:us")
    }
  }

  /// Whether two words of about one length differ in few bytes only.
  private static func differs(_ one: String, _ other: String, byAtMost limit: Int) -> Bool {
    Spelling.nearest(to: one, among: [other]) != nil && abs(one.utf8.count - other.utf8.count) <= limit
      && Spelling.distance(one, other) <= limit
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    byte &- UInt8(ascii: "0") < 10 || byte == UInt8(ascii: "_")
      || byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
  }

  private static let headerNames: Set<String> = [
    "REQ", "RESP", "TRAILER", "REQUEST_HEADER", "RESPONSE_HEADER", "RESPONSE_TRAILER", "REQ_WITHOUT_QUERY",
  ]
  private static let argumentNames: Set<String> = [
    "DYNAMIC_METADATA", "CLUSTER_METADATA", "UPSTREAM_METADATA", "METADATA", "FILTER_STATE",
    "UPSTREAM_FILTER_STATE", "ENVIRONMENT", "QUERY_PARAM", "COALESCE", "CEL", "TYPED_CEL", "COMMON_DURATION",
  ]

  /// The words that arguments may be, where they are not free.
  private static let allowed: [String: [[String]]] = [
    "PATH": [["WQ", "NQ"], ["ORIG", "PATH", "ORIG_OR_PATH"]], "QUERY_PARAMS": [["ORIG", "DECODED"]],
    "GRPC_STATUS": [["CAMEL_STRING", "SNAKE_STRING", "NUMBER"]],
    "RESPONSE_CODE_DETAILS": [["ALLOW_WHITESPACES"]],
    "REQUESTED_SERVER_NAME": [["SNI_ONLY", "SNI_FIRST", "HOST_FIRST"], ["ORIG", "HOST", "ORIG_OR_HOST"]],
    "COMMON_DURATION": [[], [], ["ms", "us", "ns"]],
  ]
}
