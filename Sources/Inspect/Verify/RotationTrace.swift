import Bytes
import Cryptography
import Events
import MerkleLog
import Platform
import SegmentReader
import Segments

/// The origin keys of a log, one after the other, as far as they were traced.
struct RotationTrace {
  /// An entry that begins a segment, and says that it replaces the key.
  struct Entry {
    var index: UInt64
    /// Receive time, nanoseconds since 1970 UTC.
    var time: Int64
    var file: String
    /// Nil when both keys did not sign it, or it names another index.
    var record: KeyRotationRecord?
  }

  /// By index.
  var entries: [UInt64: Entry] = [:]
  /// First indexes of segments whose file could not be read so far: damage, which is reported as such.
  var unreadable: Set<UInt64> = []
  /// Rotations that nothing but the directory's keys tell of yet: their segments were removed.
  var unconfirmed: Set<UInt64> = []
  /// Indexes of those that were told to be wrong already.
  var refused: Set<UInt64> = []
}

extension LogCheck {
  // MARK: Before the segments are read

  /// Finds the origin keys and when each was in force: from the entries that begin segments, and, where those
  /// were removed, from the directory's own keys, which copies of those entries must confirm.
  mutating func traceRotations(_ files: LogFiles, _ own: LogKeys?) {
    guard let trusted = report.key else { return }
    let kept = files.kept
    for segment in kept { lookForRotation(segment.firstIndex) }
    let start = kept.first?.firstIndex ?? 0
    let claimed = own?.rotations ?? []
    var keys = chain(from: own?.origins.first ?? eldest(before: trusted), claimed, start)
    if !keys.origins.contains(trusted) { keys = chain(from: eldest(before: trusted), [], start) }
    report.logKeys = keys
    for entry in rotations.entries.values.sorted(by: { $0.index < $1.index }) { judge(entry, keys) }
    if let own, keys.origins.contains(own.origin) || own.origins.contains(trusted) {
      judgeOwnKeys(own, keys, kept.last)
    }
    for former in options.formerKeys where !keys.former.contains(former) {
      let text =
        "the key \(former.key), which was given as a former one until entry \(former.end), was not this log's "
        + "until then"
      add(Finding(.badKey, file: FileNames.verifierKey, text))
    }
  }

  /// The keys that follow on the first, by the entries that are here and by the `claimed` rotations before.
  private mutating func chain(
    from first: VerifierKey, _ claimed: [KeyRotation], _ start: UInt64
  ) -> LogKeys {
    var keys = LogKeys(origin: first)
    rotations.unconfirmed = []
    let here = rotations.entries.values.compactMap { $0.record?.rotation }
    for rotation in (here + claimed).sorted(by: { $0.index < $1.index }) {
      let isHere = rotations.entries[rotation.index]?.record?.rotation == rotation
      let isOutOfSight = rotation.index < start || rotations.unreadable.contains(rotation.index)
      guard isHere || isOutOfSight, keys.isFollowed(by: rotation) else { continue }
      keys.rotate(rotation)
      if !isHere, rotation.index < start { rotations.unconfirmed.insert(rotation.index) }
    }
    return keys
  }

  /// The key that others gave way to until it was that one's turn.
  private func eldest(before key: VerifierKey) -> VerifierKey {
    var key = key
    let here = rotations.entries.values.compactMap { $0.record?.rotation }.sorted { $0.index > $1.index }
    for rotation in here where rotation.new == key { key = rotation.old }
    return key
  }

  private mutating func judge(_ entry: RotationTrace.Entry, _ keys: LogKeys) {
    if let rotation = entry.record?.rotation, keys.rotations.contains(rotation) { return }
    rotations.refused.insert(entry.index)
    let fault =
      entry.record == nil
      ? "is not signed by both of them, or is not about this entry"
      : "does not follow the key that was in force"
    let text = "the entry that replaces the log's key by another \(fault): nobody may follow it"
    add(Finding(.badSignature, file: entry.file, entries: entry.index..<entry.index + 1, text))
  }

  /// The directory's keys must be what the log proves. Only a rotation at its very end may be missing there: one
  /// that is under way, or was interrupted.
  private mutating func judgeOwnKeys(_ own: LogKeys, _ keys: LogKeys, _ newest: LogFiles.Segment?) {
    let name = FileNames.verifierKey
    for rotation in keys.rotations where !own.rotations.contains(rotation) {
      if rotation.index == newest?.firstIndex, !(newest?.kinds.contains(.seal) ?? false) {
        if WriterLock.isHeld(log.directory) { continue }
        let text =
          "the key was replaced at entry \(rotation.index), in the middle of which the writer died; "
          + "the next one does the rest"
        add(Finding(.leftOver, .note, file: name, text))
      } else {
        let text = "the file does not tell that the key was replaced at entry \(rotation.index); restore it"
        add(Finding(.badKey, file: name, text))
      }
    }
    for rotation in own.rotations where !keys.rotations.contains(rotation) {
      let text =
        "the file says that the key was replaced at entry \(rotation.index), but no entry there says so"
      add(Finding(.badKey, file: name, text))
    }
  }

  /// Looks whether the segment begins with an entry that replaces the key: in a block of its own, so that
  /// nothing else need be read.
  private mutating func lookForRotation(_ firstIndex: UInt64) {
    for kind in [FileNames.Kind.segment, .open, .rewrite, .segment] {
      do throws(SystemError) {
        let source = try SegmentSource(log, FileNames.name(firstIndex, kind))
        switch try Self.firstBlock(source) {
        case .unreadable: rotations.unreadable.insert(firstIndex)
        case .other: break
        case .control(let json, let time):
          guard json["type"]?.string == KeyRotationRecord.type else { return }
          let record = KeyRotationRecord(json)
          let index = record?.rotation.index
          // A copy of an earlier one is judged with all other entries.
          if let index, index < firstIndex { return }
          rotations.entries[firstIndex] = RotationTrace.Entry(
            index: firstIndex, time: time, file: source.name, record: index == firstIndex ? record : nil)
        }
        return
      } catch {
        if error.errno == .noSuchFile { continue }
        break
      }
    }
    rotations.unreadable.insert(firstIndex)
  }

  private enum FirstBlock {
    case unreadable
    case other
    /// The one entry of the block, and its time.
    case control(JSONValue, Int64)
  }

  private static func firstBlock(_ source: SegmentSource) throws(SystemError) -> FirstBlock {
    var bytes = ByteBuffer()
    try source.read(SegmentHeader.sizeLimit, at: 0, into: &bytes)
    guard let (header, size, _) = try? SegmentHeader.decode(bytes.view) else { return .unreadable }
    var offset = size
    if header.isAmended {
      try source.read(SaltTable.frontSize, at: offset, into: &bytes)
      offset += (try? SaltTable.byteCount(bytes.view)) ?? 0
    }
    try source.read(BlockHeader.sizeLimit, at: offset, into: &bytes)
    guard let block = try? BlockHeader(bytes.view) else { return .unreadable }
    guard block.contents.count == 1, !block.isEncrypted, block.storedByteCount <= Self.firstBlockLimit
    else { return .other }
    try source.read(block.storedByteCount, at: offset + block.size, into: &bytes)
    do throws(DecodeError) {
      var decoded = try DecodedBlock(bytes.view, count: 1, rawByteCount: block.contents.rawByteCount)
      try decoded.loadAll()
      guard decoded.metadata(0).kind == .control else { return .other }
      var raw = ByteBuffer()
      try decoded.print(0, to: &raw)
      return .control((try? JSONValue(parsing: raw.view)) ?? .null, decoded.metadata(0).time)
    } catch { return .unreadable }
  }

  /// A block with a rotation stores two kilobytes and a reason.
  private static var firstBlockLimit: Int { 512 << 10 }

  /// Takes in a rotation that came while the log is being read; false when there was none.
  mutating func followNewRotations() -> Bool {
    guard let known = report.logKeys, let newer = try? log.keys() else { return false }
    var keys = known
    for rotation in newer.rotations where keys.isFollowed(by: rotation) {
      lookForRotation(rotation.index)
      guard rotations.entries[rotation.index]?.record?.rotation == rotation else { continue }
      keys.rotate(rotation)
    }
    if keys == known { return false }
    report.logKeys = keys
    return true
  }

  // MARK: As the entries are read

  /// Every entry about the origin key must be one that was followed, or a copy of such a one.
  mutating func followRotations(_ items: [ControlItem], _ running: RunningSegment) {
    guard report.logKeys != nil else { return }
    for item in items where item.type == KeyRotationRecord.type && item.index < running.endIndex {
      if rotations.refused.contains(item.index) { continue }
      var text = "an entry about another key of the log is not signed by both keys"
      if let rotation = KeyRotationRecord(item.json)?.rotation {
        let isItself = rotation.index == item.index && item.index == running.firstIndex
        _ = isItself && followNewRotations()
        let isKnown = report.logKeys?.rotations.contains(rotation) ?? false
        if isKnown, isItself { continue }
        if isKnown, rotation.index < item.index {
          rotations.unconfirmed.remove(rotation.index)
          continue
        }
        text =
          rotation.index < item.index
          ? "a copy of the entry that replaced the log's key is not one of an entry that was there"
          : "an entry that replaces the log's key does not stand where its note says, at the start of a segment"
      }
      add(
        Finding(.badSignature, file: running.name, entries: item.index..<item.index + 1, text))
    }
  }

  /// Says which keys the log has had, once all of it was read.
  mutating func judgeRotations(_ files: LogFiles) {
    confirmRotations()
    for index in rotations.unconfirmed.sorted() {
      let text =
        "the file says that the key was replaced at entry \(index), whose segment was removed, but no copy of "
        + "that entry in the log says so"
      add(Finding(.badKey, file: FileNames.verifierKey, text))
    }
    for rotation in report.logKeys?.rotations ?? [] where !rotations.unconfirmed.contains(rotation.index) {
      let index = rotation.index
      let entry = rotations.entries[index]
      let when = entry.map { " (\(Timestamp.text($0.time, digits: 0)))" } ?? ""
      let why = entry?.record?.reason.map { ", for: \($0)" } ?? ""
      let text =
        "the log's key \(rotation.old) gave way to \(rotation.new) at entry \(index)\(when), as both "
        + "signed\(why)"
      add(Finding(.keyRotation, .note, file: entry?.file, entries: index..<index + 1, text))
    }
  }

  /// Looks for copies in segments that were not decoded.
  private mutating func confirmRotations() {
    guard !rotations.unconfirmed.isEmpty, let keys = report.logKeys,
      report.decodedEntries < report.entries.count,
      let reader = try? LogReader(log.path, keys: keys)
    else { return }
    var wanted = rotations.unconfirmed
    try? reader.controlEntries(of: [KeyRotationRecord.type]) { index, json in
      if let rotation = KeyRotationRecord(json)?.rotation, rotation.index < index,
        keys.rotations.contains(rotation)
      {
        wanted.remove(rotation.index)
      }
      return !wanted.isEmpty
    }
    rotations.unconfirmed = wanted
  }
}
