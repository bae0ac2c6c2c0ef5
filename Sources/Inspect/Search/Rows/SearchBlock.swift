import Bytes
import Cryptography
import Events
import Segments

/// One block of a log, as whoever reads the segments hands it to a search.
public struct SearchBlock: Sendable {
  /// The stored bytes. They must outlive the search.
  public var payload: ByteView
  /// Number of entries.
  public var count: Int
  /// Bytes of all messages.
  public var rawByteCount: Int
  /// Index of the first entry in the log.
  public var firstIndex: UInt64
  /// Earliest and latest receive time, nanoseconds since 1970 UTC.
  public var firstTime: Int64
  public var lastTime: Int64
  /// How the stored bytes are encrypted; nil when they are not.
  var encryption: Encryption?

  struct Encryption: Sendable {
    var segment: SegmentID
    var key: SegmentKey
  }
  /// Rows whose content was erased.
  public var erased: [UInt32]
  /// So many rows at the begin are not looked at.
  public var skipped = 0

  public init(
    payload: ByteView, count: Int, rawByteCount: Int, firstIndex: UInt64, firstTime: Int64, lastTime: Int64,
    erased: [UInt32] = []
  ) {
    self.payload = payload
    self.count = count
    self.rawByteCount = rawByteCount
    self.firstIndex = firstIndex
    self.firstTime = firstTime
    self.lastTime = lastTime
    self.erased = erased
  }
}

/// The zones of stamps that name none.
public struct SourceZones: Sendable {
  /// Of sources that are not named.
  public var other: Zone
  /// By the source's name.
  public var named: [String: Zone]

  public init(other: Zone = .utc, named: [String: Zone] = [:]) {
    self.other = other
    self.named = named
  }

  subscript(source: String) -> Zone { named[source] ?? other }
}
