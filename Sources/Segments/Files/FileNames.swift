/// Names of the files in a log directory.
public enum FileNames {
  /// The log's verifier key, one line.
  public static let verifierKey = "vkey"
  /// The newest signed checkpoint.
  public static let checkpoint = "checkpoint"
  /// The newest checkpoint with enough cosignatures of witnesses.
  public static let cosigned = "cosigned"
  /// Room that is set aside on the disk; it holds nothing.
  public static let reserve = "reserve"
  /// Hash tiles, a cache.
  public static let tiles = "tile"

  /// What a file that belongs to a segment holds.
  public enum Kind: String, CaseIterable, Sendable {
    /// A segment that is being written, or was when the writer died.
    case open
    /// A finished segment.
    case segment
    /// The signed statement about a finished segment.
    case seal
    /// The key of a segment's encrypted blocks, encrypted to those who may read them.
    case cms
    /// Blocks of an open segment joined into larger ones, until that file takes the open one's place.
    case rewrite
    /// The signed statement about a finished segment that entries were erased from.
    case amendment
    /// Bytes behind the last whole block, cut off by recovery.
    case torn
  }

  private static let digits = 20

  /// The file of the segment whose first entry has that index: twenty digits, a point, the kind.
  public static func name(_ firstIndex: UInt64, _ kind: Kind) -> String {
    let number = String(firstIndex)
    return String(repeating: "0", count: digits - number.utf8.count) + number + "." + kind.rawValue
  }

  /// The first index and kind that a file's name says, or nil when it is no segment's file.
  public static func parse(_ name: String) -> (firstIndex: UInt64, kind: Kind)? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].utf8.count == digits, let index = UInt64(parts[0]),
      let kind = Kind(rawValue: String(parts[1])), self.name(index, kind) == name
    else { return nil }
    return (index, kind)
  }
}
