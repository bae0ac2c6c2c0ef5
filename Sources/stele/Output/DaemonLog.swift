import Events
import Logging
import Platform

/// The daemon's own log: one line to standard error for each message. Under systemd, lines begin with the
/// level as sd-daemon(3) writes it, and the journal adds the time; elsewhere a time stands in front.
struct DaemonLog: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.info
  private let isJournal = Platform.Process.environment("JOURNAL_STREAM") != nil

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let text = "\(event.message)".split(separator: "\n").joined(separator: " ")
    StandardError.write(
      isJournal ? "<\(priority(event.level))>\(text)\n" : "\(stamp()) \(word(event.level))\(text)\n")
  }

  private func stamp() -> String { Timestamp.text(Clock.realtime(), digits: 3) }

  private func word(_ level: Logger.Level) -> String { level >= .warning ? "\(level): " : "" }

  /// Syslog severities (RFC 5424, table 2).
  private func priority(_ level: Logger.Level) -> Int {
    switch level {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }
}
