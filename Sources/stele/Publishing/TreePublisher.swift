import Cryptography
import Inspect
import MerkleLog
import SegmentReader
import ServiceLifecycle
import Synchronization

/// Exports a log's tree again and again. Ends with the first error: what is served stays what it was.
final class TreePublisher: Service {
  private let log: String
  /// Reads what was encrypted to it.
  private let recipient: RecipientKey?
  private let tree: String
  /// Nanoseconds.
  private let interval: Int64
  private let last = Mutex<SignedCheckpoint?>(nil)

  init(log: String, recipient: RecipientKey?, tree: String, interval: Int64) {
    self.log = log
    self.recipient = recipient
    self.tree = tree
    self.interval = interval
  }

  func run() async throws {
    try await cancelWhenGracefulShutdown {
      while (try? await Task.sleep(for: .nanoseconds(self.interval))) != nil {
        try await onThread("stele-export") { try self.export() }
      }
    }
  }

  /// Brings the exported tree up to date, if there is a checkpoint that was not exported yet.
  func export() throws {
    let reader = try LogReader(log, recipient: recipient)
    if let checkpoint = reader.checkpoint, last.withLock({ $0 == checkpoint }) { return }
    _ = try TreeExport.run(reader, to: tree)
    last.withLock { $0 = reader.checkpoint }
  }
}
