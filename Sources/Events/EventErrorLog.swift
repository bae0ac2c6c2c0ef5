import Bytes

extension Event {
  /// Checks a line of Nginx's error log, and takes the server's address out of the URL that it is logged in.
  ///
  /// Nginx escapes nothing there, so a client can write what looks like a later part of the line. Where that shows,
  /// the parts in question have no value and the event is ambiguous; the line itself is kept as it is.
  mutating func deriveErrorLog() {
    if let message = bytes(.message), Self.holds(message, ", client: ") {
      return set(.parseStatus, text: "ambiguous")
    }
    let hasMore = [Field.urlHost, .httpReferrer].contains { !self[$0].isNull }
    let isUnversioned = !self[.httpRequest].isNull && (hasMore || !self[.upstreamAddress].isNull)
    // A request line that Nginx could not read is followed by no header.
    let isUnread =
      hasMore && (bytes(.message).map { Self.holds($0, "while reading client request line") } ?? false)
    if isUnversioned || isUnread {
      set(.parseStatus, text: "ambiguous")
      for field in [
        Field.httpRequest, .httpMethod, .urlTarget, .httpVersion, .upstreamAddress, .urlHost, .httpReferrer,
      ] where !self[field].isNull {
        set(field, .null(.unparsed))
      }
    }
    takeServer()
  }

  /// `http://192.0.2.1:80/path`, `fastcgi://unix:/run/php.sock:/path`, `192.0.2.1:80`.
  private mutating func takeServer() {
    guard case .text(let upstream) = self[.upstreamAddress] else { return }
    let text = bytes(upstream)
    let slash = UInt8(ascii: "/")
    var start = 0
    if let colon = text.find(UInt8(ascii: ":")), colon + 2 < text.count, text[colon + 1] == slash,
      text[colon + 2] == slash
    {
      start = colon + 3
    }
    var end = text.find(slash, from: start) ?? text.count
    if text.count - start > 5, text[start, start + 5].text == "unix:" {
      end = start + 5
      while end < text.count, text[end] != UInt8(ascii: ":") { end += 1 }
    }
    set(.upstreamAddress, .null(.absent))
    if end > start { derive(.lbServer, .text(part(of: upstream, start, end))) }
  }

  private static func holds(_ text: ByteView, _ word: String) -> Bool {
    Array(word.utf8).withView { word in
      var index = 0
      while let hit = text.find(word[0], from: index) {
        if text.count - hit >= word.count, text.matches(word, at: hit) { return true }
        index = hit + 1
      }
      return false
    }
  }
}

extension Event {
  /// Whether the event is one whole HTTP request.
  ///
  /// Load balancers can log a request more than once: when it comes, from time to time, toward the server, when it
  /// ends (Envoy's `ACCESS_LOG_TYPE`, HAProxy's `%OG`; field `lb.step`). Only the record of the end is counted.
  public var isRequest: Bool {
    guard bytes(.kind)?.text == EventKind.http.rawValue else { return false }
    guard let step = bytes(.lbStep)?.text else { return true }
    return ["DownstreamEnd", "NotSet", "txn_close", "unspec"].contains(step)
  }

  /// A record that Envoy wrote before the end says nothing of how it ended.
  mutating func deriveStep(_ product: Product?) {
    guard product == .envoy, let step = bytes(.lbStep)?.text, step != "NotSet", !step.hasSuffix("End") else {
      return
    }
    derive(.bytesIncomplete, .flag(true))
    derive(.durationIncomplete, .flag(true))
    set(.outcome, text: "unknown")
    for field in [Field.termActor, .termPhase, .termTimeout] { set(field, .null(.notReached)) }
  }
}
