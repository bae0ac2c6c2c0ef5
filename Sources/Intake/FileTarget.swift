import Segments

/// One source that is read from files.
struct FileTarget: Sendable {
  let source: UInt32
  let name: String
  let pattern: FilePattern
  let startsAtEnd: Bool
  let messageLimit: Int
  let counters: SourceCounters
  /// Its files have not all been looked at yet.
  var isFresh = true
  /// Nothing that its pattern names was stored when it came.
  var isNew = true

  init(_ source: Source, _ pattern: FilePattern, startsAtEnd: Bool, counters: SourceCounters) {
    self.source = source.id
    name = source.name
    self.pattern = pattern
    self.startsAtEnd = startsAtEnd
    messageLimit = source.messageLimit
    self.counters = counters
  }
}

/// What following files needs of the log.
public struct FileHistory: Sendable {
  /// How far files were stored when the log was opened.
  public var positions: [FilePosition]
  /// When the newest of those lines was received, nanoseconds since 1970 UTC; 0 when there is none.
  public var lastTime: Int64
  /// Writes an entry of Stele itself, behind everything submitted before.
  public var record: @Sendable (String) -> Void

  public init(
    positions: [FilePosition] = [], lastTime: Int64 = 0,
    record: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.positions = positions
    self.lastTime = lastTime
    self.record = record
  }
}
