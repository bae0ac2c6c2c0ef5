import Bytes
import COpenSSL
import Glibc

/// A timestamp authority's word that some bytes existed at a time: the response of RFC 3161 section 2.4.2,
/// as `openssl ts` reads and writes it (`.tsr`).
public struct TimestampToken: Equatable, Sendable {
  /// The whole response (DER).
  public let bytes: [UInt8]
  /// SHA-256 of what was stamped.
  public let imprint: Digest
  /// The authority's time (genTime), nanoseconds since 1970 UTC.
  public let time: Int64
  /// How far the time may be off, either way, nanoseconds; 0 when the authority does not say.
  public let accuracy: Int64
  /// What the request said; nil when there is none, or it is not one of ours.
  public let nonce: UInt64?
  /// Subject of the certificate that signed, as RFC 2253 writes it. Proves nothing by itself.
  public let authority: String

  /// Reads a response and checks the token's signature against the certificate that it carries. Whose
  /// certificate that is, `TimestampAuthorities` tells.
  public init(_ response: ByteView) throws(TimestampError) {
    defer { ERR_clear_error() }
    let reply = try TimestampReply(response)
    let info = unsafe reply.info
    bytes = response.array
    imprint = unsafe try Self.imprint(info)
    guard let time = unsafe Self.time(TS_TST_INFO_get_time(info)) else { throw .malformed }
    self.time = time
    accuracy = unsafe Self.accuracy(TS_TST_INFO_get_accuracy(info))
    nonce = unsafe Self.number(TS_TST_INFO_get_nonce(info))
    guard unsafe PKCS7_verify(reply.token, nil, nil, nil, nil, PKCS7_NOVERIFY) == 1 else {
      throw .badSignature(libcryptoReason())
    }
    authority = reply.signerName
  }

  private static func imprint(_ info: OpaquePointer) throws(TimestampError) -> Digest {
    guard unsafe TS_TST_INFO_get_version(info) == 1, let message = unsafe TS_TST_INFO_get_msg_imprint(info)
    else { throw .malformed }
    var object: OpaquePointer?
    unsafe X509_ALGOR_get0(&object, nil, nil, TS_MSG_IMPRINT_get_algo(message))
    let kind = unsafe OBJ_obj2nid(object)
    guard kind == NID_sha256 else {
      throw .otherHash(unsafe OBJ_nid2sn(kind).map { unsafe String(cString: $0) } ?? "unknown")
    }
    let octets = unsafe octets(TS_MSG_IMPRINT_get_msg(message))
    guard let hash = octets.withView({ Digest($0) }) else { throw .malformed }
    return hash
  }

  private static func time(_ value: UnsafePointer<ASN1_GENERALIZEDTIME>?) -> Int64? {
    var parts = unsafe tm()
    guard let value = unsafe value, unsafe ASN1_TIME_to_tm(value, &parts) == 1 else { return nil }
    let seconds = Int64(unsafe timegm(&parts))
    // YYYYMMDDhhmmss[.s…]Z: libcrypto passes over the fraction.
    let text = unsafe String(decoding: octets(value), as: UTF8.self)
    var fraction: Int64 = 0
    if let point = text.firstIndex(of: ".") {
      var unit: Int64 = 100_000_000
      for digit in text[text.index(after: point)...].prefix(9) {
        guard let value = digit.wholeNumberValue else { break }
        fraction += Int64(value) * unit
        unit /= 10
      }
    }
    // Up to the year 2223: an accuracy can be added without overflow.
    return (0...8_000_000_000).contains(seconds) ? seconds * 1_000_000_000 + fraction : nil
  }

  private static func accuracy(_ value: OpaquePointer?) -> Int64 {
    guard let value = unsafe value else { return 0 }
    let seconds = unsafe number(TS_ACCURACY_get_seconds(value)) ?? 0
    let millis = unsafe number(TS_ACCURACY_get_millis(value)) ?? 0
    let micros = unsafe number(TS_ACCURACY_get_micros(value)) ?? 0
    // A year is as good as no accuracy at all.
    return Int64(min(seconds, 31_536_000)) * 1_000_000_000 + Int64(min(millis, 999)) * 1_000_000
      + Int64(min(micros, 999)) * 1000
  }

  private static func number(_ value: UnsafePointer<ASN1_INTEGER>?) -> UInt64? {
    var number: UInt64 = 0
    guard let value = unsafe value, unsafe ASN1_INTEGER_get_uint64(&number, value) == 1 else { return nil }
    return number
  }
}
