import Bytes

extension Event {
  /// Works out what the line does not say outright, once all its slots have been added.
  ///
  /// - Parameter format: name of the template that fitted; its product decides what the termination code
  ///   means. Nil when none did.
  public mutating func finish(format: String?, _ context: EventContext) {
    let product = format.flatMap { Product(format: $0) }
    if let product { derive(.lbProduct, text: product.rawValue) }
    if let format { derive(.parserFormat, text: format) }
    deriveSyslog()
    deriveRequest()
    deriveEndpoints()
    deriveTermination(product)
    deriveTimes(context)
    deriveKind(fitted: format != nil)
    if product == .envoy, bytes(.kind)?.text == "tcp" { moveToConnection() }
    if format != nil { derive(.parseStatus, text: hasMismatch ? "partial" : "ok") }
  }

  private mutating func deriveKind(fitted: Bool) {
    if !fitted {
      derive(.kind, text: "unparsed")
      return
    }
    // Envoy logs TCP in its HTTP format, with `-` for the method.
    let http =
      if case .null = self[.httpMethod], case .null = self[.httpRequest] { isGiven(.httpStatus) } else {
        true
      }
    derive(.kind, text: http ? "http" : "tcp")
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
