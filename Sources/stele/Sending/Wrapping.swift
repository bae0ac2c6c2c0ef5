import Bytes
import Events
import Platform

/// How a recorded line becomes a syslog message again.
enum Wrapping: String, CaseIterable, Sendable {
  /// The line as it is.
  case none
  /// `<134>Nov 23 08:00:00 host stele: `, as BSD syslog and HAProxy's `format rfc3164` write it.
  case rfc3164
  /// `<134>1 2026-11-23T08:00:00.123456Z host stele - - - `
  case rfc5424

  /// The header for a message sent at `time` (nanoseconds since 1970). Facility local0, severity
  /// informational: what HAProxy sends.
  func appendHeader(time: Int64, host: String, to out: inout ByteBuffer) {
    switch self {
    case .none: return
    case .rfc3164:
      out.append("<134>")
      let iso = Timestamp.text(time, digits: 0)
      let fields = iso.split { "-T:Z".contains($0) }
      let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
      let month = months[(Int(fields[1]) ?? 1) - 1]
      let day = fields[2].hasPrefix("0") ? " " + fields[2].dropFirst() : String(fields[2])
      out.append("\(month) \(day) \(fields[3]):\(fields[4]):\(fields[5]) \(host) stele: ")
    case .rfc5424:
      out.append("<134>1 ")
      Timestamp.append(time, digits: 6, to: &out)
      out.append(" \(host) stele - - - ")
    }
  }
}

/// Syslog headers, made anew only when the clock shows something new: a millisecond's messages share one.
struct HeaderCache: ~Copyable {
  private let wrapping: Wrapping
  private let host: String
  private var header = ByteBuffer()
  private var madeAt: Int64?

  init(_ wrapping: Wrapping, host: String) {
    self.wrapping = wrapping
    self.host = host
  }

  /// The header for a message that is sent now.
  mutating func appendHeader(to out: inout ByteBuffer) {
    if wrapping == .none { return }
    let now = Clock.realtime()
    if madeAt.map({ now - $0 > 1_000_000 || now < $0 }) ?? true {
      header.removeAll()
      wrapping.appendHeader(time: now, host: host, to: &header)
      madeAt = now
    }
    out.append(header.view)
  }
}
