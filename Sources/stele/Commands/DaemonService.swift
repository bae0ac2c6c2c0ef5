import Collector
import Logging
import Platform
import SegmentWriter
import ServiceLifecycle

/// The daemon as a service: from the first socket to the last seal.
struct DaemonService: Service {
  let daemon: Daemon
  /// Yields when writing has failed.
  let failures: AsyncStream<Void>
  let logger: Logger

  func run() async throws {
    let recovered = daemon.recovered
    if recovered.tornBytes > 0 || recovered.unfinishedSegments > 0 {
      logger.notice(
        """
        the last run did not end well: \(recovered.unfinishedSegments) segments are being sealed now, \
        \(recovered.tornBytes) bytes that no checkpoint covers were moved to a .torn file
        """)
    }
    try daemon.start()
    for input in daemon.status.inputs { logger.info("source \(input.name): listening on \(input.url)") }
    let manager = ServiceManager()
    manager?.notify("READY=1\nSTATUS=\(daemon.status.inputs.count) sources")
    await cancelWhenGracefulShutdown {
      for await _ in failures { break }
    }
    logger.info("stopping: storing what was received")
    manager?.notify("STOPPING=1")
    let daemon = daemon
    do { try await onThread("stele-stop") { try daemon.stop() } } catch {
      // What failed has been logged when it did.
      logger.critical("stopped: nothing from entry \(daemon.status.durableIndex) on is stored")
      throw Ending(outcome: Outcome(error))
    }
    logger.info("stopped: everything received is stored and sealed")
  }
}

/// Runs what blocks on a thread of its own, for the concurrency runtime has only a few.
private func onThread<R: Sendable>(_ name: String, _ body: @escaping @Sendable () throws -> R) async throws
  -> R
{
  try await withCheckedThrowingContinuation { continuation in
    do {
      _ = try Thread(name: name, stackSize: 1 << 20) { continuation.resume(with: Result { try body() }) }
    } catch { continuation.resume(throwing: error) }
  }
}
