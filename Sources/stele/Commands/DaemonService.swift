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
    for account in daemon.unstoredBefore {
      logger.error("\(Self.said(account))", metadata: NotableMessage.lost.metadata)
    }
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
    if daemon.status.writing.hasFailed {
      // The less is read now, the less is lost: what stays in the sockets may wait there for the next process.
      daemon.stopReceiving()
      logger.info("stopping")
    } else {
      logger.info("stopping: storing what was received")
    }
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
        "stopped: nothing from entry \(index) on is stored\(daemon.unstored.map(Self.left) ?? "")",
        metadata: NotableMessage.writingFailed.metadata.merging(["index": "\(index)"]) { $1 })
      throw Ending(outcome: Outcome(error))
    }
    logger.info("stopped: everything received is stored and sealed")
  }
}

extension DaemonService {
  /// What the run before left, and what became of it.
  static func said(_ account: UnstoredAccount.Report) -> String {
    let path = account.path ?? ""
    if let error = account.error {
      let mend =
        account.isAside ? "It was put aside under this name" : "Mend that and start again, or remove the file"
      return
        "what a run before received and lost stands in \(path), and that cannot be read: \(error). \(mend)"
    }
    return
      "a run before was killed, or could not write. Received and lost: \(account.messages); the log says so now"
  }

  /// What this run leaves to the next.
  static func left(_ account: UnstoredAccount.Report) -> String {
    let lost =
      account.lost.isEmpty
      ? "; no message was received that is not" : "; received and lost: at most \(account.messages)"
    guard let error = account.error else {
      return lost + ". \(account.path ?? "") keeps the account, which the log gets at the next start"
    }
    return lost + ". That cannot be kept for the next start to say in the log: \(error)"
  }

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
