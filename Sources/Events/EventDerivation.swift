import Bytes

extension Event {
  /// Works out what the line does not say outright, once all its slots have been added.
  ///
  /// - Parameters:
  ///   - format: name of the template that fitted; its product decides what the termination code means. Nil
  ///     when none did.
  ///   - isStatement: the collector itself wrote it, so that no format was to fit.
  public mutating func finish(format: String?, _ context: EventContext, isStatement: Bool = false) {
    let product = format.flatMap { Product(format: $0) }
    if let product { derive(.lbProduct, text: product.rawValue) }
    if let format { derive(.parserFormat, text: format) }
    if format == "nginx/error" { deriveErrorLog() }
    deriveSyslog()
    deriveRequest(product)
    deriveEndpoints()
    deriveTermination(product)
    deriveStep(product)
    deriveTimes(context)
    deriveClaim()
    if product == .haproxy, let format { deriveMessage(format) }
    deriveKind(format)
    if product == .envoy, bytes(.kind)?.text == "tcp" { moveToConnection() }
    deriveParsing(format)
    if format == nil, !isStatement { markUnparsed() }
  }

  private mutating func deriveKind(_ format: String?) {
    guard let format else { return derive(.kind, text: EventKind.unparsed.rawValue) }
    let kind = EventKind(format: format) ?? transactionKind
    derive(.kind, text: kind.rawValue)
  }

  /// What a line about a transaction is about.
  private var transactionKind: EventKind {
    if let transport = bytes(.transport), transport.text.lowercased() == "udp" { return .udpSession }
    // Envoy logs TCP in its HTTP format, with `-` for the method.
    if case .null = self[.httpMethod], case .null = self[.httpRequest], self[.urlTarget].isNull,
      self[.urlPath].isNull,
      !isGiven(.httpStatus)
    {
      return self[.tlsErrorText].isNull ? .tcp : .tlsError
    }
    return .http
  }

  /// Where Envoy logs a TCP connection, its durations and byte counts are the connection's.
  private mutating func moveToConnection() {
    for (from, to) in [
      (Field.durationActive, Field.durationTotal), (.bytesBodyIn, .bytesIn), (.bytesBodyOut, .bytesOut),
    ] where self[to].isNull {
      set(to, self[from])
      set(from, .null(.absent))
    }
  }

  /// Whether the line holds a value for the field, other than Envoy's `0` for "no status".
  private func isGiven(_ field: Field) -> Bool {
    switch self[field] {
    case .null, .integer(0): false
    default: true
    }
  }
}
