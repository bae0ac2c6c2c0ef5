import COpenSSL

/// Why TLS could not be set up or went wrong, in OpenSSL's words.
public struct TLSError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What was tried, as a verb phrase: "read the certificate", "shake hands".
  public var operation: String
  /// The file concerned; empty when there is none.
  public var path: String
  /// OpenSSL's reason: "certificate verify failed", "wrong version number".
  public var reason: String

  public init(operation: String, path: String = "", reason: String) {
    self.operation = operation
    self.path = path
    self.reason = reason
  }

  public var description: String {
    path.isEmpty ? "cannot \(operation): \(reason)" : "cannot \(operation) \(path): \(reason)\(remedy)"
  }

  /// What to do about a file that OpenSSL could not use.
  private var remedy: String {
    switch reason {
    case "no start line", "no certificate or crl found":
      "; it holds no certificate in PEM form (DER: openssl x509 -inform der -in \(path) -out PEMFILE)"
    case "unsupported": "; it holds no private key in PEM form"
    // The last is said of a key whose algorithm is another than the certificate's.
    case "key values mismatch", "key type mismatch", "no certificate assigned":
      "; it is not the key of this certificate"
    case "interrupted or cancelled", "bad password read":
      "; it is encrypted, and a daemon has nobody to ask for the passphrase: openssl pkey -in \(path) -out PLAINFILE, "
        + "or give it as a systemd credential"
    default: ""
    }
  }

  /// With the reason of the first error in the calling thread's queue, which is emptied.
  static func last(_ operation: String, path: String = "") -> TLSError {
    let code = ERR_get_error()
    ERR_clear_error()
    if code == 0 { return TLSError(operation: operation, path: path, reason: "unknown reason") }
    let text = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      guard let base = buffer.baseAddress else { return "" }
      unsafe ERR_error_string_n(code, base, 256)
      return unsafe String(cString: base)
    }
    // "error:0A000086:SSL routines::certificate verify failed": only the last field is for people.
    let reason = text.split(separator: ":").last.map(String.init) ?? text
    return TLSError(operation: operation, path: path, reason: reason)
  }
}
