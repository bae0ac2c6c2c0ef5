import Templates

extension Slot {
  /// A request line: method, target and version when it looks so, else kept whole.
  ///
  /// ` HTTP/` belongs to the literals, so that a request cut at its limit, `<BADREQ>` or TLS bytes do not
  /// pass for three words.
  static var requestLine: Slot {
    Slot(
      "http.request", .text, syntax: .any,
      alternatives: [
        Template(
          name: "request", literals: [[], Array(" ".utf8), Array(" HTTP/".utf8), []],
          slots: [Slot("http.method"), Slot("url.target"), Slot("http.version")])
      ])
  }

  /// An address with its port in one, as `192.0.2.1:80` or `[2001:db8::1]:80`; anything else (a unix socket's
  /// path) is kept whole under the endpoint's own name.
  static func endpoint(_ name: String, ip: String, port: String) -> Slot {
    let port = Slot(port, .integer, syntax: .number)
    let address = Slot(ip, .address, syntax: .address)
    return Slot(
      name, .text, syntax: .any,
      alternatives: [
        Template(name: "endpoint", literals: [[], Array(":".utf8), []], slots: [address, port]),
        Template(
          name: "endpoint6", literals: [Array("[".utf8), Array("]:".utf8), []], slots: [address, port]),
      ])
  }
}
