import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments

/// The directory of static files that a tree is exported to: what a web server shows as it is.
struct ExportDirectory: ~Copyable {
  private static let temporary = "new"

  private let directory: Directory
  private var parents: Set<String> = []
  private(set) var fileCount = 0

  /// Opens the directory, made when it is not there, and takes its lock; nil when another process has it.
  static func open(_ path: String) throws(SystemError) -> ExportDirectory? {
    let directory = try Directory(making: path, mode: 0o755)
    return try directory.tryLock() ? ExportDirectory(directory) : nil
  }

  private init(_ directory: consuming Directory) { self.directory = directory }

  /// The published checkpoint's bytes; nil when there is none yet.
  func checkpoint() throws(SystemError) -> [UInt8]? {
    do throws(SystemError) {
      return try directory.readFile(FileNames.checkpoint, limit: SignedNote.maximumSize).view.array
    } catch {
      if error.errno == .noSuchFile { return nil }
      throw error
    }
  }

  /// The bytes of a tile that must have just so many; nil when it has not.
  func read(_ path: TilePath, count: Int) -> ByteBuffer? {
    guard let bytes = try? directory.readFile("\(path)", limit: count), bytes.count == count else {
      return nil
    }
    return bytes
  }

  /// Writes a tile of hashes.
  mutating func write(_ path: TilePath, _ hashes: [Digest]) throws(SystemError) {
    var bytes = ByteBuffer(capacity: hashes.count * Digest.size)
    for hash in hashes { bytes.append(hash) }
    try write(path, bytes.view)
  }

  /// Writes a file of the tree, whole under its name. Not durable before `synchronize`.
  mutating func write(_ path: TilePath, _ bytes: ByteView) throws(SystemError) {
    let name = "\(path)"
    try makeParents(name)
    try directory.remove(Self.temporary)
    let file = try directory.createFile(Self.temporary, mode: 0o644)
    try file.write(bytes, at: 0)
    try file.close()
    try directory.rename(Self.temporary, to: name)
    fileCount += 1
  }

  private mutating func makeParents(_ name: String) throws(SystemError) {
    var parent = ""
    for component in name.split(separator: "/").dropLast() {
      parent += parent.isEmpty ? String(component) : "/" + component
      if parents.insert(parent).inserted { try directory.makeDirectory(parent, mode: 0o755) }
    }
  }

  /// Publishes a checkpoint, after all that it covers is on stable storage.
  func publish(_ checkpoint: [UInt8]) throws(SystemError) {
    try directory.synchronizeFileSystem()
    try checkpoint.withView { (bytes) throws(SystemError) in
      try directory.replaceFile(FileNames.checkpoint, with: bytes, mode: 0o644)
    }
  }

  /// Removes the partial tiles of a tile that is full now, as C2SP tlog-tiles allows.
  func removePartials(of path: TilePath) throws(SystemError) {
    let name = "\(path).p"
    guard try directory.status(of: name) != nil else { return }
    for partial in try directory.openDirectory(name).names() { try directory.remove(name + "/" + partial) }
    try directory.removeDirectory(name)
  }
}
