import Events
import Logging
import Platform

/// The daemon's own log. Under systemd a message goes to the journal with its level and its metadata as fields
/// (`source` becomes `STELE_SOURCE`); elsewhere it is one line on standard error, with the time in front.
struct DaemonLog: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.info
  private let journal = Journal()

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let text = "\(event.message)".split(separator: "\n").joined(separator: " ")
    if let journal {
      let all = metadata.merging(event.metadata ?? [:]) { $1 }.mapValues { "\($0)" }
      if journal.send(Self.fields(text, priority: Self.priority(event.level), all)) { return }
      // sd-daemon(3): the same by the stream that standard error is, without the fields.
      StandardError.write("<\(Self.priority(event.level))>\(text)\n")
    } else {
      StandardError.write("\(Timestamp.text(Clock.realtime(), digits: 3)) \(word(event.level))\(text)\n")
    }
  }

  private func word(_ level: Logger.Level) -> String { level >= .warning ? "\(level): " : "" }

  static func fields(
    _ text: String, priority: Int, _ metadata: [String: String]
  ) -> [Journal.Field] {
    var fields = [
      Journal.Field("MESSAGE", text), Journal.Field("PRIORITY", "\(priority)"),
      Journal.Field("SYSLOG_IDENTIFIER", "stele"),
    ]
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      let name = key == NotableMessage.key ? "MESSAGE_ID" : "STELE_" + key.uppercased()
      fields.append(Journal.Field(name, value))
    }
    return fields
  }

  /// Syslog severities (RFC 5424, table 2).
  private static func priority(_ level: Logger.Level) -> Int {
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
