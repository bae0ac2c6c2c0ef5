import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments

/// Where the chain of checkpoint keys stands: what the control entries read so far say.
struct KeyTrail: Sendable {
  /// A tree that ends with a `key` entry, and the key that signs it.
  struct Tree: Sendable {
    var size: UInt64
    var root: Digest
    var signer: NamedKey
  }

  /// The key of the next checkpoint.
  var named: NamedKey
  /// The last tree that ends with a `key` entry; nil when only a seal told of it.
  var last: Tree?
  /// Whether the key begins an epoch: the signature under the checkpoint before it may be lost.
  var beginsEpoch = false

  /// Before any entry: the log's first key signs checkpoint 0.
  init(first: PublicKey) { named = NamedKey(number: 0, key: first, epoch: 0) }

  /// As the seal of a finished segment says, so that its blocks need not be read.
  mutating func take(_ seal: Seal) {
    named = seal.keys.checkpoint
    last = nil
    beginsEpoch = false
  }

  /// As the blocks of an open segment say. What does not decode is left to `verify`, and to the check before the
  /// segment is sealed.
  mutating func take(_ blocks: [ScannedBlock]) {
    // Only the last two entries matter, and a checkpoint a second is far behind neither.
    var found: [Entry] = []
    for block in blocks.reversed() where found.count < 2 {
      found += (try? Self.entries(block)) ?? []
    }
    for entry in found.prefix(2).reversed() {
      switch entry {
      case .epoch(let record):
        named = NamedKey(number: record.number, key: record.key, epoch: record.epoch)
        beginsEpoch = true
      case .key(let record, let tree):
        last = tree.map { Tree(size: $0.size, root: $0.root, signer: named) }
        named = NamedKey(number: record.number, key: record.key, epoch: named.epoch)
        beginsEpoch = false
      }
    }
  }

  private enum Entry {
    /// With the tree that ends with it, where the block's header has it: in a block of its own, as it is written.
    case key(KeyRecord, CompactRange?)
    case epoch(KeyEpochRecord)
  }

  /// The block's entries that name keys, the last first.
  private static func entries(_ block: ScannedBlock) throws(DecodeError) -> [Entry] {
    let count = block.header.contents.count
    var decoded = try DecodedBlock(
      block.stored, count: count, rawByteCount: block.header.contents.rawByteCount)
    try decoded.loadEntries()
    let rows = (0..<count).filter { decoded.metadata($0).kind == .control }
    if rows.isEmpty { return [] }
    try decoded.loadAll()
    var found: [Entry] = []
    for row in rows.reversed() {
      var raw = ByteBuffer()
      try decoded.print(row, to: &raw)
      guard let json = try? JSONValue(parsing: raw.view) else { continue }
      if let record = KeyRecord(json) {
        found.append(.key(record, row == count - 1 ? block.header.tree : nil))
      } else if let record = KeyEpochRecord(json) {
        found.append(.epoch(record))
      }
    }
    return found
  }
}
