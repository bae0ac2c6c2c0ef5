import Collector
import Logging
import Platform
import SegmentWriter
import Segments
import ServiceLifecycle

/// The daemon as a service: from the first socket to the last seal.
struct DaemonService: Service {
  let daemon: Daemon
  /// Yields when writing has failed.
  let failures: AsyncStream<Void>
  let logger: Logger
  /// What works beside the daemon, with the log that it writes.
  var background: [BackgroundThread] = []
  /// The same, of what a reload replaces.
  let companions: Companions

  func run() async throws {
    let recovered = daemon.recovered
    if recovered.tornBytes > 0 || recovered.unfinishedSegments > 0 {
      logger.notice(
        """
        the last run did not end well: \(recovered.unfinishedSegments) segments are being sealed now, \
        \(recovered.tornBytes) bytes that no checkpoint covers were moved to a .torn file
        """, metadata: NotableMessage.recovered.metadata)
    }
    if let reason = recovered.keyEpoch {
      logger.critical("\(Self.meaning(reason))", metadata: NotableMessage.keyEpoch.metadata)
    }
    if let lost = recovered.unreadSegmentsText { logger.warning("\(lost)") }
    try daemon.start()
    for input in daemon.status.inputs {
      let verb = input.url.hasPrefix("file:") ? "following" : "listening on"
      logger.info("source \(input.name): \(verb) \(input.url)", metadata: ["source": "\(input.name)"])
    }
    for socket in InheritedSockets.ofProcess.unclaimed {
      logger.warning(
        """
        nobody reads the \(socket) that the service manager opened: no source listens at this address; change the \
        source's listen: or the unit's Listen…= so that they name the same
        """, metadata: NotableMessage.unclaimedSocket.metadata)
    }
    let manager = ServiceManager()
    manager?.notify("READY=1")
    for thread in background { try thread.start() }
    try companions.start()
    await cancelWhenGracefulShutdown {
      for await _ in failures { break }
    }
    logger.info("stopping: storing what was received")
    manager?.notify("STOPPING=1")
    let daemon = daemon
    do {
      try await onThread("stele-stop") { [background, companions] in
        for thread in background { thread.stop() }
        companions.stop()
        try ServiceManager.patiently("storing and sealing what was received") { try daemon.stop() }
      }
    } catch {
      // What failed has been logged when it did.
      let index = daemon.status.durableIndex
      logger.critical(
        "stopped: nothing from entry \(index) on is stored",
        metadata: NotableMessage.writingFailed.metadata.merging(["index": "\(index)"]) { $1 })
      throw Ending(outcome: Outcome(error))
    }
    logger.info("stopped: everything received is stored and sealed")
  }
}

extension DaemonService {
  /// What it means that the chain of one-time keys had to begin anew.
  static func meaning(_ reason: KeyEpochRecord.Reason) -> String {
    let cause =
      switch reason {
      case .lost: "the one-time key that was to sign the next checkpoint is not in the key store"
      case .restored: "the log is older than its key store: it was restored from a copy, or set back"
      case .requested: "it was asked for"
      }
    return """
      a new epoch of one-time keys begins: \(cause). From here on the log is as safe as ever, but that nobody wrote \
      again what stands before, only copies, kept checkpoints and witnesses show; `stele verify` reports it (status \
      3). If nobody restored files on this host, find out who did
      """
  }
}

/// Runs what blocks on a thread of its own, for the concurrency runtime has only a few.
func onThread<R: Sendable>(_ name: String, _ body: @escaping @Sendable () throws -> R) async throws
  -> R
{
  try await withCheckedThrowingContinuation { continuation in
    do {
      _ = try Thread(name: name, stackSize: 1 << 20) { continuation.resume(with: Result { try body() }) }
    } catch { continuation.resume(throwing: error) }
  }
}
