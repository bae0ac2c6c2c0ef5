import Events
import Platform

/// What one source has refused because the sender is not on its allow list, until it is told: the first at
/// once, the rest once in `Limits.refusalInterval`, so that strangers fill neither the log nor the daemon's own.
struct RefusalTally: Sendable {
  private let source: UInt32
  private let name: String
  private let unit: LossUnit
  private var count = 0
  private var first: Int64 = 0
  private var last: Int64 = 0
  private var peer: SocketAddress?
  /// When it may be told again (`Clock.monotonic()`).
  private var due: Int64 = 0

  init(_ source: UInt32, _ name: String, _ unit: LossUnit) {
    self.source = source
    self.name = name
    self.unit = unit
  }

  /// Counts one, received at `time`.
  mutating func add(_ from: SocketAddress?, time: Int64) {
    if count == 0 { first = time }
    count += 1
    last = time
    peer = from
  }

  /// How long until something must be told, nanoseconds; nil when there is nothing to tell.
  func wait(now: Int64) -> Int64? { count == 0 ? nil : max(0, due - now) }

  /// Tells what there is, if it is time, or if there will be no other time.
  mutating func report(
    _ losses: LossLedger, now: Int64, isLast: Bool = false, _ notice: (IntakeNotice) -> Void
  ) {
    guard count > 0, isLast || now >= due else { return }
    losses.note(
      LossEvent(
        source: source, layer: .refused, count: UInt64(count), from: first, to: max(first, last), peer: peer,
        unit: unit))
    let word = unit == .connections ? "connection" : "datagram"
    let others = count > 1 ? ", and \(count - 1) more \(word)s since it was last said" : ""
    notice(
      IntakeNotice(
        source: name, peer: peer, text: "\(word) refused: the sender is not on the list 'allow'\(others)"))
    count = 0
    due = now + Limits.refusalInterval
  }
}
