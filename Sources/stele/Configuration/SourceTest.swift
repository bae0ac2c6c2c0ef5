import Bytes
import Yams

/// A line of a source, and what it must mean: one item of `test:` in a configuration file.
///
///     test:
///       - line: '192.0.2.1 - - [23/Nov/2026:08:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "curl"'
///         fields: {http.status: 200, client.ip: 192.0.2.1, user: null}
struct SourceTest: Equatable, Sendable {
  /// What a field must hold.
  enum Expected: Equatable, Sendable {
    /// As the field's type is written: `200`, `86ms`, `192.0.2.1`, `yes`.
    case value(String)
    /// Exactly these bytes.
    case bytes([UInt8])
    /// Nothing; with the reason, where one is given.
    case null(String?)
  }

  /// One field, and where the file says what it must hold.
  struct Expectation: Equatable, Sendable {
    var name: String
    var expected: Expected
    var place: ConfigurationError
  }

  /// As messages call it: its name, or its number.
  var name: String
  var line: [UInt8]
  var status = Explanation.Status.ok
  /// The format that must fit.
  var format: String?
  /// When the line is taken to have come, as written; decides the year of stamps that name none.
  var received: String?
  var fields: [Expectation] = []
  /// Where the test stands in the file, and where `status` and `format` do.
  var place: ConfigurationError
  var statusPlace: ConfigurationError
  var formatPlace: ConfigurationError
  var receivedPlace: ConfigurationError

  static let keys = ["name", "line", "raw_base64", "fields", "status", "format", "received"]

  init(_ value: ConfigurationValue) throws(ConfigurationError) {
    let group = try value.group(Self.keys)
    place = value.error("")
    name = try group["name"]?.text() ?? value.name
    switch (group["line"], group["raw_base64"]) {
    case (let text?, nil): line = Array(try text.scalar().utf8)
    case (nil, let encoded?): line = try Self.base64(encoded)
    case (_?, let encoded?):
      throw encoded.error("\(value.name) has 'line' and 'raw_base64'; remove one of them")
    case (nil, nil): throw value.error("\(value.name) lacks the key 'line' (or 'raw_base64')")
    }
    if let value = group["status"] { status = try value.choice() }
    format = try group["format"]?.text()
    received = try group["received"]?.text()
    statusPlace = group["status"]?.error("") ?? place
    formatPlace = group["format"]?.error("") ?? place
    receivedPlace = group["received"]?.error("") ?? place
    if let value = group["fields"] { fields = try Self.fields(value) }
  }

  private static func base64(_ value: ConfigurationValue) throws(ConfigurationError) -> [UInt8] {
    let text = Array(try value.scalar().utf8)
    do throws(DecodeError) {
      return try text.withView { (view) throws(DecodeError) in try Base64.decode(view) }
    } catch {
      throw value.error("\(value.name) is no base64 (at byte \(error.offset))")
    }
  }

  private static func fields(_ value: ConfigurationValue) throws(ConfigurationError) -> [Expectation] {
    guard case .mapping(let mapping) = value.node else {
      throw value.error("\(value.name) must be a group of fields ('http.status: 200')")
    }
    var fields: [Expectation] = []
    for (keyNode, node) in mapping {
      let key = ConfigurationValue(keyNode, file: value.file, name: "the field", fallback: value.node.mark)
      let name = try key.scalar()
      let item = ConfigurationValue(node, file: value.file, name: name, fallback: keyNode.mark)
      fields.append(Expectation(name: name, expected: try expected(item), place: item.error("")))
    }
    return fields
  }

  private static func expected(_ value: ConfigurationValue) throws(ConfigurationError) -> Expected {
    switch value.node {
    case .scalar(let scalar):
      // `null`, `~` and nothing; '' in quotes is a text.
      return scalar.style == .plain && value.node.null != nil ? .null(nil) : .value(scalar.string)
    default:
      let group = try value.group(["null", "base64"])
      if let reason = group["null"] { return .null(try reason.choice(among: Reason.allCases).rawValue) }
      return .bytes(try base64(try group.required("base64")))
    }
  }

  /// Names of `NullReason`.
  private enum Reason: String, CaseIterable {
    case absent, dash, empty
    case notReached = "not_reached"
  }
}
