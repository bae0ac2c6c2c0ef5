import Bytes
import COpenSSL

/// A request for a timestamp token over a SHA-256 hash (RFC 3161 section 2.4.1), with a fresh nonce, for a
/// token that carries the signer's certificate.
public struct TimestampRequest: Sendable {
  /// Media type of a request, and of its response (RFC 3161 section 3.4).
  public static let mediaType = "application/timestamp-query"
  public static let replyMediaType = "application/timestamp-reply"
  /// Most bytes of a response: a signature, and a few certificates.
  public static let replyLimit = 64 << 10

  /// SHA-256 of what is to be stamped.
  public let imprint: Digest
  /// Bytes of the request (DER).
  public let bytes: [UInt8]
  private let nonce: UInt64

  /// A request over the bytes with that hash.
  public init(imprint: Digest) throws(CryptoError) {
    self.imprint = imprint
    var random = ByteBuffer()
    try Random.append(8, to: &random)
    nonce = random.view.load64(at: 0)
    bytes = try Self.encode(imprint, nonce)
  }

  /// Reads the authority's answer. Throws unless it is a token that answers this request: over the same
  /// bytes, with the same nonce, signed by the certificate that it carries.
  public func token(from reply: ByteView) throws(TimestampError) -> TimestampToken {
    let token = try TimestampToken(reply)
    guard token.imprint == imprint else { throw .otherImprint }
    guard token.nonce == nonce else { throw .otherNonce }
    return token
  }

  private static func encode(_ imprint: Digest, _ nonce: UInt64) throws(CryptoError) -> [UInt8] {
    let request = unsafe TS_REQ_new()
    let message = unsafe TS_MSG_IMPRINT_new()
    let algorithm = unsafe X509_ALGOR_new()
    let number = unsafe ASN1_INTEGER_new()
    defer {
      unsafe TS_REQ_free(request)
      unsafe TS_MSG_IMPRINT_free(message)
      unsafe X509_ALGOR_free(algorithm)
      unsafe ASN1_INTEGER_free(number)
    }
    var hash = imprint.array
    // Each setter copies what it is given.
    guard unsafe request != nil, unsafe message != nil, unsafe algorithm != nil, unsafe number != nil,
      unsafe X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_sha256), V_ASN1_NULL, nil) == 1,
      unsafe TS_MSG_IMPRINT_set_algo(message, algorithm) == 1,
      unsafe TS_MSG_IMPRINT_set_msg(message, &hash, Int32(hash.count)) == 1,
      unsafe ASN1_INTEGER_set_uint64(number, nonce) == 1,
      unsafe TS_REQ_set_version(request, 1) == 1, unsafe TS_REQ_set_msg_imprint(request, message) == 1,
      unsafe TS_REQ_set_nonce(request, number) == 1, unsafe TS_REQ_set_cert_req(request, 1) == 1
    else { throw CryptoError(.timestamp) }
    var start: UnsafeMutablePointer<UInt8>?
    let count = unsafe i2d_TS_REQ(request, &start)
    defer { unsafe CRYPTO_free(start, nil, 0) }
    guard count > 0, unsafe start != nil else { throw CryptoError(.timestamp) }
    return unsafe Array(UnsafeBufferPointer(start: start, count: Int(count)))
  }
}
