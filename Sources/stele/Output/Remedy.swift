import Collector
import Inspect
import Platform
import ProxyConfiguration
import SegmentReader
import SegmentWriter
import Segments
import TLS

/// What to do about an error whose own text only says what the system said.
enum Remedy {
  /// The error's text, and the remedy.
  static func told(_ error: any Error) -> String { "\(error)\(text(for: error))" }

  /// To be put behind the error's text; empty when there is nothing to add.
  static func text(for error: any Error) -> String {
    guard let cause = cause(of: error) else { return "" }
    switch cause.errno {
    case .accessDenied, .notPermitted: return AccessRefusal(to: cause.path).map { text($0, cause.path) } ?? ""
    case .readOnly:
      return """
        ; the file system is mounted read-only, or the service's unit makes it so: systemctl edit stele, and there \
        [Service] and ReadWritePaths= with the directory that the log and its keys are in
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
    // A log that root has made or written to, and a daemon that runs as somebody else.
    guard refusal.owner == "root", refusal.user != "root", let log = log(of: refusal, path) else {
      return "; \(refusal)"
    }
    return "; \(refusal), or make the log \(refusal.user)'s: \(LogOwner.change(log, to: refusal.user))"
  }

  /// The log's directory, where the refused file belongs to a log.
  private static func log(of refusal: AccessRefusal, _ path: String) -> String? {
    if refusal.isDirectory { return path == refusal.path + "/" + FileNames.verifierKey ? path.parent : nil }
    return (try? Directory(path.parent).status(of: FileNames.verifierKey)) != nil ? path.parent : nil
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
