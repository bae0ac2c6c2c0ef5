import CCurl

/// A connection of libcurl, with all that is unsafe about it. Used by one thread at a time.
@safe struct CurlHandle: ~Copyable, @unchecked Sendable {
  private let handle: UnsafeMutableRawPointer?

  /// `CURL_GLOBAL_DEFAULT`, once in the process and before any other call, as curl_global_init(3) asks.
  private static let isReady = curl_global_init(3) == CURLE_OK

  init() { unsafe handle = Self.isReady ? curl_easy_init() : nil }

  deinit { if let handle = unsafe handle { unsafe curl_easy_cleanup(handle) } }

  /// Runs one request to its end.
  func perform(
    _ url: String, _ headers: [HTTPHeader], _ body: [UInt8]?, _ options: HTTPClient.Options,
    _ cancel: CancelFlag
  ) throws(HTTPError) -> HTTPClient.Answer {
    guard let handle = unsafe handle else {
      throw HTTPError(.failed(code: UInt32(CURLE_FAILED_INIT.rawValue)), url)
    }
    // Keeps connections; forgets the last request.
    unsafe curl_easy_reset(handle)
    let transfer = Transfer(limit: options.answerLimit, cancel: cancel)
    var list: UnsafeMutablePointer<curl_slist>?
    defer { unsafe curl_slist_free_all(list) }
    // Without it, libcurl waits a second for leave to send a larger body.
    for line in ["Expect:"] + headers.map({ "\($0.name): \($0.value)" }) {
      unsafe list = curl_slist_append(list, line)
    }
    var code = unsafe Self.configure(handle, url, options)
    if code == CURLE_OK { code = unsafe curl_set_pointer(handle, CURLOPT_HTTPHEADER, list) }
    var message = [CChar](repeating: 0, count: Int(CURL_ERROR_SIZE))
    if code == CURLE_OK { code = unsafe Self.run(handle, body, transfer, &message) }
    if transfer.isTooLarge { throw HTTPError(.tooLarge(limit: options.answerLimit), url) }
    guard code == CURLE_OK else {
      let detail = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      throw HTTPError(Self.reason(code, options), url, detail: String(decoding: detail, as: UTF8.self))
    }
    var status = 0
    unsafe curl_get_status(handle, &status)
    return HTTPClient.Answer(status: status, headers: transfer.headers, body: transfer.body)
  }

  private static func configure(
    _ handle: UnsafeMutableRawPointer, _ url: String, _ options: HTTPClient.Options
  ) -> CURLcode {
    var code = CURLE_OK
    func set(_ option: CURLoption, _ value: Int) {
      if code == CURLE_OK { code = unsafe curl_set_long(handle, option, value) }
    }
    func set(_ option: CURLoption, _ value: String) {
      if code == CURLE_OK { code = unsafe curl_set_pointer(handle, option, value) }
    }
    set(CURLOPT_URL, url)
    // No signals: other threads run.
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_PROTOCOLS_STR, "http,https")
    set(CURLOPT_FOLLOWLOCATION, 0)
    set(CURLOPT_PROXY, "")
    set(CURLOPT_USERAGENT, "stele")
    set(CURLOPT_SSL_VERIFYPEER, 1)
    set(CURLOPT_SSL_VERIFYHOST, 2)
    // CURL_SSLVERSION_TLSv1_2 and newer.
    set(CURLOPT_SSLVERSION, 6)
    set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(options.connectTimeout))
    set(CURLOPT_TIMEOUT_MS, milliseconds(options.timeout))
    if let file = options.authorities { set(CURLOPT_CAINFO, file) }
    if let socket = options.socket { set(CURLOPT_UNIX_SOCKET_PATH, socket) }
    return code
  }

  /// Performs what is configured, a POST when there is a body.
  private static func run(
    _ handle: UnsafeMutableRawPointer, _ body: [UInt8]?, _ transfer: Transfer, _ message: inout [CChar]
  ) -> CURLcode {
    // All that libcurl is given pointers to lives until the request has ended.
    withExtendedLifetime(transfer) {
      unsafe (body ?? []).withUnsafeBufferPointer { bytes in
        unsafe message.withUnsafeMutableBufferPointer { message in
          if body != nil {
            unsafe curl_set_long(handle, CURLOPT_POST, 1)
            unsafe curl_set_long(handle, CURLOPT_POSTFIELDSIZE, bytes.count)
            unsafe curl_set_pointer(handle, CURLOPT_POSTFIELDS, bytes.baseAddress)
          }
          unsafe curl_set_pointer(handle, CURLOPT_ERRORBUFFER, message.baseAddress)
          let context = unsafe Unmanaged.passUnretained(transfer).toOpaque()
          unsafe curl_set_write(handle, writeBody, context)
          unsafe curl_set_header(handle, writeHeader, context)
          unsafe curl_set_progress(handle, reportProgress, context)
          let code = unsafe curl_easy_perform(handle)
          unsafe curl_set_pointer(handle, CURLOPT_ERRORBUFFER, nil)
          return code
        }
      }
    }
  }

  /// To libcurl 0 means for ever.
  private static func milliseconds(_ nanoseconds: Int64) -> Int { max(1, Int(nanoseconds / 1_000_000)) }

  private static func reason(_ code: CURLcode, _ options: HTTPClient.Options) -> HTTPError.Reason {
    switch code {
    case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: .invalidURL
    case CURLE_COULDNT_RESOLVE_HOST: .unknownHost
    case CURLE_COULDNT_CONNECT: .refused
    case CURLE_OPERATION_TIMEDOUT: .timedOut
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_ISSUER_ERROR: .untrusted
    case CURLE_SSL_CACERT_BADFILE: .authorities(options.authorities ?? "the system's store")
    case CURLE_ABORTED_BY_CALLBACK: .cancelled
    default: .failed(code: UInt32(code.rawValue))
    }
  }
}

/// What comes in during one request.
private final class Transfer {
  /// Most bytes of an answer's headers.
  private static let headerLimit = 64 << 10

  let limit: Int
  let cancel: CancelFlag
  var body: [UInt8] = []
  var headers: [HTTPHeader] = []
  var isTooLarge = false
  private var headerBytes = 0

  init(limit: Int, cancel: CancelFlag) {
    self.limit = limit
    self.cancel = cancel
  }

  /// False when that is more than is wanted.
  func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
    isTooLarge = isTooLarge || bytes.count > limit - body.count
    if !isTooLarge { unsafe body.append(contentsOf: bytes) }
    return !isTooLarge
  }

  func append(header bytes: UnsafeRawBufferPointer) -> Bool {
    headerBytes += bytes.count
    guard headerBytes <= Self.headerLimit else { return false }
    let line = unsafe String(decoding: bytes, as: UTF8.self)
    // A status line begins an answer; an interim one may have stood before it.
    if line.hasPrefix("HTTP/") { headers = [] }
    guard let colon = line.firstIndex(of: ":") else { return true }
    let words = line[line.index(after: colon)...].split(whereSeparator: \.isWhitespace)
    headers.append(HTTPHeader(String(line[..<colon]), words.joined(separator: " ")))
    return true
  }
}

private func writeBody(
  _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
  guard let context = unsafe context else { return 0 }
  let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
  return unsafe transfer.append(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
}

private func writeHeader(
  _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
  guard let context = unsafe context else { return 0 }
  let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
  let isKept = unsafe transfer.append(header: UnsafeRawBufferPointer(start: bytes, count: size * count))
  return isKept ? size * count : 0
}

private func reportProgress(
  _ context: UnsafeMutableRawPointer?, _: curl_off_t, _: curl_off_t, _: curl_off_t, _: curl_off_t
) -> Int32 {
  guard let context = unsafe context else { return 1 }
  return unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue().cancel.isSet ? 1 : 0
}
