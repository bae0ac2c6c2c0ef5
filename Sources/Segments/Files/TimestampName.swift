import MerkleLog

/// The name of a file with a timestamp token, and so what the token is over.
public enum TimestampName: Hashable, Sendable {
  /// `NNN.tsr`: the text of the seal of the segment with that first index.
  case seal(firstIndex: UInt64)
  /// `checkpoint-SIZE.tsr`: the text of a checkpoint of that size, three lines.
  case checkpoint(size: UInt64)

  private static let suffix = ".tsr"

  /// The file's name.
  public var file: String {
    switch self {
    case .seal(let firstIndex):
      String(FileNames.name(firstIndex, .seal).dropLast(FileNames.Kind.seal.rawValue.utf8.count + 1))
        + Self.suffix
    case .checkpoint(let size): "\(FileNames.checkpoint)-\(size)\(Self.suffix)"
    }
  }

  /// Nil when the name is not one of these.
  public init?(_ file: String) {
    guard file.hasSuffix(Self.suffix) else { return nil }
    let stem = file.dropLast(Self.suffix.utf8.count)
    let prefix = FileNames.checkpoint + "-"
    if stem.hasPrefix(prefix), let size = UInt64(stem.dropFirst(prefix.utf8.count)) {
      self = .checkpoint(size: size)
    } else if let firstIndex = UInt64(stem) {
      self = .seal(firstIndex: firstIndex)
    } else {
      return nil
    }
    if self.file != file { return nil }
  }
}
