import Platform

/// One line on the terminal that says how long work goes on: share done, rate, time left. Silent in a pipe.
struct Progress: ~Copyable {
  private let what: String
  /// 0 when nobody knows how much there is.
  private let total: Int
  private let isShown: Bool
  private let start = Clock.monotonic()
  private var next: Int64
  private var isDirty = false

  /// How often the line changes, nanoseconds.
  private static let interval: Int64 = 200_000_000

  /// `total` bytes of work, called `what`.
  init(_ what: String, total: Int, isQuiet: Bool = false) {
    self.what = what
    self.total = total
    isShown = !isQuiet && StandardStream.error.isTerminal
    // Work that is over in a moment shows nothing.
    next = Clock.monotonic() + 2 * Self.interval
  }

  mutating func update(_ done: Int) {
    guard isShown else { return }
    let now = Clock.monotonic()
    if now < next { return }
    next = now + Self.interval
    isDirty = true
    let text = Self.text(what, done: done, total: total, elapsed: now - start)
    StandardError.write("\r" + text.prefix(StandardStream.error.columns - 1) + "\u{1B}[K")
  }

  /// Removes the line.
  mutating func finish() {
    if isDirty { StandardError.write("\r\u{1B}[K") }
    isDirty = false
  }

  static func text(_ what: String, done: Int, total: Int, elapsed: Int64) -> String {
    let seconds = max(Double(elapsed) / 1e9, 1e-9)
    let rate = Double(done) / seconds
    var text = "\(what): \(Quantity.rounded(bytes: done))"
    if total > 0 {
      text += " of \(Quantity.rounded(bytes: total)) (\(min(100, done * 100 / total)) %)"
    }
    text += ", \(Quantity.rounded(bytes: Int(rate)))/s"
    if total > done, rate > 0 {
      let left = Int64(Double(total - done) / rate * 1e9)
      text += ", \(Quantity.rounded(nanoseconds: left)) left"
    }
    return text
  }
}

/// The same for work that reports from a closure.
final class ProgressLine {
  private var progress: Progress?
  private let what: String

  init(_ what: String) { self.what = what }

  /// So many bytes of `total` are done.
  func update(_ done: Int, of total: Int) {
    if progress == nil { progress = Progress(what, total: total) }
    progress?.update(done)
  }

  func finish() { progress?.finish() }
}
