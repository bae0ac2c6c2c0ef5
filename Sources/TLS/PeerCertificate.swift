import COpenSSL

/// The identity that a client's certificate gives.
public struct PeerCertificate: Equatable, Sendable {
  /// SHA-256 of the certificate's DER form: 32 bytes.
  public var fingerprint: [UInt8]
  /// Subject (RFC 2253) and subject alternative names: `CN=edge-1,O=Example; DNS:edge-1.example.com`. Control
  /// characters are escaped; at most `textLimit` bytes of UTF-8.
  public var text: String

  /// Longest `text` in bytes: what an envelope can hold.
  public static let textLimit = 255

  init(_ certificate: OpaquePointer) {
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    _ = unsafe X509_digest(certificate, EVP_sha256(), &digest, &count)
    fingerprint = Array(digest.prefix(Int(count)))
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
