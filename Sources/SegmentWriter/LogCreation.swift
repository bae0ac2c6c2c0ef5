import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments

/// Makes new logs.
public enum LogCreation {
  /// Where the private key of the log in `directory` is kept unless it is put elsewhere: beside the
  /// directory, which then holds nothing that must stay secret from whoever may read the log.
  public static func defaultKeyPath(_ directory: String) -> String { beside(directory) + ".key" }

  /// Where the key store is kept unless it is put elsewhere: beside the directory, too.
  public static func defaultKeyStorePath(_ directory: String) -> String { beside(directory) + ".next" }

  /// Where a writer that fails leaves word of what it could not store.
  public static func unstoredPath(_ directory: String) -> String { beside(directory) + ".unstored" }

  /// The path that everything beside a log's directory begins with: the directory's, without a `/` at its end.
  public static func beside(_ directory: String) -> String {
    var path = directory
    while path.utf8.count > 1, path.hasSuffix("/") { path.removeLast() }
    return path
  }

  /// Makes a log in `directory`, which must not exist or be empty, with a new Ed25519 key and a first one-time
  /// key, and writes its first entry, checkpoint and seal. Returns the verifier keys, which belong to the
  /// auditors.
  @discardableResult public static func create(
    directory path: String, origin: KeyName, keyPath: String, keyStorePath: String? = nil
  ) throws(WriteError) -> LogKeys {
    let directory = try system { () throws(SystemError) in try Directory(making: path) }
    guard try system({ () throws(SystemError) in try directory.names() }).isEmpty
    else { throw .exists(path: path) }
    try system { () throws(SystemError) in try Directory.synchronizeParent(of: path) }
    let key = try crypto { () throws(CryptoError) in try SignerKey.generate(name: origin) }
    try writeKey(key, to: keyPath)
    let keys = LogKeys(
      origin: key.verifier,
      first: try makeFirstKey(origin, keyStorePath ?? defaultKeyStorePath(path)))
    let text = Array(keys.text.utf8)
    try text.withView { (text) throws(WriteError) in
      try system { () throws(SystemError) in
        try directory.replaceFile(FileNames.verifierKey, with: text, mode: 0o444)
      }
    }
    var options = WriterOptions()
    options.keyStorePath = keyStorePath
    let writer = try LogWriter(directory: path, key: key, options: options)
    try writer.append(control: [
      #"{"type":"created","origin":\#(JSON.quote("\(origin)")),"key":"\#(keys.origin)"}"#
    ])
    try writer.close()
    return keys
  }

  /// Makes the key store with the key that signs the first checkpoint and the first seal.
  private static func makeFirstKey(_ origin: KeyName, _ path: String) throws(WriteError) -> VerifierKey {
    let store: KeyStore
    do throws(SystemError) { store = try KeyStore(creating: path, origin: origin) } catch {
      throw error.errno == .exists ? .keyExists(path: path) : .system(error)
    }
    let key = try store.makeKey(.checkpoint, 0)
    try store.withSecret(.checkpoint, 0) { (seed) throws(WriteError) in
      guard let seed else { return }
      do throws(SystemError) { try store.keep(seed, .seal, 0) } catch { throw .system(error) }
    }
    return VerifierKey(name: origin.checkpointKey(0), publicKey: key.publicKey)
  }

  /// Makes a new private key, and the file `path` that holds it, which must not be there.
  public static func createKey(name: KeyName, at path: String) throws(WriteError) {
    let key: SignerKey
    do throws(CryptoError) { key = try SignerKey.generate(name: name) } catch { throw .crypto(error) }
    try writeKey(key, to: path)
  }

  static func writeKey(_ key: borrowing SignerKey, to path: String) throws(WriteError) {
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
      try Directory.synchronizeParent(of: path)
    } catch { throw .system(error) }
  }

  /// Reads the private key at `path`.
  public static func readKey(_ path: String) throws(WriteError) -> SignerKey {
    SecureMemory.prepare()
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
