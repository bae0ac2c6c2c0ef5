/// Why something is no timestamp token, or not the one that was wanted.
public enum TimestampError: Error, Equatable, Sendable {
  /// The bytes are no response as RFC 3161 section 2.4.2 has it, or more stands behind it.
  case malformed
  /// The authority refused: its PKIStatus, and what it says of the reason.
  case refused(status: Int, reason: String)
  /// The token is over a hash of another kind; Stele asks for SHA-256 only.
  case otherHash(String)
  /// The token is over other bytes.
  case otherImprint
  /// The token answers another request: it may be an old one, played back.
  case otherNonce
  /// The token's signature is not by the certificate that it carries, or it carries none.
  case badSignature(String)
  /// No authority that is trusted vouches for the signer, at the token's own time.
  case untrusted(String)
  /// The file with the trusted authorities cannot be used.
  case authorities(path: String, reason: String)
}

extension TimestampError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .malformed: "this is no timestamp response (RFC 3161)"
    case .refused(let status, let reason):
      "the timestamp authority refused, with status \(status)\(reason.isEmpty ? "" : ": \(reason)")"
    case .otherHash(let name): "the token is over a hash of the kind \(name); only SHA-256 is accepted"
    case .otherImprint: "the token is over other bytes"
    case .otherNonce: "the token answers another request"
    case .badSignature(let reason): "the token's signature is not good: \(reason)"
    case .untrusted(let reason): "no trusted authority vouches for the token: \(reason)"
    case .authorities(let path, let reason):
      "\(path): no timestamp authority's certificate can be read (PEM is expected): \(reason)"
    }
  }
}
