import Segments

/// The files of a log's directory, as their names say.
public struct LogFiles: Equatable, Sendable {
  /// What there is of one segment.
  public struct Segment: Equatable, Sendable {
    public var firstIndex: UInt64
    public var kinds: Set<FileNames.Kind>

    /// A segment of which there are files of these kinds.
    public init(firstIndex: UInt64, kinds: Set<FileNames.Kind>) {
      self.firstIndex = firstIndex
      self.kinds = kinds
    }

    /// Whether a file with entries is there, or should be: torn bytes, or a key that a
    /// crash left alone, are no segment.
    public var holdsEntries: Bool { !kinds.subtracting([.torn, .cms]).isEmpty }
  }

  /// The segments whose entries are here, or should be: without those at the front of which only the seal is
  /// left.
  public var kept: ArraySlice<Segment> {
    let holding = segments.filter(\.holdsEntries)
    return holding.drop { $0.kinds.isDisjoint(with: [.segment, .open, .rewrite]) }
  }

  /// By first index.
  public private(set) var segments: [Segment] = []
  public private(set) var hasVerifierKey = false
  public private(set) var hasCheckpoint = false
  public private(set) var hasTiles = false
  /// Timestamp tokens.
  public private(set) var timestamps: [TimestampName] = []
  /// What a file was being replaced by when the writer died: `checkpoint.new`.
  public private(set) var temporary: [String] = []
  /// Names that no log has.
  public private(set) var unknown: [String] = []

  /// Sorts names; those of the tile cache below `tile` are not among them.
  public init(_ names: [String]) {
    var kinds: [UInt64: Set<FileNames.Kind>] = [:]
    for name in names {
      if let (index, kind) = FileNames.parse(name) {
        kinds[index, default: []].insert(kind)
      } else if name == FileNames.verifierKey {
        hasVerifierKey = true
      } else if name == FileNames.checkpoint {
        hasCheckpoint = true
      } else if name == FileNames.cosigned || name == FileNames.reserve {
        continue
      } else if name == FileNames.tiles {
        hasTiles = true
      } else if let timestamp = TimestampName(name) {
        timestamps.append(timestamp)
      } else if Self.isTemporary(name) {
        temporary.append(name)
      } else {
        unknown.append(name)
      }
    }
    segments = kinds.map { Segment(firstIndex: $0.key, kinds: $0.value) }
    segments.sort { $0.firstIndex < $1.firstIndex }
  }

  private static func isTemporary(_ name: String) -> Bool {
    guard name.hasSuffix(".new") else { return false }
    let target = String(name.dropLast(4))
    return [FileNames.verifierKey, FileNames.checkpoint, FileNames.cosigned].contains(target)
      || FileNames.parse(target) != nil || TimestampName(target) != nil
  }
}
