import Bytes

/// The rules by which a wall clock tells UTC: what a source's `timezone` names.
public struct Zone: Equatable, Sendable {
  /// Moments (seconds since 1970) at which the offset changes, ascending, and the offset from each on.
  var changes: [Change] = []
  /// Offset before the first change.
  var first = 0
  /// What holds from the last change on; nil when its offset stays.
  var rule: ZoneRule?

  struct Change: Equatable {
    var moment: Int64
    /// Seconds east of UTC.
    var offset: Int
  }

  /// Coordinated universal time.
  public static let utc = Zone(offset: 0)

  /// A zone that never changes, `offset` seconds east of UTC.
  public init(offset: Int) { first = offset }

  /// Reads `UTC`, `Z` or `±hh:mm`; nil for anything else (a name like `Europe/Paris`, whose file the caller
  /// reads).
  public init?(_ text: String) {
    if text == "UTC" || text == "Z" {
      self = .utc
      return
    }
    guard let stamp = Array("1970-01-01T00:00:00\(text)".utf8).withView({ Stamp(iso: $0) }),
      let offset = stamp.offset
    else { return nil }
    self.init(offset: offset)
  }

  /// Seconds east of UTC at a moment (seconds since 1970).
  public func offset(at moment: Int64) -> Int {
    guard let last = changes.last else { return rule?.offset(at: moment) ?? first }
    if moment >= last.moment { return rule?.offset(at: moment) ?? last.offset }
    var low = 0
    var high = changes.count
    while low < high {
      let middle = (low + high) / 2
      if changes[middle].moment <= moment { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? first : changes[low - 1].offset
  }

  /// The moment at which clocks here showed `wall` (seconds from 1970 to that wall clock).
  ///
  /// In the hour that daylight saving repeats there are two: the one nearer to `near` is taken. In the hour
  /// it skips there is none: the clock is read as if it had not been set forward. Neither is certain.
  public func moment(wall: Int64, near: Int64) -> (seconds: Int64, certain: Bool) {
    let before = offset(at: wall - 86_400)
    let after = offset(at: wall + 86_400)
    let earlier = wall - Int64(before)
    if before == after, offset(at: earlier) == before { return (earlier, true) }
    let later = wall - Int64(after)
    switch (offset(at: earlier) == before, offset(at: later) == after) {
    case (true, false): return (earlier, true)
    case (false, true): return (later, true)
    case (false, false): return (earlier, false)
    case (true, true):
      return ((earlier - near).magnitude <= (later - near).magnitude ? earlier : later, false)
    }
  }
}

extension Zone {
  /// Reads a compiled zone file (TZif, RFC 8536), version 2 or later.
  public init(tzif file: ByteView) throws(DecodeError) {
    var reader = ByteReader(file)
    let old = try TZifHeader(&reader)
    guard old.version >= UInt8(ascii: "2") else { throw DecodeError(.unsupported, at: 4) }
    _ = try reader.bytes(old.dataSize(timeSize: 4))
    let header = try TZifHeader(&reader)
    guard header.types > 0, header.times <= 100_000, header.types <= 256 else { throw reader.error() }
    var moments: [Int64] = []
    for _ in 0..<header.times { moments.append(try reader.integer(Int64.self).byteSwapped) }
    let indices = try reader.bytes(header.times)
    var offsets: [Int] = []
    for _ in 0..<header.types {
      offsets.append(Int(try reader.integer(Int32.self).byteSwapped))
      _ = try reader.bytes(2)
    }
    _ = try reader.bytes(header.characters + header.leaps * 12 + header.standards + header.universals)
    first = offsets[0]
    for (position, moment) in moments.enumerated() {
      let index = Int(indices[position])
      guard index < offsets.count, position == 0 || moment > moments[position - 1] else {
        throw reader.error()
      }
      changes.append(Change(moment: moment, offset: offsets[index]))
    }
    guard try reader.byte() == UInt8(ascii: "\n") else { throw reader.error() }
    let footer = reader.view.dropFirst(reader.offset)
    guard let end = footer.find(UInt8(ascii: "\n")) else { throw reader.error(.truncated) }
    if end > 0 {
      guard let read = ZoneRule(footer.prefix(end)) else { throw reader.error() }
      rule = read
    }
  }
}

/// The counts at the head of each half of a TZif file.
private struct TZifHeader {
  let version: UInt8
  let universals: Int, standards: Int, leaps: Int, times: Int, types: Int, characters: Int

  init(_ reader: inout ByteReader) throws(DecodeError) {
    guard try reader.integer(UInt32.self) == 0x6669_5A54 else { throw DecodeError(.invalid, at: 0) }
    version = try reader.byte()
    _ = try reader.bytes(15)
    universals = try Self.count(&reader)
    standards = try Self.count(&reader)
    leaps = try Self.count(&reader)
    times = try Self.count(&reader)
    types = try Self.count(&reader)
    characters = try Self.count(&reader)
  }

  static func count(_ reader: inout ByteReader) throws(DecodeError) -> Int {
    Int(try reader.integer(UInt32.self).byteSwapped)
  }

  func dataSize(timeSize: Int) -> Int {
    times * timeSize + times + types * 6 + characters + leaps * (timeSize + 4) + standards + universals
  }
}
