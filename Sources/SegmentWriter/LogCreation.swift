import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments

/// Makes new logs.
public enum LogCreation {
  /// Where the private key of the log in `directory` is kept unless it is put elsewhere: beside the
  /// directory, which then holds nothing that must stay secret from whoever may read the log.
  public static func defaultKeyPath(_ directory: String) -> String {
    var path = directory
    while path.utf8.count > 1, path.hasSuffix("/") { path.removeLast() }
    return path + ".key"
  }

  /// Makes a log in `directory`, which must not exist or be empty, with a new Ed25519 key, and writes its
  /// first entry, checkpoint and seal. Returns the verifier key, which belongs to the auditors.
  public static func create(directory path: String, origin: KeyName, keyPath: String) throws(WriteError)
    -> VerifierKey
  {
    let directory = try system { () throws(SystemError) in try Directory(making: path) }
    guard try system({ () throws(SystemError) in try directory.names() }).isEmpty
    else { throw .exists(path: path) }
    try system { () throws(SystemError) in try synchronizeParent(of: path) }
    let key = try crypto { () throws(CryptoError) in try SignerKey.generate(name: origin) }
    try writeKey(key, to: keyPath)
    var line = ByteBuffer()
    line.append("\(key.verifier)\n")
    try system { () throws(SystemError) in
      try directory.replaceFile(FileNames.verifierKey, with: line.view, mode: 0o444)
    }
    let verifier = key.verifier
    let writer = try LogWriter(directory: path, key: key)
    try writer.append(control: [
      #"{"type":"created","origin":\#(JSON.quote("\(origin)")),"key":"\#(verifier)"}"#
    ])
    try writer.close()
    return verifier
  }

  private static func writeKey(_ key: borrowing SignerKey, to path: String) throws(WriteError) {
    var text = ByteBuffer()
    defer { text.wipe() }
    do throws(CryptoError) { try key.appendText(to: &text) } catch { throw .crypto(error) }
    let file: FileDescriptor
    do throws(SystemError) { file = try FileDescriptor(creating: path, mode: 0o400) } catch {
      throw error.errno == .exists ? .keyExists(path: path) : .system(error)
    }
    do throws(SystemError) {
      try file.write(text.view)
      try file.synchronize()
      try synchronizeParent(of: path)
    } catch { throw .system(error) }
  }

  /// Makes the name of what is at `path` survive a power loss, unless its directory may not be read.
  private static func synchronizeParent(of path: String) throws(SystemError) {
    var name = path[...]
    while name.utf8.count > 1, name.hasSuffix("/") { name.removeLast() }
    let parent = name.lastIndex(of: "/").map { $0 == name.startIndex ? "/" : String(name[..<$0]) } ?? "."
    if let directory = try? Directory(parent) { try directory.synchronize() }
  }

  /// Reads the private key at `path`.
  public static func readKey(_ path: String) throws(WriteError) -> SignerKey {
    var text = ByteBuffer()
    defer { text.wipe() }
    do throws(SystemError) {
      try FileDescriptor(reading: path).readAll(limit: 4096, into: &text)
    } catch { throw .system(error) }
    do throws(KeyError) { return try SignerKey(text.view) } catch { throw .key(file: path, error) }
  }
}

/// Text of control entries.
public enum JSON {
  /// `text` as a JSON string (RFC 8259 section 7).
  public static func quote(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      case "\r": quoted += "\\r"
      case "\t": quoted += "\\t"
      case "\u{0}"..<"\u{20}":
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
