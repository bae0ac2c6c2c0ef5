import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments

/// A seal with the note that carries it.
public struct SignedSeal: Equatable, Sendable {
  public let seal: Seal
  public let note: SignedNote

  /// Reads a seal, strictly. With the log's keys, throws unless the one in force at its end signed it.
  public init(_ bytes: ByteView, file: String, keys: LogKeys?) throws(LogError) {
    let seal: Seal?
    do throws(NoteError) {
      note = try SignedNote(bytes)
      seal = note.text.withView { Seal($0) }
      if let keys { try note.verify(with: keys, at: seal?.endIndex ?? 0) }
    } catch { throw .note(file: file, error) }
    guard let seal else { throw .noSeal(file: file) }
    self.seal = seal
  }
}

/// The directory of a log, opened for reading. Reads its small files; `LogReader` reads the entries.
public final class LogDirectory: Sendable {
  /// The directory itself, held open: renaming it changes nothing here.
  public let directory: Directory
  public var path: String { directory.path }

  /// Opens the directory. Throws `missing` when there is none, or nothing in it that belongs to a log.
  public init(_ path: String) throws(LogError) {
    do throws(SystemError) {
      directory = try Directory(path)
      let files = LogFiles(try directory.names())
      if files.hasVerifierKey || files.hasCheckpoint || !files.segments.isEmpty { return }
    } catch {
      switch error.errno {
      case .noSuchFile, .notDirectory: throw .missing(path: path)
      default: throw .system(error)
      }
    }
    throw .missing(path: path)
  }

  /// The names in the directory at this moment. A writer may be renaming files, and a listing is not one
  /// instant: it is repeated until two in a row are the same, or a few times.
  public func files() throws(LogError) -> LogFiles {
    var files = try list()
    for _ in 0..<4 {
      let again = try list()
      if again == files { break }
      files = again
    }
    return files
  }

  private func list() throws(LogError) -> LogFiles {
    LogFiles(try system { () throws(SystemError) in try directory.names() })
  }

  /// Opens a file for reading. What is no file, such as a named pipe, on which opening would wait, is refused
  /// with `.invalid`.
  public func openFile(_ name: String) throws(SystemError) -> FileDescriptor {
    switch try directory.status(of: name)?.kind {
    case .socket, .other: throw SystemError(operation: "read", path: path + "/" + name, errno: .invalid)
    default: return try directory.openFile(name)
    }
  }

  /// The bytes of a small file; nil when there is none.
  public func read(_ name: String, limit: Int) throws(LogError) -> [UInt8]? {
    var bytes = ByteBuffer()
    do throws(SystemError) { try openFile(name).readAll(limit: limit, into: &bytes) } catch {
      if error.errno == .noSuchFile { return nil }
      throw .system(error)
    }
    return bytes.view.array
  }

  /// The log's verifier keys as they stand in the directory. Who must not believe the directory has them from
  /// elsewhere.
  public func keys() throws(LogError) -> LogKeys {
    guard let bytes = try read(FileNames.verifierKey, limit: LogKeys.sizeLimit) else {
      throw .missing(path: path)
    }
    do throws(KeyError) {
      return try bytes.withView { (text) throws(KeyError) in try LogKeys(text) }
    } catch { throw .key(file: FileNames.verifierKey, error) }
  }

  /// The name that the directory claims to be that of its log; nil when it cannot be read.
  public var origin: KeyName? { try? keys().origin.name }

  /// The published checkpoint, signed by the key in force; nil when there is none. Without keys the directory's
  /// own are believed, and returned.
  public func checkpoint(
    _ keys: LogKeys? = nil
  ) throws(LogError) -> (keys: LogKeys, signed: SignedCheckpoint?) {
    let bytes = try read(FileNames.checkpoint, limit: SignedNote.maximumSize)
    // After the checkpoint: a key is named here before it signs one.
    let keys = if let keys { keys } else { try self.keys() }
    guard let bytes else { return (keys, nil) }
    do throws(NoteError) {
      return (keys, try bytes.withView { (note) throws(NoteError) in try SignedCheckpoint(note, keys: keys) })
    } catch { throw .note(file: FileNames.checkpoint, error) }
  }

  /// The seal of the segment with that first index, signed by the key in force when keys are given; nil when
  /// there is none.
  public func seal(_ firstIndex: UInt64, _ keys: LogKeys?) throws(LogError) -> SignedSeal? {
    let name = FileNames.name(firstIndex, .seal)
    guard let bytes = try read(name, limit: SignedNote.maximumSize) else { return nil }
    return try bytes.withView { (note) throws(LogError) in try SignedSeal(note, file: name, keys: keys) }
  }

  /// The newest seal, signed by `key` when one is given; nil when there is none. Seals outlive their segments.
  public func newestSeal(_ keys: LogKeys?) throws(LogError) -> SignedSeal? {
    guard let sealed = try files().segments.last(where: { $0.kinds.contains(.seal) }) else { return nil }
    return try seal(sealed.firstIndex, keys)
  }
}
