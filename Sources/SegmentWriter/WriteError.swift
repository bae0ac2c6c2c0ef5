import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments

/// Why a log could not be opened, written or sealed.
public enum WriteError: Error, Sendable {
  case system(SystemError)
  case crypto(CryptoError)
  /// The directory holds a log, or something else, already.
  case exists(path: String)
  /// The private key of a new log would overwrite another.
  case keyExists(path: String)
  /// There is no log in the directory.
  case missing(path: String)
  /// The log's private key is not where it should be.
  case noKey(path: String)
  /// Another process writes to the log.
  case locked(path: String)
  /// The private key does not belong to the log.
  case wrongKey(path: String, expected: String, found: String)
  /// The private key is a former one: at that entry it gave way to another.
  case superseded(path: String, index: UInt64, successor: String)
  /// The origin key cannot be replaced so.
  case rotation(reason: String)
  /// The key store is that of another log, or no key store.
  case wrongKeyStore(path: String, origin: String)
  /// The log's `vkey` does not name its first one-time key.
  case noFirstKey(path: String)
  /// A key, checkpoint or seal cannot be read.
  case note(file: String, NoteError)
  case key(file: String, KeyError)
  /// Every place for a segment key is taken, though no segment waits to be sealed.
  case noRoomForKey(path: String)
  /// The log is damaged at a place that a checkpoint or seal covers: nothing is appended to it.
  case damaged(file: String, offset: Int, reason: String)
  /// A statement of Stele itself, which is never erased.
  case unerasable(index: UInt64)
  /// Single entries of an encrypted segment cannot be erased: the host does not have its key any more.
  case encrypted(index: UInt64)
  /// The log holds no entry with that index.
  case noEntry(index: UInt64, end: UInt64)
  /// The daemon that writes to the log did not do what it was asked for.
  case daemon(path: String, reason: String)
  /// The file that is being written was removed.
  case removed(path: String)
  /// What was just written does not read back as it was: nothing is signed.
  case readBack(file: String, offset: Int)
}

extension WriteError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .system(let error): "\(error)"
    case .crypto(let error): "\(error)"
    case .exists(let path): "\(path): there is something here already; a new log needs an empty directory"
    case .keyExists(let path):
      "\(path): there is a private key already; move it away if nothing needs it, or name another file"
    case .missing(let path): "\(path): no log here; make one with: stele init \(path) --origin NAME"
    case .noKey(let path):
      "\(path): the log's private key is not here. Bring it back, or say where it is: --key-file FILE, 'key' under "
        + "'log' in the configuration, or systemd's credential stele.key"
    case .locked(let path): "\(path): another process is writing to this log; stop it first"
    case .wrongKey(let path, let expected, let found):
      "\(path): the private key is that of \(found), but the log's verifier key is \(expected). Put the "
        + "log's own back, or say where it is: --key-file FILE, 'key' under 'log' in the configuration, or systemd's "
        + "credential stele.key"
    case .superseded(let path, let index, let successor):
      "\(path): the private key is a former one of this log: at entry \(index) it gave way to that of \(successor). "
        + "Put the new private key in its place; the old one signs nothing any more"
    case .rotation(let reason): reason
    case .wrongKeyStore(let path, let origin):
      "\(path): this is not the key store of \(origin); nothing was changed. Name the right one with --key-store, "
        + "or move this away, and a new key epoch begins"
    case .noFirstKey(let path):
      "\(path)/vkey: the second line, with the first one-time key, is missing; restore it"
    case .note(let file, let error): "\(file): \(error)"
    case .key(let file, let error): "\(file): \(error)"
    case .noRoomForKey(let path):
      "\(path): the key store is full; move away \(path).next if no unsealed segment needs it"
    case .damaged(let file, let offset, let reason):
      "\(file): \(reason) at byte \(offset), under a signature; nothing was changed. "
        + "Run `stele verify` for the extent, and restore the file from a copy"
    case .encrypted(let index):
      "the segment with entry \(index) is encrypted, and this host has forgotten its key: only all of it can be "
        + "destroyed, with --shred \(index)"
    case .unerasable(let index):
      "entry \(index) is one of Stele itself; only messages that were received can be erased"
    case .noEntry(let index, let end): "there is no entry \(index); the log ends with \(end - 1)"
    case .daemon(let path, let reason): "\(path): the daemon that writes to this log: \(reason)"
    case .removed(let path):
      "\(path): somebody removed this file, or the directory that it is in, while it was being written; what it "
        + "held is gone. Find out who did, and start again: a new `stele init` if the whole log is gone"
    case .readBack(let file, let offset):
      "\(file): the block at byte \(offset) does not read back as it was written; nothing was signed. "
        + "Check the disk and the memory of this host"
    }
  }
}

/// Runs `body` and turns its errors into `WriteError`.
func system<R: ~Copyable>(_ body: () throws(SystemError) -> R) throws(WriteError) -> R {
  do throws(SystemError) { return try body() } catch { throw .system(error) }
}

func crypto<R: ~Copyable>(_ body: () throws(CryptoError) -> R) throws(WriteError) -> R {
  do throws(CryptoError) { return try body() } catch { throw .crypto(error) }
}

func note<R: ~Copyable>(_ file: String, _ body: () throws(NoteError) -> R) throws(WriteError) -> R {
  do throws(NoteError) { return try body() } catch { throw .note(file: file, error) }
}
