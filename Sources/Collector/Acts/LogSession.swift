import MerkleLog
import Platform
import SegmentWriter

/// Whoever can write into a log at this moment: the holder of its lock, or the daemon that holds it, over its
/// control channel. Commands that record something work through one of these, and so beside a daemon too.
public protocol LogSession: AnyObject {
  /// Appends entries of Stele itself, each one object of JSON, and waits until a checkpoint covers them.
  /// Returns the index behind the last.
  @discardableResult func record(_ texts: [String]) throws(WriteError) -> UInt64

  /// Ends the segment that is being written, and waits until it is sealed.
  func finishSegment() throws(WriteError)

  /// Replaces the log's origin key, and says why in the log. The key is made where the log is written, or stands
  /// in a file, whose path is absolute.
  func rotate(to key: NextKeySource, reason: String?) throws(WriteError) -> RotationOutcome

  /// Gives the log back.
  func close() throws(WriteError)
}

/// The holder of the log's lock.
public final class WriterSession: LogSession {
  private let writer: LogWriter

  public init(_ writer: LogWriter) { self.writer = writer }

  /// What opening the log found and cut off.
  public var recovery: RecoveryReport { writer.recovery }

  @discardableResult public func record(_ texts: [String]) throws(WriteError) -> UInt64 {
    let end = writer.tree.size + UInt64(texts.count)
    try writer.checkpoint(recording: texts, carryingPositions: !writer.positions.isEmpty)
    return end
  }

  public func finishSegment() throws(WriteError) {
    try writer.finishSegment()
    try writer.waitForSeals()
  }

  public func rotate(to key: NextKeySource, reason: String?) throws(WriteError) -> RotationOutcome {
    let next = try NextKey(directory: writer.path, keyPath: writer.keyPath, key)
    return try writer.rotate(to: next, reason: reason)
  }

  public func close() throws(WriteError) { try writer.close() }
}

extension LogOpening {
  /// Takes the log's lock, or, where a daemon has it, connects to that daemon.
  public static func session(
    directory: String, keyPath: String, options: WriterOptions = WriterOptions()
  ) throws(WriteError) -> any LogSession {
    do throws(WriteError) {
      return WriterSession(try open(directory: directory, keyPath: keyPath, options: options))
    } catch {
      guard case .locked = error, let session = try ChannelSession(directory) else { throw error }
      return session
    }
  }
}

/// The daemon's own access to the log that it writes.
final class PipelineSession: LogSession, Sendable {
  private let pipeline: Pipeline

  init(_ pipeline: Pipeline) { self.pipeline = pipeline }

  @discardableResult func record(_ texts: [String]) throws(WriteError) -> UInt64 {
    try pipeline.recordCheckpointed(texts)
  }

  func finishSegment() throws(WriteError) { try pipeline.finishSegment() }

  func rotate(to key: NextKeySource, reason: String?) throws(WriteError) -> RotationOutcome {
    try pipeline.rotate(to: key, reason: reason)
  }

  func close() {}
}
