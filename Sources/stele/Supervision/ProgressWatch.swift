/// Whether a daemon gets on with what it has: a process that runs but stores nothing is no better than one that
/// has died, and a service manager can only help if it is not told otherwise.
struct ProgressWatch {
  private var durable: UInt64?

  /// Whether something became durable since the last time, or nothing waits for it.
  /// - Parameters:
  ///   - index: behind the last entry that survives a power loss.
  ///   - waiting: entries that were received and do not survive it yet.
  mutating func isProgress(durable index: UInt64, waiting: UInt64) -> Bool {
    defer { durable = index }
    return waiting == 0 || index != durable
  }
}
