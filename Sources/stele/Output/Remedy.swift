import Collector
import Inspect
import Platform
import ProxyConfiguration
import SegmentReader
import SegmentWriter
import TLS

/// What to do about an error whose own text only says what the system said.
enum Remedy {
  /// To be put behind the error's text; empty when there is nothing to add.
  static func text(for error: any Error) -> String {
    guard let cause = cause(of: error) else { return "" }
    switch cause.errno {
    case .accessDenied, .notPermitted: return AccessRefusal(to: cause.path).map { text($0, cause.path) } ?? ""
    case .readOnly:
      return """
        ; the file system is mounted read-only, or the service's unit makes it so: systemctl edit stele, and there \
        [Service] and ReadWritePaths= with the log's directory
        """
    case .noSuchFile where cause.path == Serve.defaultConfiguration:
      return """
        ; write it, or name another with --config, or start without one: stele serve --log DIRECTORY --listen \
        udp://127.0.0.1:5514
        """
    default: return ""
    }
  }

  private static func text(_ refusal: AccessRefusal, _ path: String) -> String {
    // A log that root has made, and a daemon that runs as somebody else.
    let log = refusal.path
    if path == log + "/vkey", refusal.owner == "root", refusal.user != "root" {
      return
        "; \(refusal), or make the log \(refusal.user)'s: chown -R \(refusal.user) \(log) \(log).key \(log).next"
    }
    return "; \(refusal)"
  }

  private static func cause(of error: any Error) -> SystemError? {
    switch error {
    case let error as SystemError: error
    case WriteError.system(let error), ActError.write(.system(let error)), LogError.system(let error),
      DaemonError.system(let error), DaemonError.write(.system(let error)), ExportError.system(let error),
      ExportError.log(.system(let error)), DescriptionError.system(let error),
      DescriptionError.log(.system(let error)):
      error
    case let error as ReadError: error.cause
    case let error as TLSError where error.reason == "\(Errno.accessDenied)":
      SystemError(operation: error.operation, path: error.path, errno: .accessDenied)
    default: nil
    }
  }
}
