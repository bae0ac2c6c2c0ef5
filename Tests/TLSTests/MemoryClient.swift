import Bytes
import COpenSSL
import Glibc
import TLS
import Testing

/// Certificates in a directory of their own: a server's, and clients' whose chains have one, two and three links.
final class TestCertificates: Sendable {
  let path = "/tmp/stele-tls-\(getpid())-\(UInt32.random(in: 0 ... .max))"

  init() throws {
    let status = unsafe system(
      """
      exec 2>/dev/null; mkdir \(path) && cd \(path) || exit 1
      new="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
      echo basicConstraints=critical,CA:TRUE > authority
      echo subjectAltName=DNS:edge-1.example.com > leaf
      # NAME ISSUER EXTENSIONS
      sign() {
        openssl req $new -keyout $1.key -out $1.csr -subj "/CN=$1" &&
        openssl x509 -req -in $1.csr -CA $2.crt -CAkey $2.key -CAcreateserial -days 2 -extfile $3 -out $1.crt
      }
      for n in root other; do
        openssl req -x509 $new -keyout $n.key -out $n.crt -subj "/CN=$n" -days 2 || exit 1
      done
      sign server root leaf && sign client root leaf && sign middle root authority && sign issuer middle authority &&
      sign far issuer leaf && sign false client leaf && cp far.crt short.crt && cp far.key short.key &&
      cat issuer.crt middle.crt >> far.crt && cat client.crt >> false.crt
      """)
    try #require(status == 0)
  }

  deinit { _ = unsafe system("rm -rf '\(path)'") }

  func context(_ client: TLSServerContext.ClientCertificate = .required) throws -> TLSServerContext {
    try TLSServerContext(
      certificateChain: "\(path)/server.crt", privateKey: "\(path)/server.key",
      clientAuthorities: client == .none ? nil : "\(path)/root.crt", clientCertificate: client)
  }
}

/// OpenSSL's client between two memories, for what the senders' client does not do: it resumes sessions, asks for new
/// keys, and renegotiates.
@safe final class MemoryClient {
  struct Failure: Error {}

  private let context: OpaquePointer
  let session: OpaquePointer
  private let input: OpaquePointer
  private let output: OpaquePointer
  /// Bytes that the server is given at once.
  var piece = Int.max
  /// What the server has deciphered, and whether it has heard that there is no more.
  private(set) var received: [UInt8] = []
  private(set) var isClosed = false
  /// Bytes that the server has sent, and those of them that came when the handshake was complete for it.
  private(set) var bytesHeard = 0
  private(set) var bytesAfterHandshake = 0

  /// - Parameters:
  ///   - name: whose certificate it shows; nil: none.
  ///   - version: `TLS1_2_VERSION` or `TLS1_3_VERSION`.
  ///   - earlier: the client whose session is to be resumed.
  init(
    _ certificates: TestCertificates, _ name: String? = "client", version: Int32 = TLS1_3_VERSION,
    after earlier: MemoryClient? = nil
  ) throws {
    guard let context = unsafe SSL_CTX_new(TLS_client_method()) else { throw Failure() }
    unsafe SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(version), nil)
    unsafe SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(version), nil)
    if let name {
      let path = "\(certificates.path)/\(name)"
      guard unsafe SSL_CTX_use_certificate_chain_file(context, path + ".crt") == 1,
        unsafe SSL_CTX_use_PrivateKey_file(context, path + ".key", SSL_FILETYPE_PEM) == 1
      else { throw Failure() }
    }
    guard let session = unsafe SSL_new(context), let input = unsafe BIO_new(BIO_s_mem()),
      let output = unsafe BIO_new(BIO_s_mem())
    else { throw Failure() }
    unsafe SSL_set_bio(session, input, output)
    unsafe SSL_set_connect_state(session)
    if let earlier, let old = unsafe SSL_get1_session(earlier.session) {
      unsafe SSL_set_session(session, old)
      unsafe SSL_SESSION_free(old)
    }
    unsafe (self.context, self.session, self.input, self.output) = (context, session, input, output)
  }

  deinit {
    unsafe SSL_free(session)
    unsafe SSL_CTX_free(context)
  }

  var hasResumed: Bool { unsafe SSL_session_reused(session) == 1 }
  /// Whether there is something to resume.
  var hasTicket: Bool {
    guard let own = unsafe SSL_get_session(session) else { return false }
    return unsafe SSL_SESSION_is_resumable(own) == 1
  }

  /// Shakes hands with the server, to the end of what both have to say.
  func connect(_ server: inout TLSServerConnection) throws {
    var isDone = false
    while !isDone {
      ERR_clear_error()
      let result = unsafe SSL_do_handshake(session)
      isDone = result == 1
      if !isDone, unsafe SSL_get_error(session, result) != SSL_ERROR_WANT_READ { throw Failure() }
      try exchange(&server)
    }
    try hear()
  }

  func send(_ text: String, _ server: inout TLSServerConnection) throws {
    var count = 0
    let bytes = Array(text.utf8)
    guard unsafe SSL_write_ex(session, bytes, bytes.count, &count) == 1 else { throw Failure() }
    try exchange(&server)
  }

  func close(_ server: inout TLSServerConnection) throws {
    _ = unsafe SSL_shutdown(session)
    try exchange(&server)
  }

  /// Takes what the server has said.
  func hear() throws {
    var byte: UInt8 = 0
    var count = 0
    ERR_clear_error()
    let result = unsafe SSL_read_ex(session, &byte, 1, &count)
    if result != 1, unsafe SSL_get_error(session, result) != SSL_ERROR_WANT_READ { throw Failure() }
  }

  /// Gives the server what the client has for it, piece by piece, and the client the answers.
  func exchange(_ server: inout TLSServerConnection) throws {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe BIO_read(output, &bytes, Int32(bytes.count))
      if count <= 0 { return }
      var rest = bytes[..<Int(count)]
      while !rest.isEmpty {
        let next = Array(rest.prefix(piece))
        rest = rest.dropFirst(next.count)
        try give(next, &server)
        let answer = server.output.array
        bytesHeard += answer.count
        if server.isEstablished { bytesAfterHandshake += answer.count }
        if !answer.isEmpty { _ = unsafe BIO_write(input, answer, Int32(answer.count)) }
        server.removeOutput(answer.count)
      }
    }
  }

  private func give(_ bytes: [UInt8], _ server: inout TLSServerConnection) throws {
    var room = [UInt8](repeating: 0, count: 16_384)
    try bytes.withView { view in
      var view = view
      if !server.isEstablished {
        if try !server.handshake(view) { return }
        view = ByteView()
      }
      while true {
        let progress = try unsafe room.withUnsafeMutableBytes { room in
          try unsafe server.read(&view, into: room)
        }
        guard case .bytes(let count) = progress else {
          isClosed = isClosed || progress == .closed
          return
        }
        received += room[..<count]
      }
    }
  }
}
