import Bytes

/// Literals and slots of one log format: what a line looks like, and what each part of it means.
///
/// A template is a plain value. It is compiled from a load balancer's own format string, matched against lines
/// (`Matcher`), printed back (`Printer`), and written into every block whose lines it parsed, so that those lines
/// stay readable when the configuration has long changed.
///
///     literals[0] slots[0] literals[1] slots[1] … slots[n-1] literals[n]
///
/// There is one literal more than there are slots. The first and last may be empty; a literal between two slots
/// never is, unless the first of them knows its own end, because else nobody could say where it ends.
public struct Template: Hashable, Sendable {
  /// The format's name (`nginx/combined`), or what was compiled (`haproxy:…`).
  public var name: String
  public var literals: [[UInt8]]
  public var slots: [Slot]

  /// Traps unless there is exactly one literal more than slots.
  public init(name: String, literals: [[UInt8]], slots: [Slot]) {
    precondition(literals.count == slots.count + 1)
    self.name = name
    self.literals = literals
    self.slots = slots
  }
}

/// One variable part of a template.
public struct Slot: Hashable, Sendable {
  /// The event field this value is (`client.ip`, `http.status`), or, for what no field covers, the load
  /// balancer's own spelling (`$upstream_foo`, `%[var(txn.x)]`).
  public var name: String
  /// How the value is stored.
  public var column: ColumnType
  /// Which bytes the value may hold: decides where it ends, and whether a line fits the template at all.
  public var syntax: Syntax
  /// What one unit of a number means.
  public var unit: Unit
  /// Templates that the value itself may have. A value that fits none of them is kept as it is.
  public var alternatives: [Template]

  public init(
    _ name: String, _ column: ColumnType = .text, syntax: Syntax = .token, unit: Unit = .none,
    alternatives: [Template] = []
  ) {
    self.name = name
    self.column = column
    self.syntax = syntax
    self.unit = unit
    self.alternatives = alternatives
  }
}

/// How the values of a slot are stored. Whatever the type, a value that is not spelled canonically for it is kept
/// verbatim: the type only says what usually fits.
public enum ColumnType: UInt8, Sendable, CaseIterable {
  /// Bytes, verbatim. Also the type of every slot that has alternatives.
  case text = 0
  /// A decimal integer, `0` or without leading zeros, `-` allowed in front, within ±10^18.
  case integer = 1
  /// A decimal integer with a leading `+` (HAProxy's incomplete timers and redispatch mark) or without.
  case plusInteger = 2
  /// A decimal number with a point: `0.123`. The number of places is kept per value.
  case decimal = 3
  /// An IPv4 address in dotted decimal. (IPv6 is kept as text.)
  case address = 4
  /// `dd/Mon/yyyy:HH:MM:SS`, then nothing, `.mmm`, or ` +zzzz`: Common Log Format, HAProxy's `%t` and `%tr`.
  case clfTime = 5
  /// `yyyy-mm-ddTHH:MM:SS`, a fraction of 0 to 9 digits, then `Z` or `±hh:mm` (RFC 3339).
  case isoTime = 6
  /// `Mon dd HH:MM:SS`, the day padded by a space (RFC 3164).
  case syslogTime = 7
  /// Three digits, leading zeros and all: `000`, `200`. Also `-1` and `0` as HAProxy prints them.
  case status = 8
  /// Lower-case hexadecimal, perhaps with `-` at fixed places: request ids, UUIDs.
  case identifier = 9
  /// An upper-case hexadecimal number, zero-padded to four digits or to two (HAProxy `+X`: ports, counters).
  case hexInteger = 16
  /// An address as upper-case hexadecimal bytes: 8 digits for IPv4, 32 for IPv6 (HAProxy `+X`).
  case hexAddress = 17
}

/// Which bytes a slot's value may hold. Unless its case says otherwise, a value ends at the first occurrence of the
/// literal after it (the last slot of a template: where its literal ends the text), and is then checked.
public enum Syntax: UInt8, Sendable, CaseIterable {
  /// Anything, also nothing, blanks and quotes. Where the format does not escape, a value like this can forge the
  /// literal after it; the matcher then reports the line as ambiguous rather than choose.
  case any = 0
  /// At least one byte; no blank, no control byte.
  case token = 1
  /// Optional sign, digits; or `-`, a value that is not there.
  case number = 2
  /// Digits with one point, or `-`.
  case decimal = 3
  /// An IPv4 or IPv6 address (hex digits, `.`, `:`, `%`), `unix` or `unix:` and what follows, or `-`.
  ///
  /// HAProxy writes IPv6 without brackets (`2001:db8::1:33317`), so where the literal after it begins with `:` the
  /// address ends at the *last* occurrence of that literal within the run of such bytes (hex digits, `.`, `:`, `%`,
  /// `-`) which starts here; where there is none in the run (`unix:1`), at the first occurrence as usual.
  case address = 4
  /// A time as `ColumnType.clfTime`, `.isoTime` or `.syslogTime` describes; checked in full. It ends where its own
  /// form ends, and the literal must follow there: `Mon dd HH:MM:SS` holds blanks. Stamps that are spelled otherwise
  /// (`OddStamp`: an unpadded day, a year, a fraction, a zone without colon or none) fit too, and are kept verbatim.
  /// `-` also fits.
  case time = 5
  /// Exactly three digits; or `-`, `-1`, `0`.
  case status = 6
  /// Anything the load balancer escapes so that the literal behind it cannot occur inside: first occurrence ends
  /// it, and that is certain. (Nginx `escape=default` and `json`, HAProxy captures and `+Q`.)
  case escaped = 7
  /// RFC 3164 host: letters, digits, `.`, `-`, `_`, `:`; not ending in `:`.
  case host = 8
  /// Syslog tag (RFC 3164) or application name (RFC 5424): no blank, no `[`, no `]`, no `:`.
  case tag = 9
  /// RFC 5424 STRUCTURED-DATA: `-` or elements in brackets, quotes and escapes respected.
  case structuredData = 10
  /// One or more blanks, or nothing.
  case blanks = 11
  /// One header captured by HAProxy: anything, also nothing, but `"`, `{`, `|`, `}` (which it escapes). So of the
  /// templates for one, two, three … captures between braces exactly one fits.
  case capture = 12
  /// One or more values without blanks, joined by `, ` or ` : ` (Nginx's upstream variables). A blank directly
  /// after a comma, before `: ` or after ` :` is part of such a joint and never begins the literal after it.
  case list = 13
  /// Text in which a backslash takes the byte after it with it (JSON strings, Nginx `escape=json`, HAProxy `+E`):
  /// it ends at the first occurrence of the literal after it whose first byte no backslash escapes. May be empty.
  case backslash = 14
  /// Text outside quotes in which the load balancer escapes quotes, but not blanks (Nginx `$remote_user`): it ends
  /// at the *last* occurrence of the literal after it before the next `"` (or the end). A format's compiler uses it
  /// only where nothing else up to that quote can hold the literal, and then no value can forge its end.
  case unquoted = 15
  /// One data item of CBOR (RFC 8949) in hexadecimal digits; it knows its own end.
  case cbor = 16
  /// Words of a fixed message: letters, digits, blanks, `-`, `_` and `/`, up to the word `via`. Not empty.
  case phrase = 17
  /// Quoted text that the end of the line cut off: anything without `"`. Only as the last slot of a template; what
  /// it holds makes the line a partial one.
  case cut = 18
  /// Headers captured by HAProxy in one piece: anything, also nothing, but `"`, `{` and `}`.
  case captures = 19
  /// The priority of a syslog header: 0 to 191, no sign, no leading zeros (RFC 5424, 6.2.1).
  case priority = 28
  /// One JSON value (RFC 8259): a string with its quotes, a number, `true`, `false`, `null`, an object or a list;
  /// or nothing, where a bare variable was empty (`"t":,`). It ends where its own form ends, and the literal must
  /// follow there.
  case json = 20
  /// One of the slot's alternatives, if its first literal stands here and the rest fits; or nothing. It ends where
  /// the alternative ends, so the last slot of every alternative must know its end or have a literal behind it.
  case optional = 21
  /// Anything but a comma, also nothing: it ends before the first comma, or with the text.
  case item = 22
  /// Anything in which the literal after it does not occur: it ends at the literal's only occurrence. Where the
  /// literal occurs a second time, the line does not fit.
  case once = 23
}

/// What one unit of a numeric slot means; for text, which spelling its bytes have.
public enum Unit: UInt8, Sendable, CaseIterable {
  case none = 0
  /// Seconds (with a decimal point: fractions of one).
  case seconds = 1
  case milliseconds = 2
  case microseconds = 3
  case nanoseconds = 4
  case bytes = 5
  /// Text in which `#HH` stands for a byte that HAProxy does not print: control bytes, those above 126, `"`, `#`
  /// and, in captures, `{`, `|`, `}`.
  case hashEscapes = 16
  /// Text in which a backslash stands before `"`, `\` and `]` (HAProxy `+E` and `+json`).
  case backslashEscapes = 17
  /// Both: a backslash before what `#HH` does not stand for.
  case hashAndBackslashEscapes = 18
  /// A data item of CBOR in hexadecimal digits; numbers in it are as HAProxy prints them.
  case cborItem = 19
  /// Text in which `\xHH` stands for `"`, `\`, control bytes and those above 126 (Nginx `escape=default`).
  case hexEscapes = 20
  /// The text of a JSON string (RFC 8259, 7). `\u0080` to `\u00FF` stand for single bytes where some byte of the
  /// string is no UTF-8: then Envoy writes all bytes above 126 so.
  case jsonEscapes = 21
}
