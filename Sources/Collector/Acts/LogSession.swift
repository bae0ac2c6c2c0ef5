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

  /// Gives the log back.
  func close() throws(WriteError)
}

/// The holder of the log's lock.
public final class WriterSession: LogSession {
  private let writer: LogWriter

  public init(_ writer: LogWriter) { self.writer = writer }

  @discardableResult public func record(_ texts: [String]) throws(WriteError) -> UInt64 {
    try writer.append(control: texts)
    let end = writer.tree.size
    try writer.checkpoint()
    return end
  }

  public func finishSegment() throws(WriteError) {
    try writer.finishSegment()
    try writer.waitForSeals()
  }

  public func close() throws(WriteError) { try writer.close() }
}

extension LogOpening {
  /// Takes the log's lock, or, where a daemon has it, connects to that daemon.
  public static func session(directory: String, keyPath: String) throws(WriteError) -> any LogSession {
    do throws(WriteError) { return WriterSession(try open(directory: directory, keyPath: keyPath)) } catch {
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

  func close() {}
}
