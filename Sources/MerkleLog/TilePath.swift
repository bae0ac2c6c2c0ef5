import Bytes

/// The path of one tile under a log's prefix (C2SP tlog-tiles): `tile/<level>/<index>[.p/<width>]` for
/// hashes, `tile/entries/<index>[.p/<width>]` for entry bundles. The index is written in groups of three
/// digits, all but the last after an `x`: 1234067 is `x001/x234/067`.
public struct TilePath: Hashable, Sendable {
  /// Hashes, or entries, in a full tile.
  public static let fullWidth = 256

  public enum Kind: Hashable, Sendable {
    /// Hashes of subtrees of `256^level` leaves; 0 to 63.
    case hashes(level: Int)
    /// A bundle of entries.
    case entries
  }

  public let kind: Kind
  /// Number of tiles of the same kind to its left.
  public let index: UInt64
  /// Hashes or entries in the tile, 1 to 256. Below 256 the tile is partial.
  public let width: Int

  /// A path. Traps on a level or width out of range.
  public init(_ kind: Kind, index: UInt64, width: Int = fullWidth) {
    if case .hashes(let level) = kind { precondition((0...63).contains(level)) }
    precondition((1...Self.fullWidth).contains(width))
    self.kind = kind
    self.index = index
    self.width = width
  }

  /// Number of full tiles at `level` in a tree of `size` leaves.
  public static func fullTiles(level: Int, size: UInt64) -> UInt64 { hashes(level: level, size: size) >> 8 }

  /// Hashes in the partial tile at `level` in a tree of `size` leaves; 0 when there is none.
  public static func partialWidth(level: Int, size: UInt64) -> Int {
    Int(hashes(level: level, size: size) & 255)
  }

  private static func hashes(level: Int, size: UInt64) -> UInt64 {
    precondition((0...63).contains(level))
    return size >> UInt64(8 * level)
  }

  /// The hash tile to read for the subtree of `2^level` leaves with this index, and which of its hashes to
  /// fold: one, or a power of two of them.
  public static func place(
    level: Int, index: UInt64
  ) -> (tileLevel: Int, tileIndex: UInt64, hashes: Range<Int>) {
    let width = 1 << (level % 8)
    let first = index << UInt64(level % 8)
    let start = Int(first & 255)
    return (level / 8, first >> 8, start..<(start + width))
  }

  /// Reads a path, strictly: every other spelling of a tile is refused, with the offset.
  public init(_ path: ByteView) throws(DecodeError) {
    var reader = ByteReader(path)
    try reader.expect("tile/")
    let kind: Kind
    if (try? reader.expect("entries/")) != nil {
      kind = .entries
    } else {
      let start = reader.offset
      let level = try reader.decimal(digits: 2)
      guard level <= 63 else { throw DecodeError(.invalid, at: start) }
      kind = .hashes(level: Int(level))
      try reader.expect("/")
    }
    let index = try Self.index(&reader)
    var width = UInt64(Self.fullWidth)
    if reader.remaining > 0 {
      try reader.expect(".p/")
      let start = reader.offset
      width = try reader.decimal(digits: 3)
      guard (1..<UInt64(Self.fullWidth)).contains(width) else { throw DecodeError(.invalid, at: start) }
    }
    try reader.expectEnd()
    self.init(kind, index: index, width: Int(width))
  }

  private static func index(_ reader: inout ByteReader) throws(DecodeError) -> UInt64 {
    var index: UInt64 = 0
    let start = reader.offset
    while true {
      let isLast = (try? reader.expect("x")) == nil
      var group: UInt64 = 0
      let place = reader.offset
      for _ in 0..<3 {
        let digit = try reader.byte() &- UInt8(ascii: "0")
        guard digit < 10 else { throw DecodeError(.invalid, at: reader.offset - 1) }
        group = group * 10 + UInt64(digit)
      }
      if place == start + 1, group == 0 { throw DecodeError(.invalid, at: start) }
      let (scaled, overflow) = index.multipliedReportingOverflow(by: 1000)
      let (sum, carry) = scaled.addingReportingOverflow(group)
      if overflow || carry { throw DecodeError(.invalid, at: start) }
      index = sum
      if isLast { return index }
      try reader.expect("/")
    }
  }
}

extension TilePath: CustomStringConvertible {
  /// The path, relative to the log's prefix.
  public var description: String {
    var groups = [Self.digits(index % 1000)]
    var rest = index / 1000
    while rest > 0 {
      groups.append("x" + Self.digits(rest % 1000))
      rest /= 1000
    }
    let folder =
      switch kind {
      case .hashes(let level): "tile/\(level)/"
      case .entries: "tile/entries/"
      }
    return folder + groups.reversed().joined(separator: "/") + (width < Self.fullWidth ? ".p/\(width)" : "")
  }

  private static func digits(_ group: UInt64) -> String {
    String(repeating: "0", count: group < 10 ? 2 : group < 100 ? 1 : 0) + String(group)
  }
}
