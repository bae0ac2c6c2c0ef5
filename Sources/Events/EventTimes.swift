import Bytes

extension Event {
  /// Finds the best time of the event: the line's own stamp, else the syslog header's, else the receive time;
  /// and start and end from one another where the line says how long it took.
  mutating func deriveTimes(_ context: EventContext) {
    deriveYear(context)
    deriveSpan()
    set(.receiveTime, .time(context.receiveTime))
    for field in [Field.timeStart, .timeAccept, .timeEnd, .syslogTime] {
      guard case .time(let moment) = self[field], let stamp = stamps.first(where: { $0.field == field })
      else {
        continue
      }
      set(.time, .time(moment))
      set(.timeText, .text(stamp.text))
      set(.timeQuality, text: stamp.quality.rawValue)
      return
    }
    set(.time, .time(context.receiveTime))
    set(.timeQuality, text: EventContext.Quality.received.rawValue)
  }

  /// A stamp of the syslog header without a year is of the year that puts it nearest to the line's own stamp:
  /// old files keep their years when they are read again.
  private mutating func deriveYear(_ context: EventContext) {
    guard let yearless, case .time = self[.syslogTime] else { return }
    for stamp in stamps where stamp.field != .syslogTime && stamp.quality != .inferredYear {
      guard case .time(let moment) = self[stamp.field] else { continue }
      let near = EventContext(receiveTime: moment, zone: context.zone)
      return set(.syslogTime, .time(near.resolve(yearless).nanoseconds))
    }
  }

  private mutating func deriveSpan() {
    if case .time(let end) = self[.timeEnd], case .duration(let active) = self[.durationActive] {
      derive(.timeStart, .time(end &- active))
    }
    if case .time(let start) = self[.timeStart], case .duration(let active) = self[.durationActive] {
      derive(.timeEnd, .time(start &+ active))
    }
    if case .time(let accept) = self[.timeAccept], case .duration(let total) = self[.durationTotal] {
      derive(.timeEnd, .time(accept &+ total))
    }
  }

  /// Facility, severity, and who the load balancer is, from the syslog header.
  mutating func deriveSyslog() {
    if case .integer(let pri) = self[.syslogPRI], pri >= 0, pri <= 191 {
      derive(.syslogFacility, .integer(pri / 8))
      derive(.syslogSeverity, .integer(pri % 8))
    }
    if case .text(let host) = self[.syslogHost] { derive(.lbNode, .text(host)) }
    if let process = bytes(.syslogProcID), let number = Digits.decimal(process) {
      derive(.lbPID, .integer(number))
    }
  }
}
