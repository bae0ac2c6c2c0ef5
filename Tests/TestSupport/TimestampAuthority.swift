import Foundation

/// A timestamp authority: `openssl ts`, with a certificate authority of its own, and if wanted an HTTP server
/// (python3) before it.
public final class TimestampAuthority {
  private let directory: TemporaryDirectory
  private var server: Program?

  /// The file with the certificate that vouches for the authority.
  public var certificates: String { directory.file("ca.crt") }

  /// `accuracy` as `openssl ts` has it in its configuration; empty: the authority does not say.
  public init(_ name: String = "Test Authority", accuracy: String = "secs:1, millisecs:500") throws {
    directory = try TemporaryDirectory()
    let lines = Self.configuration(directory.path) + (accuracy.isEmpty ? "" : "accuracy = \(accuracy)\n")
    try directory.write("openssl.cnf", Array(lines.utf8))
    try directory.write("serial", Array("01\n".utf8))
    try run([
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
      "-keyout",
      file("ca.key"), "-out", file("ca.crt"), "-subj", "/CN=\(name) Root", "-config", file("openssl.cnf"),
      "-extensions", "root",
    ])
    try run([
      "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", file("tsa.key"),
      "-out",
      file("tsa.csr"), "-subj", "/CN=\(name)", "-config", file("openssl.cnf"),
    ])
    try run([
      "x509", "-req", "-in", file("tsa.csr"), "-CA", file("ca.crt"), "-CAkey", file("ca.key"),
      "-CAcreateserial",
      "-days", "30", "-extfile", file("openssl.cnf"), "-extensions", "signer", "-out", file("tsa.crt"),
    ])
  }

  private func file(_ name: String) -> String { directory.file(name) }

  @discardableResult private func run(_ arguments: [String]) throws -> Program.Result {
    let result = try Program.run("/usr/bin/openssl", arguments)
    if result.status != 0 { throw Failure(text: result.errors) }
    return result
  }

  public struct Failure: Error { public var text: String }

  /// The answer to a request.
  public func reply(to request: [UInt8]) throws -> [UInt8] {
    try directory.write("request", request)
    try run([
      "ts", "-reply", "-queryfile", file("request"), "-config", file("openssl.cnf"), "-out", file("reply"),
    ])
    return try directory.read("reply")
  }

  /// A response over a hash, made without our own request; `digest` is the hash's kind.
  public func token(over hash: [UInt8], digest: String = "sha256") throws -> [UInt8] {
    let digits = hash.map { String(format: "%02x", $0) }.joined()
    try run(["ts", "-query", "-digest", digits, "-\(digest)", "-cert", "-out", file("query")])
    return try reply(to: try directory.read("query"))
  }

  /// A response over a hash that is of another year: as from an authority whose clock is wrong.
  public func token(over hash: [UInt8], year: Int) throws -> [UInt8] {
    try directory.write("reply", try token(over: hash))
    try run(["ts", "-reply", "-in", file("reply"), "-token_out", "-out", file("token")])
    try run([
      "cms", "-verify", "-noverify", "-inform", "DER", "-in", file("token"), "-binary", "-out", file("info"),
    ])
    var info = try directory.read("info")
    // genTime is the one GeneralizedTime (tag 24), and begins with the year.
    for place in info.indices.dropLast(8) where info[place] == 24 && info[place + 2...place + 3] == [50, 48] {
      info.replaceSubrange(place + 2..<place + 6, with: Array(String(year).utf8))
    }
    try directory.write("info", info)
    try run([
      "cms", "-sign", "-binary", "-nodetach", "-cades", "-econtent_type", "1.2.840.113549.1.9.16.1.4", "-in",
      file("info"), "-signer", file("tsa.crt"), "-inkey", file("tsa.key"), "-certfile", file("ca.crt"),
      "-outform",
      "DER", "-out", file("token"),
    ])
    try run(["ts", "-reply", "-in", file("token"), "-token_in", "-out", file("reply")])
    return try directory.read("reply")
  }

  /// Whether `openssl ts` takes the response as one over that hash.
  public func accepts(_ response: String, over hash: [UInt8]) throws -> Bool {
    let digits = hash.map { String(format: "%02x", $0) }.joined()
    return try Program.run(
      "/usr/bin/openssl", ["ts", "-verify", "-digest", digits, "-in", response, "-CAfile", certificates]
    ).status == 0
  }

  /// Starts the HTTP server, and returns its base URL. What the path says is what it does: `/ok`,
  /// `/nonce` and `/imprint` (a good token, of another request), `/refuse` (a status of the protocol),
  /// `/garbage`, `/huge`, `/unavailable` (503), `/slow` (answers after a minute), `/fail-then-ok`.
  public func serve() throws -> String {
    try directory.write("server.py", Array(Self.server.utf8))
    let python = Program.find("python3") ?? "/usr/bin/python3"
    let program = try Program(python, [file("server.py"), directory.path])
    guard program.wait(30, until: { $0.output.contains(UInt8(ascii: "\n")) }) else {
      throw Failure(text: program.errors)
    }
    server = program
    return "http://127.0.0.1:" + String(decoding: program.output, as: UTF8.self).dropLast()
  }

  /// Number of requests that the server has had.
  public var requests: Int { server.map { $0.errors.split(separator: "\n").count } ?? 0 }

  public func stopServing() {
    // SIGTERM is blocked in what a thread of the test runner starts.
    server?.signal(SIGKILL)
    server?.wait()
    server = nil
  }

  deinit { stopServing() }

  private static func configuration(_ path: String) -> String {
    """
    [req]
    distinguished_name = name
    prompt = no
    [name]
    [root]
    basicConstraints = critical, CA:true
    keyUsage = critical, keyCertSign
    subjectKeyIdentifier = hash
    [signer]
    keyUsage = critical, digitalSignature
    extendedKeyUsage = critical, timeStamping
    [tsa]
    default_tsa = authority
    [authority]
    serial = \(path)/serial
    signer_cert = \(path)/tsa.crt
    signer_key = \(path)/tsa.key
    certs = \(path)/ca.crt
    signer_digest = sha256
    default_policy = 1.3.6.1.4.1.57264.2
    digests = sha256, sha512
    clock_precision_digits = 3
    tsa_name = yes

    """
  }

  private static let server = #"""
    import http.server, os, subprocess, sys, threading, time
    home, lock, seen = sys.argv[1], threading.Lock(), [0]

    def answer(query):
        with lock:
            with open(home + '/query', 'wb') as f: f.write(query)
            subprocess.run(['openssl', 'ts', '-reply', '-queryfile', home + '/query', '-config',
                            home + '/openssl.cnf', '-out', home + '/answer'], check=True,
                           stderr=subprocess.DEVNULL)
            with open(home + '/answer', 'rb') as f: return f.read()

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_): pass
        def do_POST(self):
            query = self.rfile.read(int(self.headers['Content-Length']))
            what, status = self.path[1:], 200
            print(what, file=sys.stderr, flush=True)
            seen[0] += 1
            if self.headers['Content-Type'] != 'application/timestamp-query': status, body = 415, b''
            elif what == 'fail-then-ok' and seen[0] == 1: status, body = 503, b'come back later'
            elif what in ('ok', 'fail-then-ok'): body = answer(query)
            # The query ends in the nonce and the boolean for the certificate (three bytes).
            elif what == 'nonce': body = answer(query[:-4] + bytes([query[-4] ^ 1]) + query[-3:])
            # The imprint's 32 bytes begin at offset 24.
            elif what == 'imprint': body = answer(query[:30] + bytes([query[30] ^ 1]) + query[31:])
            # 2.16.840.1.101.3.4.2.1 (SHA-256) becomes …2.4 (SHA-224), which the authority does not take.
            elif what == 'refuse': body = answer(query[:19] + b'\x04' + query[20:])
            elif what == 'garbage': body = b'<html>' + os.urandom(300)
            elif what == 'huge': body = b'\x30' + b'A' * (8 << 20)
            elif what == 'slow': time.sleep(60); body = b''
            else: status, body = 503, b'closed today'
            try:
                self.send_response(status)
                self.send_header('Content-Type', 'application/timestamp-reply')
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except BrokenPipeError: pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
    server = Server(('127.0.0.1', 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
    """#
}
