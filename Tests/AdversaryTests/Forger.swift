import Bytes
import Cryptography
import MerkleLog
import Platform
import SegmentReader
import Segments
import TestSupport
import Testing

/// The workshop: decodes a log, lets its entries be changed, and writes it again with every hash, chain, tree
/// and footer made anew, and every signature that the keys at hand can give. What it cannot sign stays as it
/// was, so that as much as possible is still right.
struct Forger {
  /// How somebody helps himself who lacks the one-time keys of what he rewrites.
  enum Trick: Hashable, CaseIterable, Sendable {
    /// Leaves the old one-time signatures, which are over the old trees.
    case keepSignatures
    /// Signs with the newest key that he has, in the names of those that he lacks: what broke journald's
    /// seals.
    case sealWithALaterKey
    /// Exchanges the keys that the entries and seals name for keys of his own.
    case nameOwnKeys
    /// Declares the keys lost, from the entry in front of which a `key_epoch` entry is put on.
    case beginAnEpoch
  }

  let log: GenuineLog
  var keys: Keyring
  var trick = Trick.keepSignatures
  private(set) var segments: [LogBuilder.Segment] = []
  /// Roots of the genuine trees, by size, and where the genuine segments end.
  private var roots = [SHA256.emptyRoot]
  private var ends: [SegmentID: UInt64] = [:]

  /// Stands for a `key_epoch` entry; what is written depends on what stands before it.
  static let epoch = LogBuilder.control(#"{"type":"key_epoch"}"#)

  init(_ log: GenuineLog, _ keys: Keyring, _ trick: Trick = .keepSignatures) throws {
    (self.log, self.keys, self.trick) = (log, keys, trick)
    try withTemporaryDirectory { path in
      try writeTree(log.files, to: path + "/log")
      try decode(LogReader(path + "/log"))
    }
  }

  private mutating func decode(_ reader: LogReader) throws {
    var tree = CompactRange()
    for number in 0..<reader.segmentCount {
      let file = try reader.segment(number)
      let header = file.header
      var segment = LogBuilder.Segment(
        id: header.id, seed: header.seed, previous: header.previous, tree: header.tree)
      for place in file.blocks {
        let entries = try (0..<place.contents.count).map { try reader.entry(place.firstIndex + UInt64($0)) }
        segment.blocks.append(
          entries.map { TestEntry(raw: $0.raw, envelope: $0.envelope, metadata: $0.metadata) })
        for entry in entries {
          tree.append(entry.leaf)
          roots.append(tree.root)
        }
      }
      segments.append(segment)
      ends[header.id] = tree.size
    }
  }

  // MARK: Changes

  /// Changes the list of all entries of the block that holds the entry with that index, given its place
  /// there.
  mutating func change(_ index: Int, _ body: (inout [TestEntry], Int) -> Void) {
    var first = 0
    for segment in segments.indices {
      for block in segments[segment].blocks.indices {
        let count = segments[segment].blocks[block].count
        if index < first + count { return body(&segments[segment].blocks[block], index - first) }
        first += count
      }
    }
  }

  mutating func modify(_ index: Int) { change(index) { $0[$1].raw[$0[$1].raw.count - 1] ^= 1 } }
  mutating func remove(_ index: Int) { change(index) { $0.remove(at: $1) } }
  mutating func exchange(_ index: Int) { change(index) { $0.swapAt($1, $1 + 1) } }
  mutating func insert(_ entry: TestEntry, at index: Int) { change(index) { $0.insert(entry, at: $1) } }
  mutating func removeSegment(_ number: Int) { segments.remove(at: number) }

  func entry(_ index: Int) -> TestEntry { segments.flatMap { $0.blocks.joined() }[index] }

  /// Cuts off every entry from that index on.
  mutating func cut(at end: Int) {
    var first = 0
    for segment in segments.indices {
      for block in segments[segment].blocks.indices {
        let entries = segments[segment].blocks[block]
        segments[segment].blocks[block] = Array(entries.prefix(max(0, end - first)))
        first += entries.count
      }
      segments[segment].blocks.removeAll(where: \.isEmpty)
    }
    segments.removeAll(where: \.blocks.isEmpty)
  }

  // MARK: Writing

  /// The entries as they are written.
  func printed() throws -> [TestEntry] {
    var press = try Press(log, keys, trick, genuine: roots)
    for segment in segments { _ = try press.encode(segment) }
    return press.entries
  }

  /// The files of the forged log.
  func publish() throws -> [String: [UInt8]] {
    var press = try Press(log, keys, trick, genuine: roots)
    var files = [FileNames.verifierKey: log.files[FileNames.verifierKey] ?? []]
    for (number, segment) in segments.enumerated() {
      let encoded = try press.encode(segment)
      let (first, old) = (encoded.header.firstIndex, segment.tree.size)
      let isUntouched =
        !press.isForged && encoded.header.tree == segment.tree && encoded.header.previous == segment.previous
        && encoded.tree.size == ends[segment.id]
      if let seal = log.files[FileNames.name(old, .seal)] {
        let file = isUntouched ? log.files[FileNames.name(old, .segment)] ?? [] : encoded.file
        files[FileNames.name(first, .segment)] = file
        files[FileNames.name(first, .seal)] = try press.seal(encoded, file, number: number, old: seal)
      } else {
        files[FileNames.name(first, .open)] =
          isUntouched ? log.files[FileNames.name(old, .open)] : encoded.bytes
      }
    }
    files[FileNames.checkpoint] = try press.checkpoint() ?? log.files[FileNames.checkpoint]
    return files
  }
}
