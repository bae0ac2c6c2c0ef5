import Bytes
import Events

/// Between which times a log's entries were made, as timestamp authorities say.
public struct TimeBracket: Equatable, Sendable {
  /// One end of the bracket.
  public struct Bound: Equatable, Sendable {
    /// The entry where it holds.
    public var index: UInt64
    /// Nanoseconds since 1970 UTC; the token's accuracy is added or taken away, whichever claims less.
    public var time: Int64
    /// Subject of the certificate that signed.
    public var authority: String
    /// The token's file.
    public var file: String
  }

  /// Number of tokens in the directory.
  public var tokens = 0
  /// Number of tokens that could not be compared with what they are over: its entries are not there, or
  /// cannot be read.
  public var unchecked = 0
  /// Whether authorities were given, and vouch for the tokens of the bounds.
  public var isTrusted = false
  /// Entries below the index existed at the time. Of the token that covers most.
  public var existed: Bound?
  /// Entries from the index on entered the log after the time. Of the token that the log recorded last.
  public var entered: Bound?

  /// For people: nothing when there are no tokens.
  var lines: [String] {
    var lines: [String] = []
    if let existed, existed.index > 0 {
      lines.append(
        "entries up to \(existed.index - 1) existed at \(Timestamp.text(existed.time, digits: 3)) "
          + "(\(existed.authority))")
    }
    if let entered {
      lines.append(
        "entries from \(entered.index) on entered the log after \(Timestamp.text(entered.time, digits: 3)) "
          + "(\(entered.authority))")
    }
    if tokens > 0, !isTrusted {
      lines.append("whose word that is was not checked: give the authority's certificate with --tsa-ca")
    }
    if unchecked > 0 { lines.append("\(Quantities.plural(unchecked, "token")) could not be compared") }
    return lines
  }

  var json: JSONValue {
    [
      "tokens": .number(tokens), "unchecked": .number(unchecked), "trusted": .flag(isTrusted),
      "existed": existed.map { Self.json($0, "end") } ?? .null,
      "entered": entered.map { Self.json($0, "first") } ?? .null,
    ]
  }

  private static func json(_ bound: Bound, _ index: String) -> JSONValue {
    .object([
      JSONValue.Member(index, .number(bound.index)),
      JSONValue.Member("time", .text(Timestamp.text(bound.time))),
      JSONValue.Member("authority", .text(bound.authority)), JSONValue.Member("file", .text(bound.file)),
    ])
  }
}
