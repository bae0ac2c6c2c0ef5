import Bytes
import Cryptography
import Glibc
import MerkleLog
import Platform
@testable import SegmentWriter
import Segments

/// A log in a directory of its own, which is removed at the end.
final class TemporaryLog {
  let path: String
  let keyPath: String
  let keys: LogKeys
  var verifier: VerifierKey { keys.origin }

  init() throws {
    path = "/tmp/stele-test-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
    keyPath = path + ".key"
    guard let origin = KeyName("test.example/log") else {
      throw SystemError(operation: "", path: "", errno: .invalid)
    }
    keys = try LogCreation.create(directory: path, origin: origin, keyPath: keyPath)
  }

  private init(copying other: TemporaryLog) throws {
    path = other.path + "-\(UInt64.random(in: 0...UInt64.max))"
    keyPath = other.keyPath
    keys = other.keys
    let target = try Directory(making: path)
    var store = ByteBuffer()
    try FileDescriptor(reading: LogCreation.defaultKeyStorePath(other.path)).readAll(
      limit: 1 << 16, into: &store)
    try FileDescriptor(writing: LogCreation.defaultKeyStorePath(path)).write(store.view)
    let source = try Directory(other.path)
    for name in try source.names() where name != FileNames.tiles {
      let contents = try source.readFile(name, limit: 1 << 30)
      try target.createFile(name).write(contents.view, at: 0)
    }
  }

  deinit {
    if let directory = try? Directory(path), let names = try? directory.names() {
      for name in names { _ = try? directory.remove(name) }
    }
    _ = unsafe system("rm -rf '\(path)' '\(path).next'")
  }

  /// What a crash now would leave.
  func snapshot() throws -> TemporaryLog { try TemporaryLog(copying: self) }

  func open(_ options: WriterOptions = WriterOptions()) throws -> LogWriter {
    try LogWriter(directory: path, key: LogCreation.readKey(keyPath), options: options)
  }

  func directory() throws -> Directory { try Directory(path) }

  func names() throws -> [String] { try directory().names().sorted() }

  func contents(_ name: String) throws -> [UInt8] {
    try directory().readFile(name, limit: 1 << 30).view.array
  }

  func replace(_ name: String, _ bytes: [UInt8]) throws {
    let directory = try directory()
    _ = try directory.remove(name)
    try bytes.withView { (view) throws(SystemError) in try directory.createFile(name).write(view, at: 0) }
  }

  func checkpoint() throws -> Checkpoint {
    try contents(FileNames.checkpoint).withView { (view) throws(NoteError) in
      try SignedCheckpoint(view, key: verifier).checkpoint
    }
  }

  /// The raw bytes of every entry but those that name one-time keys, read back from the files, after checking
  /// every leaf against the trees in the headers.
  func entries() throws -> [String] {
    var texts: [String] = []
    var tree = CompactRange()
    let directory = try directory()
    for name in try names() where name.hasSuffix(".segment") || name.hasSuffix(".open") {
      let file = try MappedFile(try directory.openFile(name))
      var scan = try SegmentScan(file.view)
      var hasher = try EntryHasher(seed: scan.header.seed)
      while case .block(let block) = try scan.next() {
        guard block.isIntact() else { throw DecodeError(.invalid, at: block.offset) }
        var leaves = ValueList<Digest>()
        var decoded = try DecodedBlock(
          block.stored, count: block.header.contents.count, rawByteCount: block.header.contents.rawByteCount)
        try decoded.loadAll()
        try decoded.hashLeaves(first: block.header.firstIndex, &hasher, &leaves)
        for row in 0..<decoded.count {
          var raw = ByteBuffer()
          try decoded.print(row, to: &raw)
          if !raw.view.text.hasPrefix(#"{"type":"key","#) { texts.append(raw.view.text) }
          tree.append(leaves[row])
        }
        guard tree == block.header.tree else { throw DecodeError(.invalid, at: block.offset) }
      }
    }
    return texts
  }
}
