import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments
import Synchronization

/// The file with a log's private origin key, while another key takes its place.
///
///     prepare    FILE.new with the next key, mode 0400   fsync   fsync(directory)
///     (rotate)   the log says that this key signs from now on, durable
///     replace    rename FILE.new to FILE   fsync(directory)   zeros over the old file   fsync
///
/// So at every moment the key that the log names is in one of the two.
struct KeyFile: Sendable {
  let path: String
  private var pending: String { path + ".new" }

  /// Nil for a systemd credential, which the service manager alone replaces.
  init?(_ path: String?) {
    guard let path, path != LogCreation.credentialPath else { return nil }
    self.path = path
  }

  /// Makes `key` durable beside the present one, in place of what an earlier attempt left.
  func prepare(_ key: borrowing SignerKey) throws(WriteError) {
    try discard()
    try LogCreation.writeKey(key, to: pending)
  }

  /// The next key; nil when there is none, or its writing was cut off.
  func next() throws(WriteError) -> SignerKey? {
    do throws(WriteError) { return try LogCreation.readKey(pending) } catch {
      switch error {
      case .system(let error) where error.errno == .noSuchFile: return nil
      case .key: return nil
      default: throw error
      }
    }
  }

  /// Puts the next key in the place of the present one, which is overwritten.
  func replace() throws(WriteError) {
    let parent = try parent()
    try system { () throws(SystemError) in
      // Opened under its name while it still has one.
      let old = try Self.writable(parent, name)
      try parent.rename(name + ".new", to: name)
      try parent.synchronize()
      if let old { try Self.overwrite(old) }
    }
  }

  /// The file, open for overwriting; nil when it is somebody else's, who then has to remove what it held.
  private static func writable(
    _ parent: borrowing Directory, _ name: String
  ) throws(SystemError) -> FileDescriptor? {
    do throws(SystemError) {
      try parent.setMode(0o600, of: name)
      return try parent.openFile(name, .readWrite)
    } catch {
      guard [.accessDenied, .notPermitted, .readOnly].contains(error.errno) else { throw error }
      return nil
    }
  }

  /// Overwrites and removes a next key that the log does not name.
  func discard() throws(WriteError) {
    let parent = try parent()
    try system { () throws(SystemError) in
      guard try parent.status(of: name + ".new") != nil else { return }
      try parent.setMode(0o600, of: name + ".new")
      try Self.overwrite(try parent.openFile(name + ".new", .readWrite))
      try parent.remove(name + ".new")
      try parent.synchronize()
    }
  }

  private var name: String { path.split(separator: "/").last.map(String.init) ?? path }

  private func parent() throws(WriteError) -> Directory {
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    return try system { () throws(SystemError) in try Directory(folder) }
  }

  private static func overwrite(_ file: borrowing FileDescriptor) throws(SystemError) {
    let zeros = [UInt8](repeating: 0, count: try file.size())
    try zeros.withView { (zeros) throws(SystemError) in try file.write(zeros, at: 0) }
    try file.synchronize()
  }
}

/// The private key, shared by the threads that sign.
final class OriginKey: Sendable {
  let signer: SignerKey
  /// The key that gave way to this one: it signs one more checkpoint, the first that covers that.
  private let former: Mutex<OriginKey?>

  init(_ signer: consuming SignerKey) {
    self.signer = signer
    former = Mutex(nil)
  }

  /// Lets the key that gave way to this one sign the next checkpoint, too: who knows only that one can then
  /// check the tree that holds the rotation.
  func follow(_ key: OriginKey) { former.withLock { $0 = key } }

  /// The checkpoint, signed.
  func sign(_ checkpoint: Checkpoint) throws(WriteError) -> SignedCheckpoint {
    try note(FileNames.checkpoint) { () throws(NoteError) in
      var signed = try SignedCheckpoint(checkpoint, signedBy: signer)
      if let former = former.withLock({ $0.take() }) { try signed.sign(with: former.signer) }
      return signed
    }
  }
}
