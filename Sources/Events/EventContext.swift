/// What must be known from outside a line to tell its times.
public struct EventContext: Sendable {
  /// When the line was received, in nanoseconds since 1970 UTC. Supplies the year that RFC 3164 leaves out.
  public var receiveTime: Int64
  /// The zone of stamps that name none (RFC 3164, HAProxy's `%t` and `%tr`).
  public var zone: Zone

  /// A context for lines received at `receiveTime` from a source in `zone`.
  public init(receiveTime: Int64, zone: Zone = .utc) {
    self.receiveTime = receiveTime
    self.zone = zone
  }

  /// How sure a time is.
  public enum Quality: String, Sendable, CaseIterable {
    case explicitZone = "explicit_tz"
    case configuredZone = "configured_tz"
    case inferredYear = "inferred_year"
    case ambiguousSaving = "ambiguous_dst"
    case received = "receive_time"
  }

  /// The moment a stamp means, in nanoseconds since 1970.
  ///
  /// A missing year is the one that puts the stamp nearest to the receive time, so that a line of December 31
  /// read in January is last year's, and a sender's clock that runs ahead over New Year is next year's.
  /// February 29 finds the nearest leap year.
  public func resolve(_ stamp: Stamp) -> (nanoseconds: Int64, quality: Quality) {
    let near = Timestamp.floorDivide(receiveTime, Calendar.nanoseconds).quotient
    guard let year = stamp.year else {
      let present = Calendar.date(Int(Timestamp.floorDivide(near, 86_400).quotient)).year
      var best: (seconds: Int64, certain: Bool)?
      let leapDay = stamp.month == 2 && stamp.day == 29
      for year in (leapDay ? present - 8 : present - 1)...(leapDay ? present + 8 : present + 1) {
        if leapDay, !Calendar.isLeap(year) { continue }
        let found = moment(stamp, in: year, near: near)
        if let known = best, (known.seconds - near).magnitude <= (found.seconds - near).magnitude { continue }
        best = found
      }
      let chosen = best ?? moment(stamp, in: present, near: near)
      return (nanoseconds(chosen.seconds, stamp), chosen.certain ? .inferredYear : .ambiguousSaving)
    }
    let found = moment(stamp, in: year, near: near)
    let quality: Quality =
      stamp.offset != nil ? .explicitZone : found.certain ? .configuredZone : .ambiguousSaving
    return (nanoseconds(found.seconds, stamp), quality)
  }

  private func moment(_ stamp: Stamp, in year: Int, near: Int64) -> (seconds: Int64, certain: Bool) {
    let wall = stamp.wall(in: year)
    if let offset = stamp.offset { return (wall - Int64(offset), true) }
    return zone.moment(wall: wall, near: near)
  }

  /// Years 1678 to 2262 fit; what lies outside is put at the edge.
  private func nanoseconds(_ seconds: Int64, _ stamp: Stamp) -> Int64 {
    let (product, overflow) = seconds.multipliedReportingOverflow(by: Calendar.nanoseconds)
    if overflow { return seconds < 0 ? .min : .max }
    let (sum, carry) = product.addingReportingOverflow(Int64(stamp.nanosecond))
    return carry ? .max : sum
  }
}
