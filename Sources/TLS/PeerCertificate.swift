import Bytes
import COpenSSL

/// The identity that a client's certificate gives.
public struct PeerCertificate: Equatable, Sendable {
  /// SHA-256 of the certificate's DER form: 32 bytes.
  public var fingerprint: [UInt8]
  /// Subject (RFC 2253) and subject alternative names: `CN=edge-1,O=Example; DNS:edge-1.example.com`. Control
  /// characters are escaped; at most `textLimit` bytes of UTF-8.
  public var text: String
  /// Its subject alternative names, in their order.
  public var names: [Name] = []

  /// A subject alternative name (RFC 5280, section 4.2.1.6).
  public enum Name: Equatable, Sendable {
    /// In lower case.
    case dns(String)
    /// 4 or 16 bytes, network order.
    case address([UInt8])
    /// A URI or an e-mail address.
    case other(String)
  }

  /// Longest `text` in bytes: what an envelope can hold.
  public static let textLimit = 255

  init(_ certificate: OpaquePointer) {
    fingerprint = unsafe Self.fingerprint(of: certificate)
    let subject = unsafe Self.print { bio in
      unsafe X509_NAME_print_ex(
        bio, X509_get_subject_name(certificate), 0, tls_name_flags)
    }
    var parts = [subject]
    let place = unsafe X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1)
    if place >= 0, let names = unsafe X509_get_ext(certificate, place) {
      parts.append(unsafe Self.print { bio in unsafe X509V3_EXT_print(bio, names, 0, 0) })
    }
    text = Self.cut(parts.filter { !$0.isEmpty }.joined(separator: "; "))
    names = unsafe Self.names(of: certificate)
  }

  /// For names and fingerprints that no certificate was read for.
  public init(fingerprint: [UInt8], text: String, names: [Name]) {
    self.fingerprint = fingerprint
    self.text = text
    self.names = names
  }

  /// As configurations and log entries write a fingerprint: `SHA256:` and hexadecimal digits.
  public static func text(fingerprint: [UInt8]) -> String {
    "SHA256:" + fingerprint.withView { Hex.encode($0) }
  }

  static func fingerprint(of certificate: OpaquePointer) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    _ = unsafe X509_digest(certificate, EVP_sha256(), &digest, &count)
    return Array(digest.prefix(Int(count)))
  }

  private static func names(of certificate: OpaquePointer) -> [Name] {
    guard let list = unsafe tls_names(certificate) else { return [] }
    defer { unsafe tls_free_names(list) }
    return unsafe (0..<tls_name_count(list)).compactMap { place in
      var kind: Int32 = 0
      var count: Int32 = 0
      guard let start = unsafe tls_name(list, place, &kind, &count) else { return nil }
      let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: Int(count)))
      switch kind {
      case GEN_DNS: return .dns(String(decoding: bytes, as: UTF8.self).lowercased())
      case GEN_IPADD: return .address(bytes)
      default: return .other(String(decoding: bytes, as: UTF8.self))
      }
    }
  }

  /// What an OpenSSL function prints.
  private static func print(_ body: (OpaquePointer) -> Int32) -> String {
    guard let bio = unsafe BIO_new(BIO_s_mem()) else { return "" }
    defer { unsafe BIO_free(bio) }
    _ = unsafe body(bio)
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = unsafe BIO_read(bio, &bytes, Int32(bytes.count))
    return String(decoding: bytes.prefix(max(0, Int(count))), as: UTF8.self)
  }

  /// As many whole characters as the limit allows.
  static func cut(_ text: String) -> String {
    if text.utf8.count <= textLimit { return text }
    var cut = ""
    var count = 0
    for scalar in text.unicodeScalars {
      count += scalar.utf8.count
      if count > textLimit { break }
      cut.unicodeScalars.append(scalar)
    }
    return cut
  }
}
