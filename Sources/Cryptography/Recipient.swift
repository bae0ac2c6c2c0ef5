import Bytes
import COpenSSL

/// Why a certificate or private key is of no use for encryption.
public enum RecipientError: Error, Equatable, Sendable {
  /// It cannot be read as PEM.
  case unreadable
  /// Neither RSA nor elliptic curves.
  case algorithm
  /// An RSA key of fewer bits than 2,048.
  case weak(bits: Int)
}

extension RecipientError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unreadable:
      "there is no PEM here of what was expected; a private key must not be encrypted by a passphrase "
        + "(openssl pkey -in KEY -out PLAIN)"
    case .algorithm: "the key is neither RSA nor on an elliptic curve, and nothing can be encrypted to it"
    case .weak(let bits): "the RSA key has \(bits) bits; 2048 are the least that protects anything"
    }
  }
}

/// An X.509 certificate whose holder may read what is encrypted: every segment key is encrypted to it.
@safe public final class Recipient: @unchecked Sendable {
  fileprivate let certificate: OpaquePointer
  fileprivate let isRSA: Bool

  /// Reads the first certificate of a PEM file.
  public init(pem: ByteView) throws(RecipientError) {
    defer { ERR_clear_error() }
    let read = unsafe withReading(pem) { unsafe PEM_read_bio_X509($0, nil, refusePassphrase, nil) }
    guard let certificate = unsafe read else { throw .unreadable }
    let key = unsafe X509_get0_pubkey(certificate)
    let algorithm = unsafe key.map { unsafe EVP_PKEY_get_base_id($0) } ?? 0
    let bits = unsafe key.map { unsafe EVP_PKEY_get_bits($0) } ?? 0
    isRSA = algorithm == EVP_PKEY_RSA
    var problem: RecipientError?
    if algorithm != EVP_PKEY_RSA, algorithm != EVP_PKEY_EC { problem = .algorithm }
    if algorithm == EVP_PKEY_RSA, bits < 2048 { problem = .weak(bits: Int(bits)) }
    if let problem {
      unsafe X509_free(certificate)
      throw problem
    }
    unsafe self.certificate = certificate
  }

  deinit { unsafe X509_free(certificate) }
}

/// The private key of a recipient, of which it opens what was encrypted to the certificate.
@safe public final class RecipientKey: @unchecked Sendable {
  private let key: OpaquePointer
  private let certificate: OpaquePointer?

  /// Reads an unencrypted private key in PEM, and the certificate that belongs to it: without one, every
  /// recipient of an envelope is tried.
  public init(pem: ByteView, certificate: ByteView? = nil) throws(RecipientError) {
    defer { ERR_clear_error() }
    let read = unsafe withReading(pem) { unsafe PEM_read_bio_PrivateKey($0, nil, refusePassphrase, nil) }
    guard let key = unsafe read else { throw .unreadable }
    var own: OpaquePointer?
    if let certificate {
      unsafe own = withReading(certificate) { unsafe PEM_read_bio_X509($0, nil, refusePassphrase, nil) }
      if unsafe own == nil {
        unsafe EVP_PKEY_free(key)
        throw .unreadable
      }
    }
    unsafe self.key = key
    unsafe self.certificate = own
  }

  deinit {
    unsafe EVP_PKEY_free(key)
    unsafe X509_free(certificate)
  }

  /// The segment key in an envelope; nil when it is none, or was not encrypted to this key.
  public func open(_ envelope: ByteView) -> SegmentKey? {
    defer { ERR_clear_error() }
    let read = unsafe withReading(envelope) { unsafe d2i_CMS_bio($0, nil) }
    guard let message = unsafe read else { return nil }
    defer { unsafe CMS_ContentInfo_free(message) }
    guard let out = unsafe BIO_new(BIO_s_secmem()) else { return nil }
    defer { unsafe BIO_free(out) }
    guard unsafe CMS_decrypt_set1_pkey(message, key, certificate) == 1,
      unsafe CMS_decrypt(message, nil, nil, nil, out, UInt32(CMS_BINARY)) == 1
    else { return nil }
    let plain = unsafe contents(of: out)
    return plain.count == SegmentKey.size ? try? SegmentKey(plain) : nil
  }
}

extension SegmentKey {
  /// The key in a CMS message (RFC 5652, DER): AuthEnvelopedData (RFC 5083) with AES-256-GCM, whose own key is
  /// encrypted to each recipient by RSA-OAEP with SHA-256 (RFC 3560), or agreed on with its elliptic curve
  /// (RFC 5753). What `openssl cms -decrypt -inform DER` opens.
  public func envelope(for recipients: [Recipient]) throws(CryptoError) -> [UInt8] {
    precondition(!recipients.isEmpty)
    let flags = UInt32(CMS_BINARY | CMS_PARTIAL | CMS_KEY_PARAM)
    return try withView { (key) throws(CryptoError) -> [UInt8] in
      try unsafe withReading(key) { (input) throws(CryptoError) -> [UInt8] in
        guard let message = unsafe CMS_encrypt(nil, input, EVP_aes_256_gcm(), flags) else {
          throw CryptoError(.envelope)
        }
        defer { unsafe CMS_ContentInfo_free(message) }
        for recipient in recipients {
          guard let added = unsafe CMS_add1_recipient_cert(message, recipient.certificate, flags),
            let parameters = unsafe CMS_RecipientInfo_get0_pkey_ctx(added),
            unsafe Self.configure(parameters, isRSA: recipient.isRSA)
          else { throw CryptoError(.envelope) }
        }
        guard unsafe CMS_final(message, input, nil, UInt32(CMS_BINARY)) == 1,
          let out = unsafe BIO_new(BIO_s_mem())
        else { throw CryptoError(.envelope) }
        defer { unsafe BIO_free(out) }
        guard unsafe i2d_CMS_bio(out, message) == 1 else { throw CryptoError(.envelope) }
        return unsafe contents(of: out).array
      }
    }
  }

  private static func configure(_ parameters: OpaquePointer, isRSA: Bool) -> Bool {
    if isRSA {
      return unsafe EVP_PKEY_CTX_ctrl_str(parameters, "rsa_padding_mode", "oaep") > 0
        && EVP_PKEY_CTX_ctrl_str(parameters, "rsa_oaep_md", "sha256") > 0
    }
    return unsafe EVP_PKEY_CTX_ctrl_str(parameters, "ecdh_kdf_md", "sha256") > 0
  }
}

/// Never asks for a passphrase: a daemon has no terminal.
private func refusePassphrase(
  _: UnsafeMutablePointer<CChar>?, _: Int32, _: Int32, _: UnsafeMutableRawPointer?
) -> Int32 { -1 }

/// Calls `body` with a BIO that reads `bytes`, nil when there is no memory for one.
private func withReading<R, E: Error>(
  _ bytes: ByteView, _ body: (OpaquePointer?) throws(E) -> R
) throws(E) -> R {
  let bio = unsafe bytes.withUnsafeBytes { unsafe BIO_new_mem_buf($0.baseAddress, Int32($0.count)) }
  defer { unsafe BIO_free(bio) }
  return try unsafe body(bio)
}

/// What was written into a memory BIO. Valid while it lives.
private func contents(of bio: OpaquePointer) -> ByteView {
  var start: UnsafeMutableRawPointer?
  let count = unsafe BIO_ctrl(bio, BIO_CTRL_INFO, 0, &start)
  return unsafe ByteView(UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count))
}
