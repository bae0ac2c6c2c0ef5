import Bytes
import Cryptography
import MerkleLog
import Segments
import TestSupport
import Testing

@Suite struct SaltTableTests {
  private static let seed = SaltKey([7].withView { SHA256.hash($0) })
  /// Begins and ends inside a group.
  private static let entries: Range<UInt64> = 700..<1500

  private static func metadata(_ index: UInt64) -> EntryMetadata {
    EntryMetadata(time: Int64(truncatingIfNeeded: index) &* 1000, source: 3, flags: 2, kind: .received)
  }

  private static func message(_ index: UInt64) -> [UInt8] { Array("message \(index)".utf8) }

  private static func leaf(
    _ index: UInt64, _ hasher: inout EntryHasher, isErased: Bool = false
  ) throws -> Digest {
    try [2].withView { envelope in
      try message(index).withView { raw in
        try hasher.leaf(
          index: index, metadata(index), envelope: isErased ? envelope.prefix(0) : envelope,
          raw: isErased ? raw.prefix(0) : raw)
      }
    }
  }

  private static func erased(_ index: UInt64) throws -> ErasedEntry {
    var hasher = try EntryHasher(seed: seed)
    let entry = try [2].withView { envelope in
      try message(index).withView { raw in
        try hasher.entry(index: index, metadata(index), envelope: envelope, raw: raw)
      }
    }
    return ErasedEntry(
      index: index, rawByteCount: UInt32(message(index).count),
      commitment: entry.withView { Digest($0, at: 20) })
  }

  private static func table(_ indexes: [UInt64], of source: SaltSource = .seed(seed)) throws -> SaltTable {
    try SaltTable(source, entries: entries, erasing: indexes.map(erased))
  }

  private static func bytes(_ table: SaltTable) -> [UInt8] {
    var out = ByteBuffer()
    table.encode(to: &out)
    return out.view.array
  }

  private static func read(_ bytes: [UInt8]) -> SaltTable? { bytes.withView { try? SaltTable($0) } }

  @Test func everyLeafIsWhatItWasFromTheSeed() throws {
    let gone: Set<UInt64> = [700, 701, 768, 900, 1023, 1499]
    let made = try Self.table(Array(gone))
    let bytes = Self.bytes(made)
    #expect(bytes.count == made.byteCount)
    let table = try #require(Self.read(bytes))
    var before = try EntryHasher(seed: Self.seed)
    var after = try EntryHasher(.table(table))
    for index in Self.entries {
      let isErased = gone.contains(index)
      #expect(try Self.leaf(index, &after, isErased: isErased) == Self.leaf(index, &before), "\(index)")
      #expect((table.erased(index) != nil) == isErased)
    }
    #expect(table.covers(Self.entries))
    #expect(table.erased(in: 701..<901).map(\.index) == [701, 768, 900])
  }

  @Test func erasingAgainIsErasingBoth() throws {
    let first = try Self.table([800, 801])
    let second = try Self.table([802, 1300], of: .table(first))
    #expect(second.erased.map(\.index) == [800, 801, 802, 1300])
    #expect(Self.bytes(second) == Self.bytes(try Self.table([800, 801, 802, 1300])))
    #expect(Self.bytes(try Self.table([800], of: .table(first))) == Self.bytes(first))
  }

  @Test func nothingInTheTableGivesTheSaltOfAnErasedEntry() throws {
    let bytes = Self.bytes(try Self.table([900]))
    var hasher = try EntryHasher(seed: Self.seed)
    var salt = ByteBuffer()
    salt.append(try hasher.salt(index: 900))
    #expect(bytes.withView { $0.find(salt.view) } == nil)
    for secret in [Self.seed, try Self.seed.groupKey(900 / 256)] {
      #expect(bytes.withView { bytes in secret.bytes.withView { bytes.find($0) } } == nil)
    }
    // The neighbour's is there.
    salt.removeAll()
    salt.append(try hasher.salt(index: 901))
    #expect(bytes.withView { $0.find(salt.view) } != nil)
  }

  @Test func aTableOfOtherEntriesIsNotTakenForThatOfThese() throws {
    // The groups at both ends have no key, and so are bound to their entries.
    let table = try Self.table([710, 1490])
    #expect(table.covers(700..<1500))
    #expect(!table.covers(700..<1499))
    #expect(!table.covers(701..<1500))
    #expect(!table.covers(700..<1537))
    #expect(!table.covers(512..<1500))
    #expect(!table.covers(900..<900))
    let outside = try SaltTable(.seed(Self.seed), entries: 700..<1500, erasing: [Self.erased(600)])
    #expect(!outside.covers(700..<1500))
  }

  @Test func everyCutAndEveryChangedByteIsRefused() throws {
    let bytes = Self.bytes(try Self.table([800, 1499]))
    for count in 0..<bytes.count { #expect(Self.read(Array(bytes.prefix(count))) == nil) }
    for offset in stride(from: 0, to: bytes.count, by: 7) {
      var changed = bytes
      changed[offset] ^= 0x10
      #expect(Self.read(changed) == nil, "\(offset)")
    }
    #expect(Self.read(bytes + [1, 2, 3]) != nil)
  }

  @Test func tablesWithAGoodDigestAndHostileContentsNeverTrap() throws {
    var random = SplitMix64(17)
    let bytes = Self.bytes(try Self.table([700, 800, 1499]))
    for _ in 0..<3000 {
      var changed = Array(bytes.dropLast(32))
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let offset = [12, 16, 24, changed.count - 100].randomElement(using: &random) ?? 0
        changed[Int.random(in: offset..<min(offset + 90, changed.count), using: &random)] =
          UInt8.random(in: 0...255, using: &random)
      }
      changed += changed.withView { SHA256.hash($0) }.array
      guard let table = Self.read(changed) else { continue }
      _ = table.covers(Self.entries)
      _ = table.erased(in: 0..<UInt64.max)
      var hasher = try EntryHasher(.table(table))
      for index in [0, 700, 799, 1499, 5000, UInt64.max] { _ = try Self.leaf(index, &hasher) }
    }
  }

  @Test func countsThatTheBytesDoNotHoldAreRefusedBeforeMemoryIsTaken() throws {
    for (offset, what) in [(12, "groups"), (16, "first group"), (20, "first group")] {
      var changed = Array(Self.bytes(try Self.table([800])).dropLast(32))
      for place in offset..<offset + 4 { changed[place] = 0xFF }
      changed += changed.withView { SHA256.hash($0) }.array
      let table = Self.read(changed)
      #expect(table == nil || !table!.covers(Self.entries), "\(what)")
    }
  }

  @Test func amendmentsReadBackAndTolerateNoOtherSpelling() {
    func digest(_ byte: UInt8) -> Digest { [byte].withView { SHA256.hash($0) } }
    let amendment = Amendment(
      origin: "logs.example.com/a", segment: SegmentID(high: 1, low: 2), seal: digest(1), number: 2,
      chain: digest(2), byteCount: 99, fileHash: digest(3))
    func read(_ text: String) -> Amendment? { Array(text.utf8).withView { Amendment($0) } }
    #expect(read(amendment.text) == amendment)
    let others = [
      amendment.text + "\n", String(amendment.text.dropLast()),
      amendment.text.replacing("number 2", with: "number 02"),
      amendment.text.replacing("number 2", with: "number 0"),
      amendment.text.replacing("amendment v1", with: "amendment v2"), amendment.text + "more 1\n", "",
    ]
    for text in others { #expect(read(text) == nil, "\(text)") }
  }
}
