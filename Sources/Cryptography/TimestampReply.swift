import Bytes
import COpenSSL

/// A response that libcrypto has taken apart.
@safe struct TimestampReply: ~Copyable {
  private let response: OpaquePointer
  /// The signed message, which belongs to the response.
  let token: UnsafeMutablePointer<PKCS7>
  /// What it says.
  let info: OpaquePointer

  init(_ bytes: ByteView) throws(TimestampError) {
    let read = unsafe bytes.withUnsafeBytes { bytes in
      var next = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
      let end = unsafe next.map { unsafe $0 + bytes.count }
      let response = unsafe d2i_TS_RESP(nil, &next, bytes.count)
      if unsafe next == end { return unsafe response }
      unsafe TS_RESP_free(response)
      return nil
    }
    guard let read = unsafe read else { throw .malformed }
    let status = unsafe ASN1_INTEGER_get(TS_STATUS_INFO_get0_status(TS_RESP_get_status_info(read)))
    // 0 granted, 1 granted with modifications; all others refuse.
    guard status == 0 || status == 1 else {
      let reason = unsafe Self.reason(TS_RESP_get_status_info(read))
      unsafe TS_RESP_free(read)
      throw .refused(status: status, reason: reason)
    }
    guard let token = unsafe TS_RESP_get_token(read), let info = unsafe TS_RESP_get_tst_info(read) else {
      unsafe TS_RESP_free(read)
      throw .malformed
    }
    unsafe response = read
    unsafe self.token = token
    unsafe self.info = info
  }

  deinit { unsafe TS_RESP_free(response) }

  /// Subject of the signer's certificate.
  var signerName: String {
    let signers = unsafe PKCS7_get0_signers(token, nil, 0)
    defer { unsafe OPENSSL_sk_free(signers) }
    guard let signer = unsafe OPENSSL_sk_value(signers, 0), let bio = unsafe BIO_new(BIO_s_mem()) else {
      return ""
    }
    defer { unsafe BIO_free(bio) }
    _ = unsafe X509_NAME_print_ex(bio, X509_get_subject_name(OpaquePointer(signer)), 0, tls_name_flags)
    var text = [UInt8](repeating: 0, count: 256)
    let count = unsafe BIO_read(bio, &text, Int32(text.count))
    return String(decoding: text.prefix(max(0, Int(count))), as: UTF8.self)
  }

  /// Names of the failure bits (RFC 3161 section 2.4.2).
  private static let failures: [(Int32, String)] = [
    (0, "badAlg"), (2, "badRequest"), (5, "badDataFormat"), (14, "timeNotAvailable"),
    (15, "unacceptedPolicy"), (16, "unacceptedExtension"), (17, "addInfoNotAvailable"), (25, "systemFailure"),
  ]

  private static func reason(_ status: OpaquePointer?) -> String {
    var words: [String] = []
    if let bits = unsafe TS_STATUS_INFO_get0_failure_info(status) {
      for (bit, name) in failures where unsafe ASN1_BIT_STRING_get_bit(bits, bit) == 1 { words.append(name) }
    }
    let texts = unsafe TS_STATUS_INFO_get0_text(status)
    for place in 0..<max(0, min(4, unsafe OPENSSL_sk_num(texts))) {
      guard let text = unsafe OPENSSL_sk_value(texts, place) else { continue }
      words.append(unsafe printable(octets(text.assumingMemoryBound(to: ASN1_STRING.self))))
    }
    return words.joined(separator: ", ")
  }
}

/// The text as it may stand in a line of a terminal, 200 bytes at most.
private func printable(_ bytes: [UInt8]) -> String {
  let text = String(decoding: bytes.prefix(200), as: UTF8.self)
  return String(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "?" : Character($0) })
}

/// A copy of a string's bytes.
func octets(_ value: UnsafePointer<ASN1_STRING>?) -> [UInt8] {
  guard let value = unsafe value else { return [] }
  let count = Int(unsafe ASN1_STRING_length(value))
  return unsafe Array(UnsafeBufferPointer(start: ASN1_STRING_get0_data(value), count: max(0, count)))
}

/// What libcrypto's error queue says last, with the detail that it gives; empties the queue.
func libcryptoReason() -> String {
  var detail: UnsafePointer<CChar>?
  var flags: Int32 = 0
  let code = unsafe ERR_peek_last_error_data(&detail, &flags)
  defer { ERR_clear_error() }
  guard code != 0 else { return "no reason given" }
  let reason = unsafe ERR_reason_error_string(code).map { unsafe String(cString: $0) } ?? "error \(code)"
  guard flags & ERR_TXT_STRING != 0, let detail = unsafe detail else { return reason }
  let text = unsafe String(cString: detail)
  return text.isEmpty ? reason : "\(reason) (\(text.prefix(200)))"
}
