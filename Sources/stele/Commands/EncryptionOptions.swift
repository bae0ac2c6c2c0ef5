import ArgumentParser
import Bytes
import Cryptography
import Platform

/// Reading what was encrypted to somebody.
struct DecryptionOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Read encrypted entries with the private key of one they were encrypted to (PEM).", valueName: "file"))
  var decrypt: String?

  @Option(
    help: ArgumentHelp("The certificate that belongs to it, to find it sooner (PEM).", valueName: "file"))
  var certificate: String?

  func validate() throws {
    if certificate != nil, decrypt == nil {
      throw ValidationError("--certificate says nothing without --decrypt")
    }
  }

  /// The key; nil when none was asked for.
  func recipient() throws -> RecipientKey? {
    guard let decrypt else { return nil }
    var pem = try PEMFile.read(decrypt)
    defer { pem.wipe() }
    let own = try certificate.map { path in
      let pem = try PEMFile.read(path)
      return pem.view.array
    }
    do throws(RecipientError) {
      guard let own else { return try RecipientKey(pem: pem.view) }
      return try own.withView { (own) throws(RecipientError) in
        try RecipientKey(pem: pem.view, certificate: own)
      }
    } catch { throw PEMFile.Invalid(path: decrypt, error: error) }
  }
}

/// Writing a log whose messages only some may read.
struct RecipientOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Encrypt messages to the holder of this certificate (PEM; RSA or elliptic curve). May be given several "
        + "times.", valueName: "file"))
  var recipient: [String] = []
}

/// Certificates and private keys on the command line and in the configuration.
enum PEMFile {
  struct Invalid: Error, CustomStringConvertible {
    var path: String
    var error: RecipientError
    var description: String { "\(path): \(error)" }
  }

  private static let limit = 1 << 20

  static func read(_ path: String) throws(SystemError) -> ByteBuffer {
    // Large enough not to leave a copy behind where it grew.
    var bytes = ByteBuffer(capacity: 64 << 10)
    try FileDescriptor(reading: path).readAll(limit: limit, into: &bytes)
    return bytes
  }

  static func recipients(_ paths: [String]) throws -> [Recipient] {
    try paths.map { path in
      let pem = try read(path)
      do throws(RecipientError) { return try Recipient(pem: pem.view) } catch {
        throw Invalid(path: path, error: error)
      }
    }
  }
}
