import Collector
import Intake
import Platform
import SegmentWriter
import Syslog
import TLS

/// What `serve` is to do, whether a file or flags said so. Paths are absolute or relative to the working
/// directory.
struct Settings: Equatable, Sendable {
  /// The log's directory.
  var directory: String
  /// The file with the log's private key; nil: beside the directory.
  var logKey: String?
  /// The file with the log's one-time keys that are still to be used; nil: beside the directory.
  var keyStore: String?
  /// Longest time a message waits for its `fdatasync`, nanoseconds.
  var commit: Int64 = 250_000_000
  /// Bytes of the file system that are kept for the last entries, checkpoint and seal.
  var reserve = 64 << 20
  /// Stored bytes at which a segment is finished.
  var segmentSize = 1 << 30
  /// Age at which a segment is finished, nanoseconds.
  var segmentAge: Int64 = 3_600_000_000_000
  /// Files with the certificates of those who may read messages; when there is none, they are stored in the
  /// clear.
  var recipients: [String] = []
  /// Who cosigns the log; nil: nobody.
  var witnesses: WitnessSettings?
  /// How long entries are kept; nil for ever.
  var retention: RetentionPolicy?
  var sources: [SourceSettings] = []
  /// Nil: no tokens are asked for.
  var timestamps: TimestampSettings?
  /// Nil: sealed segments are not read again.
  var scrub: ScrubSettings?
  /// Nil: nothing is answered over HTTP.
  var http: HTTPSettings?

  var keyPath: String { LogCreation.keyPath(logKey, for: directory) }
  var keyStorePath: String { keyStore ?? LogCreation.defaultKeyStorePath(directory) }
}

/// One configured source.
struct SourceSettings: Equatable, Sendable {
  var name: String
  var listen: Endpoint
  var format = "auto"
  /// Of time stamps that name none: `UTC`, `+01:00`, `Europe/Paris`.
  var timezone = "UTC"
  var certificate: String?
  var key: String?
  var clientCA: String?
  var clientCertificate = TLSServerContext.ClientCertificate.required
  var tlsMinimum = TLSServerContext.Version.tls12
  /// Who may come, and for which hosts; nil: everybody whose certificate is valid.
  var clients: ClientList?
  var limits = PeerLimits()
  var framing = FrameScanner.Framing.auto
  /// Bytes; longer messages of a stream are kept in pieces.
  var messageLimit = Syslog.Limits.messageBytes
  /// Bytes asked of the kernel for each datagram socket.
  var receiveBuffer = Intake.Limits.receiveBuffer
  /// UDP sockets that share the address.
  var sockets = 1
  /// Files are read from what comes after the very first start.
  var startsAtEnd = false
  /// Connections begin with a PROXY protocol header.
  var expectsProxy = false
  /// Who may send; nil: everybody.
  var allow: AllowList?
  /// Lines, and what they must mean; run by `stele config check`.
  var tests: [SourceTest] = []
  /// What of its messages is not to be stored.
  var minimise: MinimiseSettings?
  /// Where its load balancer's own counters are; nil: they are not looked at.
  var reconcile: ReconcileSettings?

  init(name: String, listen: Endpoint) {
    self.name = name
    self.listen = listen
    // As `replay`, which reads the same files.
    if listen.scheme == .file { messageLimit = Syslog.Limits.messageBytesAllowed.upperBound }
  }

  /// A name for a source that was given none: `udp-5514`, `unix-nginx`, `unix-stream-nginx`, `file-access`.
  static func name(for endpoint: Endpoint) -> String {
    guard endpoint.hasSocketFile || endpoint.scheme == .file else {
      return "\(endpoint.scheme)-\(endpoint.port)"
    }
    let file = endpoint.host.split(separator: "/").last ?? "socket"
    let stem = file.split { $0 == "." || $0 == "*" }.first ?? "all"
    return "\(endpoint.scheme.rawValue)-\(stem)"
  }
}
