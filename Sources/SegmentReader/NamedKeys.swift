import Bytes
import Cryptography
import MerkleLog
import Segments

extension LogReader {
  /// The one-time key that signs the checkpoint of a tree of that size, which ends with the entry that names the
  /// next; nil when it does not. The epoch is not looked for: only the last blocks are read. Nothing is verified.
  public func checkpointKey(signing size: UInt64) throws(LogError) -> NamedKey? {
    guard size > firstIndex, let entry = try? entry(size - 1), entry.metadata.kind == .control,
      let json = entry.raw.withView({ try? JSONValue(parsing: $0) }), let record = KeyRecord(json),
      let signer = try namedKey(before: size - 1, findsEpoch: false), signer.number + 1 == record.number
    else { return nil }
    return signer
  }

  /// The one-time key that the entries and seals in front of `end` name for the next checkpoint; nil when they
  /// name none. Reads backwards through the segment that ends there, all of it unless the epoch does not matter,
  /// which then is 0. Nothing is verified.
  public func namedKey(before end: UInt64, findsEpoch: Bool = true) throws(LogError) -> NamedKey? {
    if end == 0 { return try namedKey(sealedBefore: 0) }
    guard end > firstIndex, let number = segmentNumber(of: end - 1) else { return nil }
    let file = try segment(number)
    var newest: KeyRecord?
    for place in file.blocks.indices.reversed() where file.blocks[place].firstIndex < end {
      for json in try file.controlEntries(place, before: end).reversed() {
        if let record = KeyRecord(json) {
          if !findsEpoch { return NamedKey(number: record.number, key: record.key, epoch: 0) }
          newest = newest ?? record
        } else if let record = KeyEpochRecord(json) {
          let (number, key) = newest.map { ($0.number, $0.key) } ?? (record.number, record.key)
          return NamedKey(number: number, key: key, epoch: record.epoch)
        }
      }
    }
    guard let before = try namedKey(sealedBefore: file.firstIndex) else { return nil }
    return newest.map { NamedKey(number: $0.number, key: $0.key, epoch: before.epoch) } ?? before
  }

  /// What the seal in front of that segment says; before the first it is the log's first key.
  private func namedKey(sealedBefore firstIndex: UInt64) throws(LogError) -> NamedKey? {
    if firstIndex == 0 {
      return try directory.keys().first?.publicKey.map { NamedKey(number: 0, key: $0, epoch: 0) }
    }
    let sealed = try directory.files().segments.last {
      $0.firstIndex < firstIndex && $0.kinds.contains(.seal)
    }
    guard let sealed, let seal = try directory.seal(sealed.firstIndex, keys)?.seal,
      seal.endIndex == firstIndex
    else { return nil }
    return seal.keys.checkpoint
  }
}

extension LogReader {
  /// Calls `take` with each control entry of those types, the newest first, until it returns false. Nothing is
  /// verified.
  public func controlEntries(
    of types: Set<String>, _ take: (_ index: UInt64, _ json: JSONValue) -> Bool
  ) throws(LogError) {
    for number in (0..<segmentCount).reversed() {
      guard let file = try? segment(number) else { continue }
      for place in file.blocks.indices.reversed() {
        for entry in try file.numberedControlEntries(place, before: .max).reversed()
        where entry.json["type"]?.string.map(types.contains) ?? false {
          if !take(entry.index, entry.json) { return }
        }
      }
    }
  }
}

extension SegmentFile {
  fileprivate func controlEntries(_ number: Int, before end: UInt64) throws(LogError) -> [JSONValue] {
    try numberedControlEntries(number, before: end).map(\.json)
  }

  /// The control entries of a block up to `end`. The writer's own are never encrypted.
  fileprivate func numberedControlEntries(
    _ number: Int, before end: UInt64
  ) throws(LogError) -> [(index: UInt64, json: JSONValue)] {
    if isEncrypted(number) { return [] }
    var block = try block(number)
    let count = Int(min(UInt64(block.place.contents.count), end - block.firstIndex))
    do throws(DecodeError) { try block.contents.loadEntries() } catch { throw block.damaged(error) }
    let rows = (0..<count).filter { block.contents.metadata($0).kind == .control }
    if rows.isEmpty { return [] }
    try block.loadAll()
    var entries: [(index: UInt64, json: JSONValue)] = []
    for row in rows {
      var raw = ByteBuffer()
      try block.print(row, to: &raw)
      if let json = try? JSONValue(parsing: raw.view) {
        entries.append((block.firstIndex + UInt64(row), json))
      }
    }
    return entries
  }
}
