// The parts of TLS that need no peer: set-up and its errors, and what is no TLS. Handshakes with a real
// client are tested with the listeners.
import Bytes
import Glibc
import Platform
import Testing

@testable import TLS

@Suite struct TLSServerTests {
  private let path: String

  init() throws {
    path = "/tmp/stele-tls-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    let new = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=a -days 2"
    let status = unsafe system(
      """
      exec 2>/dev/null; mkdir \(path) && cd \(path) && \(new) -nodes -keyout a.key -out a.crt &&
      \(new) -nodes -keyout b.key -out b.crt && \(new) -passout pass:secret -keyout c.key -out c.crt &&
      echo nothing > text
      """)
    try #require(status == 0)
  }

  private func remove() { _ = unsafe system("rm -rf '\(path)'") }

  private func context(
    _ certificate: String, _ key: String, _ authorities: String?,
    _ client: TLSServerContext.ClientCertificate = .none
  ) -> TLSError? {
    do throws(TLSError) {
      _ = try TLSServerContext(
        certificateChain: "\(path)/\(certificate)", privateKey: "\(path)/\(key)",
        clientAuthorities: authorities.map { "\(path)/\($0)" }, clientCertificate: client)
      return nil
    } catch {
      return error
    }
  }

  @Test func whatCannotBeReadIsNamedWithItsReason() throws {
    defer { remove() }
    #expect(context("a.crt", "a.key", nil) == nil)
    #expect(context("a.crt", "a.key", "b.crt", .required) == nil)
    let missing = context("none.crt", "a.key", nil)
    // Whoever watches the files knows what was read of them.
    let file = "\(path)/a.crt"
    let read = try TLSServerContext(
      certificateChain: file, privateKey: "\(path)/a.key", clientAuthorities: nil, clientCertificate: .none)
    let status = try FileDescriptor(reading: file).status()
    #expect(read.filesBefore.count == 2 && read.filesBefore[0] == status)
    #expect(missing?.description == "cannot read the certificate \(path)/none.crt: No such file or directory")
    let text = context("text", "a.key", nil)
    #expect(text?.path == "\(path)/text" && text?.reason == "no start line")
    let wrongKey = context("a.crt", "b.key", nil)
    #expect(wrongKey?.path == "\(path)/b.key" && wrongKey?.reason == "key values mismatch")
    #expect(context("a.crt", "text", nil)?.operation == "read the private key")
    // Must fail, not ask.
    #expect(context("c.crt", "c.key", nil)?.path == "\(path)/c.key")
    #expect(context("a.crt", "a.key", "text", .optional)?.operation == "read the client authorities")
    #expect(context("a.crt", "a.key", nil, .required)?.operation == "check clients' certificates")
  }

  @Test func whatIsNoTLSIsRefusedWithAnAlert() throws {
    defer { remove() }
    let context = try TLSServerContext(
      certificateChain: "\(path)/a.crt", privateKey: "\(path)/a.key", clientAuthorities: nil,
      clientCertificate: .none)
    var connection = try TLSServerConnection(context)
    let more = try ([] as [UInt8]).withView { bytes throws(TLSError) in try connection.handshake(bytes) }
    #expect(!more)
    let noVersion: [UInt8] = [0x16, 3, 1, 0, 4, 1, 0, 0, 0]
    var failure: TLSError?
    do throws(TLSError) {
      _ = try noVersion.withView { bytes throws(TLSError) in try connection.handshake(bytes) }
    } catch { failure = error }
    #expect(failure?.operation == "shake hands")
    // An alert record: type 21.
    #expect(connection.output.array.first == 21)
    let count = connection.output.count
    connection.removeOutput(count)
    let isEmpty = connection.output.isEmpty
    #expect(isEmpty)
  }

  @Test func aSubjectThatIsTooLongIsCutAtACharacter() {
    let text = String(repeating: "ä", count: 200)
    #expect(PeerCertificate.cut(text) == String(repeating: "ä", count: 127))
    #expect(PeerCertificate.cut("short") == "short")
    remove()
  }
}
