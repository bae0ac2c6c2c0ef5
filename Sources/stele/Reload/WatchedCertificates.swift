import Collector
import Events
import Logging
import Platform
import Synchronization
import TLS

/// The certificates, keys and authorities of TLS sources. They are read once they have stayed the same for a second,
/// for certificate and key are seldom replaced at the same moment; what cannot be used is tried again. Warns before
/// certificates expire.
final class WatchedCertificates: WatchedFiles {
  private let daemon: Daemon
  private let logger: Logger
  private let states = Mutex<[WatchedCertificate]>([])

  init(_ daemon: Daemon, _ logger: Logger) {
    self.daemon = daemon
    self.logger = logger
    _ = isDue(isForced: false)
  }

  /// Looks at the sources that there are now: they come and go while the daemon runs.
  func isDue(isForced: Bool) -> Bool {
    let sources = daemon.tlsSources
    return states.withLock { states in
      states = sources.map { source in
        states.first { $0.context === source.context }
          ?? WatchedCertificate(source: source.name, context: source.context)
      }
      for place in states.indices {
        states[place].look(isForced: isForced)
        states[place].warn(now: Clock.realtime() / 1_000_000_000, logger)
      }
      return states.contains { $0.isDue }
    }
  }

  func take(isForced: Bool) -> [ReloadVerdict] {
    states.withLock { states in
      states.indices.filter { states[$0].isDue }.map { states[$0].take(daemon, logger) }
    }
  }
}

/// What was last seen of one source's files.
private struct WatchedCertificate {
  let source: String
  let context: TLSServerContext
  /// The files are to be read again.
  private(set) var isDue = false
  private var marks: FileMarks
  /// Why they could not be used, and when they are tried again (`Clock.monotonic()`).
  private var refusal: (text: String, retry: Int64)?
  private var warnings = ExpiryWarnings()

  /// After how long files that could not be used are read again, nanoseconds: the other half of a change may have
  /// come in a way that cannot be seen from outside.
  private static let pause: Int64 = 5_000_000_000

  init(source: String, context: TLSServerContext) {
    self.source = source
    self.context = context
    // They may have changed since: a source comes with the configuration, and is looked at afterwards.
    marks = FileMarks(context.files, takenAs: context.filesBefore)
  }

  mutating func look(isForced: Bool) {
    let isLate = refusal.map { isForced || $0.retry <= Clock.monotonic() } ?? false
    isDue = marks.haveChanged(context.files, isForced: isForced) || isLate
  }

  /// Reads the files again.
  mutating func take(_ daemon: Daemon, _ logger: Logger) -> ReloadVerdict {
    isDue = false
    do {
      try context.reload()
    } catch {
      let text = Remedy.told(error)
      defer { refusal = (text, Clock.monotonic() + Self.pause) }
      if refusal?.text != text {
        logger.error(
          """
          source \(source): certificate, key or authorities have changed and cannot be used; those read before \
          stay in use, and the files are read again soon: \(text)
          """)
        daemon.record(CertificateRecord(source: source, certificate: context.certificate, refusal: text))
      }
      return ReloadVerdict(path: context.files[0], error: "source \(source): \(text)")
    }
    refusal = nil
    let text = PeerCertificate.text(fingerprint: context.certificate.fingerprint)
    logger.notice(
      "source \(source): certificate, key or authorities have changed; the certificate is now \(text)")
    daemon.record(CertificateRecord(source: source, certificate: context.certificate))
    daemon.recheckClients(of: source)
    return ReloadVerdict(
      path: context.files[0], changes: ["source \(source): the certificate is now \(text)"])
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
