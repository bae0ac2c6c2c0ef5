import Bytes
import COpenSSL

/// What one TLS connection reads from and writes to in place of a socket: bytes that the caller has received,
/// and bytes that the caller is to send. OpenSSL reaches it through a BIO.
struct MemoryTransport: ~Copyable {
  /// Received bytes that OpenSSL has not read. Valid while a call into OpenSSL lasts.
  var input = ByteView()
  /// Bytes to be sent.
  var output = ByteBuffer(capacity: 16)
  /// What is wrong with the peer's certificate, and whose it is, once it has been refused.
  var refusal: String?

  /// A new BIO over `transport`, which must outlive it.
  static func makeBIO(_ transport: UnsafeMutablePointer<MemoryTransport>) -> OpaquePointer? {
    guard let method = unsafe bioMethod, let bio = unsafe BIO_new(method) else { return nil }
    unsafe BIO_set_data(bio, transport)
    unsafe BIO_set_init(bio, 1)
    return unsafe bio
  }

  /// Lets `noteRefusal` find the transport of a session.
  static func join(_ session: OpaquePointer, _ transport: UnsafeMutablePointer<MemoryTransport>) {
    unsafe SSL_set_ex_data(session, 0, transport)
  }

  /// Keeps what a certificate is refused for, while OpenSSL still knows it.
  static func noteRefusal(_ store: OpaquePointer) {
    let place = SSL_get_ex_data_X509_STORE_CTX_idx()
    guard let session = unsafe X509_STORE_CTX_get_ex_data(store, place),
      let data = unsafe SSL_get_ex_data(OpaquePointer(session), 0)
    else { return }
    let verdict = unsafe Int(X509_STORE_CTX_get_error(store))
    var text = unsafe String(cString: X509_verify_cert_error_string(verdict))
    if let certificate = unsafe X509_STORE_CTX_get_current_cert(store) {
      text += " (\(unsafe PeerCertificate(certificate).text))"
    }
    unsafe data.assumingMemoryBound(to: MemoryTransport.self).pointee.refusal = text
  }
}

/// The functions that OpenSSL calls. Made once; never freed.
private nonisolated(unsafe) let bioMethod: OpaquePointer? = {
  let type = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK
  guard let method = unsafe BIO_meth_new(type, "memory transport") else { return nil }
  unsafe BIO_meth_set_read_ex(method) { bio, destination, count, done in
    guard let bio = unsafe bio, let destination = unsafe destination, let done = unsafe done,
      let transport = unsafe transport(bio)
    else { return 0 }
    unsafe BIO_clear_flags(bio, tls_retry_flags)
    let given = unsafe min(count, transport.pointee.input.count)
    if given == 0 {
      // Not the end of the stream: the caller will come again with more.
      unsafe BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY)
      unsafe done.pointee = 0
      return 0
    }
    unsafe transport.pointee.input.prefix(given).withUnsafeBytes { source in
      unsafe UnsafeMutableRawBufferPointer(start: destination, count: given).copyMemory(from: source)
    }
    unsafe transport.pointee.input = transport.pointee.input.dropFirst(given)
    unsafe done.pointee = given
    return 1
  }
  unsafe BIO_meth_set_write_ex(method) { bio, source, count, done in
    guard let bio = unsafe bio, let source = unsafe source, let done = unsafe done,
      let transport = unsafe transport(bio)
    else { return 0 }
    unsafe transport.pointee.output.append(ByteView(UnsafeRawBufferPointer(start: source, count: count)))
    unsafe done.pointee = count
    return 1
  }
  unsafe BIO_meth_set_ctrl(method) { _, command, _, _ in
    // Nothing is buffered, so flushing is done at once; everything else is not for a memory transport.
    command == Int32(BIO_CTRL_FLUSH) ? 1 : 0
  }
  return unsafe method
}()

private func transport(_ bio: OpaquePointer) -> UnsafeMutablePointer<MemoryTransport>? {
  unsafe BIO_get_data(bio)?.assumingMemoryBound(to: MemoryTransport.self)
}
