import Bytes
import Cryptography
import MerkleLog
import Platform

/// Writes hash tiles of level 1 and above as segments are sealed (C2SP tlog-tiles). They are a cache: nothing
/// is synced, a tile whose earlier hashes are not at hand is left out, and whoever reads one checks what
/// follows.
enum TileWriter {
  private struct Key: Hashable {
    var level: Int
    var index: UInt64
  }

  /// `subtrees` are those that the new segment completed; each level's are neighbours.
  static func write(_ directory: borrowing Directory, _ subtrees: [Subtree]) throws(SystemError) {
    var tiles: [Key: [Subtree]] = [:]
    for subtree in subtrees where subtree.level % 8 == 0 {
      tiles[Key(level: subtree.level / 8, index: subtree.index >> 8), default: []].append(subtree)
    }
    for (key, hashes) in tiles { try write(directory, key, hashes) }
  }

  private static func write(_ directory: borrowing Directory, _ key: Key, _ hashes: [Subtree])
    throws(SystemError)
  {
    let before = Int(hashes[0].index & 255)
    let width = before + hashes.count
    var bytes = ByteBuffer(capacity: width * Digest.size)
    var partial: String?
    if before > 0 {
      let path = "\(TilePath(.hashes(level: key.level), index: key.index, width: before))"
      guard let known = try read(directory, path), known.count == before * Digest.size else { return }
      bytes.append(known.view)
      partial = path
    }
    for hash in hashes { bytes.append(hash.hash) }
    let path = "\(TilePath(.hashes(level: key.level), index: key.index, width: width))"
    try makeParents(directory, path)
    let temporary = path + ".new"
    try directory.remove(temporary)
    let file = try directory.createFile(temporary)
    try file.write(bytes.view, at: 0)
    try directory.rename(temporary, to: path)
    if let partial { try directory.remove(partial) }
  }

  /// Keeps what cannot be had again once the segment's key is forgotten: durable, unlike tiles.
  static func keep(
    _ directory: borrowing Directory, _ subtrees: [Subtree], of firstIndex: UInt64
  ) throws(SystemError) {
    if subtrees.isEmpty { return }
    let file = KeptSubtrees.file(firstIndex)
    try makeParents(directory, file)
    let bytes = KeptSubtrees.encode(subtrees)
    try directory.replaceFile(file, with: bytes.view, mode: 0o444)
    try directory.openDirectory("tile").synchronize()
    try directory.synchronize()
  }

  private static func read(_ directory: borrowing Directory, _ path: String) throws(SystemError)
    -> ByteBuffer?
  {
    do throws(SystemError) { return try directory.readFile(path, limit: 256 * Digest.size) } catch {
      if error.errno == .noSuchFile { return nil }
      throw error
    }
  }

  private static func makeParents(_ directory: borrowing Directory, _ path: String) throws(SystemError) {
    var parent = ""
    for component in path.split(separator: "/").dropLast() {
      parent += parent.isEmpty ? String(component) : "/" + component
      if try directory.status(of: parent) == nil { try directory.makeDirectory(parent) }
    }
  }
}
