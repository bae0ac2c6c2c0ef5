/// The numbers of one process's counter. A process that begins anew under the same name, or two that share it,
/// give a second sequence: each is followed for itself, and from one to the other there is no gap.
struct CounterStream {
  private struct Sequence {
    var window: NumberWindow
    /// It began so far ahead of this number that it may be another process's: until the sequence that the number
    /// belongs to has stopped, nothing is known to be missing between them.
    var jump: (from: UInt64, time: Int64)?
    /// Judgements since it was fed.
    var idle = 0
  }

  /// Judgements without a number after which a sequence has ended, if another has gone on.
  private static let patience = 12

  private var sequences: [Sequence] = []

  /// Takes in one number.
  mutating func take(_ number: UInt64, time: Int64) -> NumberWindow.Missing? {
    var nearest: Int?
    for index in sequences.indices where sequences[index].window.holds(number) {
      let distance = sequences[index].window.distance(to: number)
      if nearest.map({ distance < sequences[$0].window.distance(to: number) }) ?? true { nearest = index }
    }
    if let nearest { return sequences[nearest].window.take(number, time: time) }
    return begin(number, time)
  }

  /// A message had a number and does not show it.
  mutating func takeUnnumbered() {
    for index in sequences.indices { sequences[index].window.takeUnnumbered() }
  }

  private mutating func begin(_ number: UInt64, _ time: Int64) -> NumberWindow.Missing? {
    var missing: NumberWindow.Missing?
    if sequences.count == 2 {
      let oldest = sequences[0].window.lastTime <= sequences[1].window.lastTime ? 0 : 1
      missing = sequences[oldest].window.settle(all: true)
      sequences.remove(at: oldest)
    }
    let below = sequences.first { $0.window.top < number }?.window
    sequences.append(
      Sequence(
        window: NumberWindow(first: number, time: time), jump: below.map { ($0.top, $0.lastTime) }))
    return missing
  }

  /// Judges what was the newest at the last call, or everything. Calls `found` with what is missing.
  mutating func settle(all: Bool, _ found: (NumberWindow.Missing) -> Void) {
    for index in sequences.indices {
      sequences[index].idle = sequences[index].window.isFed ? 0 : sequences[index].idle + 1
    }
    if sequences.count == 2 { decideJump(all, found) }
    for index in sequences.indices {
      if let missing = sequences[index].window.settle(all: all) { found(missing) }
    }
    let isAlive = sequences.contains { $0.idle == 0 }
    if isAlive, let ended = sequences.firstIndex(where: { $0.idle >= Self.patience }) {
      if let missing = sequences[ended].window.settle(all: true) { found(missing) }
      sequences.remove(at: ended)
    }
  }

  /// Whether the second sequence continues the first: so many were lost that none of those remembered is near.
  private mutating func decideJump(_ isLast: Bool, _ found: (NumberWindow.Missing) -> Void) {
    guard let (from, time) = sequences[1].jump else { return }
    let window = sequences[0].window
    if window.top != from {
      sequences[1].jump = nil
    } else if sequences[0].idle >= 1 || isLast {
      if let missing = sequences[0].window.settle(all: true) { found(missing) }
      let first = sequences[1].window.firstTime
      found(
        NumberWindow.Missing(
          count: sequences[1].window.firstNumber - from - 1, times: min(time, first)...first))
      sequences.remove(at: 0)
      sequences[0].jump = nil
    }
  }

  /// Numbers that are missing and may still come.
  var open: UInt64 { sequences.reduce(0) { $0 + $1.window.open } }

  /// When the last message came, nanoseconds since 1970 UTC.
  var lastTime: Int64 { sequences.map(\.window.lastTime).max() ?? 0 }
}
