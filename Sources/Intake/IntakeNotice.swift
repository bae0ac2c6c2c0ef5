import Platform

/// Something worth a line in the daemon's own log; never about single messages.
public struct IntakeNotice: Sendable, CustomStringConvertible {
  /// The source's name.
  public var source: String
  /// Whom it is about, if anyone.
  public var peer: SocketAddress?
  public var text: String

  public var description: String {
    peer.map { "source \(source): \($0): \(text)" } ?? "source \(source): \(text)"
  }
}

/// Lets a bounded number of notices through: what strangers do to a port must not fill the daemon's log.
struct NoticeLimiter: ~Copyable, Sendable {
  private let notice: @Sendable (IntakeNotice) -> Void
  private var second: Int64 = 0
  private var inSecond = 0
  private var leftOut = 0

  init(_ notice: @escaping @Sendable (IntakeNotice) -> Void) { self.notice = notice }

  /// Passes a notice on, unless there were too many within the second of `now` (`Clock.monotonic()`). The
  /// next one that passes tells how many did not.
  mutating func give(_ new: IntakeNotice, now: Int64) {
    if now / 1_000_000_000 != second {
      second = now / 1_000_000_000
      inSecond = 0
    }
    inSecond += 1
    if inSecond > Limits.notices {
      leftOut += 1
      return
    }
    var new = new
    if leftOut > 0 { new.text += " (\(leftOut) notices were left out before this one)" }
    leftOut = 0
    notice(new)
  }
}
