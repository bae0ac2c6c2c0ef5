import Collector
import Events
import Logging
import Platform
import ServiceLifecycle
import TLS
import UnixSignals

/// Watches the certificates, keys and authorities of TLS sources, has changes taken over, and warns before
/// certificates expire.
///
/// Files are looked at every second, so that it makes no difference how they are replaced. They are read once they
/// have stayed the same for a second, for certificate and key are seldom replaced at the same moment; or at once on
/// SIGHUP.
struct CertificateWatch: Service {
  let daemon: Daemon
  let logger: Logger

  func run() async throws {
    let watched = WatchedCertificates()
    await withTaskGroup(of: Void.self) { group in
      let (wakes, wake) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingNewest(2))
      group.addTask {
        wake.yield(false)
        while (try? await Task.sleep(for: .seconds(1))) != nil { wake.yield(false) }
      }
      group.addTask {
        for await _ in await UnixSignalsSequence(trapping: .sighup) { wake.yield(true) }
      }
      await cancelWhenGracefulShutdown {
        for await isForced in wakes { await watched.look(isForced: isForced, daemon, logger) }
      }
      group.cancelAll()
    }
  }
}

/// What was last seen of every source's files.
private actor WatchedCertificates {
  private var states: [WatchedCertificate] = []

  /// Looks at the sources that there are now: they come and go while the daemon runs.
  func look(isForced: Bool, _ daemon: Daemon, _ logger: Logger) {
    states = daemon.tlsSources.map { source in
      states.first { $0.context === source.context }
        ?? WatchedCertificate(source: source.name, context: source.context)
    }
    for index in states.indices {
      if let record = states[index].look(isForced: isForced, logger) { daemon.record(record) }
      states[index].warn(now: Clock.realtime() / 1_000_000_000, logger)
    }
  }
}

/// What was last seen of one source's files.
private struct WatchedCertificate {
  let source: String
  let context: TLSServerContext
  /// As they were when they were looked at last, and when they were read last.
  private var seen: [FileStatus?]
  private var read: [FileStatus?]
  private var warnings = ExpiryWarnings()

  init(source: String, context: TLSServerContext) {
    self.source = source
    self.context = context
    seen = Self.status(context)
    read = seen
  }

  private static func status(_ context: TLSServerContext) -> [FileStatus?] {
    context.files.map { try? FileDescriptor(reading: $0).status() }
  }

  /// Reads the files again if they have changed and are at rest.
  mutating func look(isForced: Bool, _ logger: Logger) -> CertificateRecord? {
    let now = Self.status(context)
    defer { seen = now }
    guard now != read, isForced || now == seen else { return nil }
    read = now
    do {
      try context.reload()
      let text = PeerCertificate.text(fingerprint: context.certificate.fingerprint)
      logger.notice(
        "source \(source): certificate, key or authorities have changed; the certificate is now \(text)")
      return CertificateRecord(source: source, certificate: context.certificate)
    } catch {
      logger.error(
        """
        source \(source): certificate, key or authorities have changed and cannot be used; those read before \
        stay in use, and the files are read again when they change: \(error)
        """)
      return CertificateRecord(source: source, certificate: context.certificate, refusal: "\(error)")
    }
  }

  mutating func warn(now: Int64, _ logger: Logger) {
    for warning in warnings.due(context.certificate, now: now) {
      logger.warning("source \(source): \(warning)")
    }
  }
}

/// Says once for each step that a certificate's end is near, 30 days, 7 days, 1 day, over; and that one is not valid yet.
struct ExpiryWarnings {
  private static let steps: [Int64] = [30, 7, 1, 0]
  /// How many steps have been taken, and towards which end.
  private var own = (steps: 0, end: Int64(0))
  private var authority = (steps: 0, end: Int64(0))
  /// Begin of the certificate that was said to be not valid yet.
  private var early = Int64.min

  /// What is to be said at `now`, seconds since 1970.
  mutating func due(_ certificate: TLSServerContext.Certificate, now: Int64) -> [String] {
    var texts: [String] = []
    if certificate.notBefore > now, certificate.notBefore != early {
      early = certificate.notBefore
      let begin = Timestamp.text(min(early, Int64.max / 1_000_000_000) * 1_000_000_000, digits: 0)
      texts.append(
        "the certificate is not valid before \(begin), and clients will refuse to send: replace it, or set this "
          + "host's clock right")
    }
    if let text = Self.step(&own, certificate.notAfter, now) {
      texts.append("the certificate \(text): replace it, or clients will refuse to send")
    }
    if let end = certificate.authoritiesNotAfter, let text = Self.step(&authority, end, now) {
      texts.append(
        "an authority of the clients' certificates \(text): replace it in client_ca, or its clients will be refused"
      )
    }
    return texts
  }

  private static func step(_ taken: inout (steps: Int, end: Int64), _ end: Int64, _ now: Int64) -> String? {
    if taken.end != end { taken = (0, end) }
    let left = end - now
    let steps = Self.steps.count { left <= $0 * 86_400 }
    if steps <= taken.steps { return nil }
    taken.steps = steps
    if left <= 0 { return "has expired" }
    if left >= 2 * 86_400 { return "expires in \(left / 86_400) days" }
    return "expires in \(Quantity.rounded(nanoseconds: left * 1_000_000_000))"
  }
}
