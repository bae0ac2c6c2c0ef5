import Bytes

/// How far a line was understood: the values of the field `parse.status`.
public enum ParseStatus: String, CaseIterable, Sendable {
  case ok, partial, ambiguous, failed

  /// One line for people.
  public var meaning: String {
    switch self {
    case .ok: "A format fits, and every value is of its field's type"
    case .partial: "A format fits, but some value is not of its field's type; it is kept as text"
    case .ambiguous:
      "A format fits in more than one way, so none was chosen and the line is kept whole; or values may belong to one "
        + "field or another"
    case .failed: "No format fits; the line, or what follows its syslog header, is kept whole"
    }
  }
}

/// What did not fit: the values of the field `parse.error`.
public enum ParseError: String, CaseIterable, Sendable {
  case type
  case lineFeed = "line_feed"
  case unclosedQuote = "unclosed_quote"
  case ambiguous, format, words, captures

  /// One line for people.
  public var meaning: String {
    switch self {
    case .type: "A value is not of its field's type; the field's name follows (`type http.status`)"
    case .lineFeed: "The message holds a line feed: a forged line, or a value of several lines"
    case .unclosedQuote: "A quote is opened and never closed: the line was cut, or a quote in it is forged"
    case .ambiguous: "A value may hold what separates values, so the line can be read in more than one way"
    case .format: "The line is not of the source's format"
    case .words: "A message of the load balancer itself has words that are not known"
    case .captures: "One block of captured headers: only the configuration tells request from response"
    }
  }
}

extension Event {
  /// Sets what is known of the parsing; offsets that the caller knows better stay.
  mutating func deriveParsing(_ format: String?) {
    if format != nil { return deriveFit() }
    guard let status = bytes(.parseStatus)?.text, let text = bytes(.message) else { return }
    let error: ParseError =
      status == ParseStatus.ambiguous.rawValue
      ? .ambiguous
      : text.find(UInt8(ascii: "\n")) != nil ? .lineFeed : QuoteScan.isOpen(text) ? .unclosedQuote : .format
    derive(.parseError, text: error.rawValue)
  }

  /// Of a line that a format fits.
  private mutating func deriveFit() {
    let isPartial = mismatch != nil || isCut || hasOddWords
    let status: ParseStatus = isUndecided ? .ambiguous : isPartial ? .partial : .ok
    derive(.parseStatus, text: status.rawValue)
    if let mismatch {
      derive(.parseError, text: "\(ParseError.type.rawValue) \(mismatch.name)")
      if let mismatchOffset { derive(.parseOffset, .integer(Int64(mismatchOffset))) }
      return
    }
    let error: ParseError? =
      isCut ? .unclosedQuote : hasOddWords ? .words : isUndecided ? .captures : hasLineFeed ? .lineFeed : nil
    if let error { derive(.parseError, text: error.rawValue) }
  }

  /// Compares the host that the syslog header claims with who sent it, as far as that is proved: by the
  /// certificate's names, or, where the claim is an address, by the peer's address.
  mutating func deriveClaim() {
    guard let host = bytes(.syslogHost)?.text else { return }
    if let identity = bytes(.sourcePeerIdentity)?.text {
      set(.sourceClaimMismatch, .flag(!Identity(identity).isNamed(host)))
    } else if let claimed = Array(host.utf8).withView({ Address($0) }),
      case .address(let peer) = self[.sourcePeerIP]
    {
      set(.sourceClaimMismatch, .flag(claimed.unmapped != peer.unmapped))
    }
  }
}

/// Quotes of a log line.
public enum QuoteScan {
  /// Whether a `"` is opened and not closed. A backslash before a quote does not count as escaping when it is
  /// itself escaped.
  public static func isOpen(_ text: ByteView) -> Bool {
    var isOpen = false
    var index = 0
    while index < text.count {
      switch text[index] {
      case UInt8(ascii: "\\"): index += 1
      case UInt8(ascii: "\""): isOpen.toggle()
      default: break
      }
      index += 1
    }
    return isOpen
  }
}

/// The names in a certificate's identity: `CN=edge-1,O=Example; DNS:edge-1.example.com, IP
/// Address:192.0.2.1`.
struct Identity {
  private var names: [String] = []

  init(_ text: String) {
    for part in text.split(whereSeparator: { $0 == ";" || $0 == "," || $0 == "+" }) {
      let word = part.drop { $0 == " " }
      for prefix in ["CN=", "DNS:", "IP Address:"] where word.hasPrefix(prefix) {
        names.append(word.dropFirst(prefix.count).lowercased())
      }
    }
  }

  /// Whether `host` is one of the names, or the first label of one. A `*` stands for a first label.
  func isNamed(_ host: String) -> Bool {
    let host = host.lowercased()
    return names.contains { name in
      if name == host { return true }
      if !host.contains("."), name.prefix(while: { $0 != "." }) == host { return true }
      return name.hasPrefix("*.") && host.contains(".") && host.drop { $0 != "." } == name.dropFirst()
    }
  }
}

extension Address {
  /// The IPv4 address that an IPv4-mapped one holds; any other address itself.
  var unmapped: Address {
    high == 0 && low &>> 32 == 0xFFFF && !isIPv4 ? Address(ipv4: UInt32(truncatingIfNeeded: low)) : self
  }
}
