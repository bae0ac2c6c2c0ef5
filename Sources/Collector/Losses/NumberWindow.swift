import Bytes

/// The numbers that one counter gave to messages, of which the newest are remembered one by one: which came,
/// and which are missing once it is too late for them to come.
///
/// HAProxy reads its counter before it adds one, so threads may print a number twice and leave out one behind
/// it. A number that came twice therefore makes up for a missing one close behind it, unless most came twice:
/// then the messages are sent twice, and nothing is made up for.
struct NumberWindow {
  /// Numbers that did not come, and between which times they should have (nanoseconds since 1970 UTC).
  struct Missing: Equatable {
    var count: UInt64
    var times: ClosedRange<Int64>
  }

  /// Numbers that are remembered.
  static let capacity: UInt64 = 32_768
  private static let words = capacity / 64

  /// The highest number so far.
  private(set) var top: UInt64
  /// All numbers up to here have been judged.
  private(set) var judged: UInt64
  /// `top` when the window was judged last.
  private var mark: UInt64
  let firstNumber: UInt64
  /// Receive times of the first and the last number, nanoseconds since 1970 UTC.
  let firstTime: Int64
  private(set) var lastTime: Int64
  /// Numbers taken since the last judgement.
  private(set) var isFed = true

  /// By `number % capacity`.
  private var seen = [UInt64](repeating: 0, count: Int(words))
  /// By word of `seen`: how many numbers came again.
  private var again = [UInt16](repeating: 0, count: Int(words))
  /// What numbers of the word being judged, and of the one before, can make up for.
  private var credit = 0
  private var olderCredit = 0
  /// Messages that had a number and did not show it.
  private var unnumbered: UInt64 = 0
  /// Between these times numbers were missing when higher ones came: before `mark` was set, and since.
  private var gap: ClosedRange<Int64>?
  private var recentGap: ClosedRange<Int64>?

  init(first: UInt64, time: Int64) {
    top = first
    judged = first
    firstNumber = first
    mark = first
    firstTime = time
    lastTime = time
  }

  /// Whether a number may be one of these: near the highest, ahead or behind.
  func holds(_ number: UInt64) -> Bool {
    number <= top ? top - number < Self.capacity : number - top <= Self.capacity
  }

  func distance(to number: UInt64) -> UInt64 { number > top ? number - top : top - number }

  /// Numbers that are missing, and may still come.
  var open: UInt64 {
    var copy = self
    return copy.judge(upTo: top)
  }

  /// Takes in a number that the window holds. Returns what is missing among those that it has to forget for
  /// that.
  mutating func take(_ number: UInt64, time: Int64) -> Missing? {
    isFed = true
    var missing: Missing?
    if number > top {
      let missed = makeRoom(for: number)
      if number > top + 1 { recentGap = Self.span(recentGap, min(lastTime, time)...time) }
      if missed > 0 { missing = Missing(count: missed, times: Self.span(gap, recentGap) ?? time...time) }
      if number / 64 != top / 64 { clear(after: top, upTo: number) }
      top = number
    } else if number <= judged {
      return nil
    } else if seen[Self.word(number)] & Self.bit(number) != 0 {
      if again[Self.word(number)] < .max { again[Self.word(number)] += 1 }
      return nil
    }
    seen[Self.word(number)] |= Self.bit(number)
    lastTime = time
    return missing
  }

  /// Takes in a message that had a number and does not show it.
  mutating func takeUnnumbered() { unnumbered += 1 }

  /// Judges the numbers that were the newest at the last call, or all: what is missing of them will not come
  /// any more.
  mutating func settle(all: Bool = false) -> Missing? {
    let missing = judge(upTo: all ? top : mark)
    let times = (all ? Self.span(gap, recentGap) : gap) ?? lastTime...lastTime
    mark = top
    isFed = false
    gap = recentGap
    recentGap = nil
    return missing == 0 ? nil : Missing(count: missing, times: times)
  }

  private static func span(_ a: ClosedRange<Int64>?, _ b: ClosedRange<Int64>?) -> ClosedRange<Int64>? {
    guard let a, let b else { return a ?? b }
    return min(a.lowerBound, b.lowerBound)...max(a.upperBound, b.upperBound)
  }

  // MARK: Bits

  private static func word(_ number: UInt64) -> Int { Int(number % capacity / 64) }
  private static func bit(_ number: UInt64) -> UInt64 { 1 &<< (number & 63) }

  /// Judges the numbers whose bits `number`, or those below it, will take.
  private mutating func makeRoom(for number: UInt64) -> UInt64 {
    let word = number / 64
    if word < Self.words { return 0 }
    let end = (word - Self.words) * 64 + 63
    return judged < end ? judge(upTo: end) : 0
  }

  /// Empties the words that the window enters.
  private mutating func clear(after old: UInt64, upTo new: UInt64) {
    var start = (old / 64 + 1) * 64
    while start <= new {
      seen[Self.word(start)] = 0
      again[Self.word(start)] = 0
      start += 64
    }
  }

  private mutating func judge(upTo end: UInt64) -> UInt64 {
    var missing: UInt64 = 0
    while judged < end {
      let first = judged + 1
      if first & 63 == 0 { (olderCredit, credit) = (credit, 0) }
      let last = min(end, first | 63)
      let word = Self.word(first)
      // Numbers above the highest have not come: none of the window's bits stand for them.
      let bits = first > top ? 0 : seen[word]
      if first <= top {
        if again[word] < 32 { credit += Int(again[word]) }
        again[word] = 0
      }
      let mask = (UInt64.max &>> (63 - (last - first))) &<< (first & 63)
      var holes = (~bits & mask).nonzeroBitCount
      for spare in [\NumberWindow.olderCredit, \.credit] {
        let used = min(holes, self[keyPath: spare])
        holes -= used
        self[keyPath: spare] -= used
      }
      missing += UInt64(holes)
      judged = last
    }
    let known = min(missing, unnumbered)
    unnumbered -= known
    return missing - known
  }
}
