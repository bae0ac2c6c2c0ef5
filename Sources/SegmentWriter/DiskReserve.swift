import Platform
import Segments
import Synchronization

/// Room on the log's file system for the last things that a writer has to write: what has its place in the log
/// already, a checkpoint, a seal. A file `reserve` of allocated blocks holds it (its size stays 0, so that copies
/// of the directory do not grow), and is removed when the room is needed.
public final class DiskReserve: Sendable {
  static let name = FileNames.reserve
  private let size: Atomic<Int>

  init(byteCount: Int) { size = Atomic(byteCount) }

  /// Bytes; 0: nothing is kept, and there is always room. May be set by any thread: the writer's asks.
  public var byteCount: Int {
    get { size.load(ordering: .relaxed) }
    set { size.store(newValue, ordering: .relaxed) }
  }

  /// Whether less is free for this process's user than what is to be kept.
  func isShort(_ directory: borrowing Directory) throws(SystemError) -> Bool {
    if byteCount == 0 { return false }
    return try Int(directory.space().free) < byteCount
  }

  /// Sets the room aside where there is three times as much, and the file system can allocate blocks ahead. What
  /// is free when a shortage begins must do elsewhere.
  func keep(_ directory: borrowing Directory) throws(SystemError) {
    guard byteCount > 0, try directory.status(of: Self.name) == nil,
      try Int(directory.space().free) >= 3 * byteCount
    else { return }
    let file = try directory.createFile(Self.name)
    do throws(SystemError) {
      if try !file.allocate(byteCount, at: 0) { try directory.remove(Self.name) }
    } catch { try directory.remove(Self.name) }
  }

  /// Gives the room back; false when none was kept.
  @discardableResult func release(_ directory: borrowing Directory) throws(SystemError) -> Bool {
    try directory.remove(Self.name)
  }
}

extension LogWriter {
  /// Bytes that are free for this process on the log's file system.
  public var availableBytes: Int {
    get throws(WriteError) { try system { () throws(SystemError) in try Int(directory.space().free) } }
  }

  /// Keeps room for the end, if there is enough; to be called again when there is room after a shortage.
  public func keepReserve() throws(WriteError) {
    try system { () throws(SystemError) in try reserve.keep(directory) }
  }

  /// Gives up the room that was kept, so that what is still to be written finds some.
  public func releaseReserve() throws(WriteError) {
    _ = try system { () throws(SystemError) in try reserve.release(directory) }
  }
}
