import Bytes
import Cryptography
import Foundation

/// A certificate and its private key, made by the `openssl` command once in a process.
public struct TestIdentity: Sendable {
  /// PEM.
  public let certificate: [UInt8]
  public let key: [UInt8]

  public static let rsa = TestIdentity(["-newkey", "rsa:2048"])
  public static let ec = TestIdentity(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
  /// One that nothing is encrypted to.
  public static let stranger = TestIdentity(["-newkey", "rsa:2048"])

  /// Makes a self-signed certificate; `options` say of which kind. Without the command both are empty.
  public init(_ options: [String]) {
    guard let directory = try? TemporaryDirectory(), let openssl = Program.find("openssl") else {
      (certificate, key) = ([], [])
      return
    }
    let arguments =
      ["req", "-x509", "-nodes", "-subj", "/CN=reader", "-days", "2"] + options
      + ["-keyout", directory.file("key"), "-out", directory.file("crt")]
    _ = try? Program.run(openssl, arguments)
    certificate = (try? directory.read("crt")) ?? []
    key = (try? directory.read("key")) ?? []
  }

  public func recipient() throws -> Recipient { try certificate.withView { try Recipient(pem: $0) } }

  public func recipientKey(withCertificate: Bool = false) throws -> RecipientKey {
    try key.withView { key in
      guard withCertificate else { return try RecipientKey(pem: key) }
      return try certificate.withView { try RecipientKey(pem: key, certificate: $0) }
    }
  }
}
