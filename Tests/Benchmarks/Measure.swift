import CBenchmark
import Glibc

/// What one run of a stage took.
struct Measurement {
  /// Seconds of wall time, and of processor time of this process or of the child.
  var wall = Double.infinity
  var processor = Double.infinity
  /// Instructions in user space; nil where the machine does not count them.
  var instructions: UInt64?
  var allocations: UInt64?
}

/// Counts time, instructions and allocations around a piece of work.
struct Meter {
  private let counter = benchmark_open_instruction_counter()

  /// Runs `body` several times and keeps the fastest: on a shared machine the others tell about the
  /// neighbours.
  func best(of runs: Int, _ body: () throws -> Void) rethrows -> Measurement {
    var best = Measurement()
    for _ in 0..<runs {
      let allocations = benchmark_allocation_count(), instructions = read()
      let wall = Self.now(CLOCK_MONOTONIC), processor = Self.now(CLOCK_PROCESS_CPUTIME_ID)
      try body()
      let taken = Self.now(CLOCK_PROCESS_CPUTIME_ID) - processor
      if taken > best.processor { continue }
      best.processor = taken
      best.wall = Self.now(CLOCK_MONOTONIC) - wall
      best.allocations = benchmark_allocation_count() - allocations
      if let before = instructions, let after = read() { best.instructions = after - before }
    }
    return best
  }

  private func read() -> UInt64? {
    if counter < 0 { return nil }
    var value: UInt64 = 0
    let count = unsafe Glibc.read(counter, &value, MemoryLayout<UInt64>.size)
    return count == MemoryLayout<UInt64>.size ? value : nil
  }

  static func now(_ clock: clockid_t) -> Double {
    var time = timespec()
    unsafe clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

/// One line of the report.
struct Report {
  let eventCount: Int
  let byteCount: Int

  func head() {
    print(
      "\(Self.pad("stage", 30, left: true))  ns/event     MB/s  events/s  instr/ev  allocs/ev  ratio to yardstick"
    )
  }

  /// Prints a stage. A ratio above 1 is slower than its yardstick.
  func line(
    _ name: String, _ taken: Measurement, against yardstick: (name: String, seconds: Double)? = nil,
    wall: Bool = false
  ) {
    let seconds = wall ? taken.wall : taken.processor
    let events = Double(eventCount)
    let instructions = taken.instructions.map { String(Int(Double($0) / events)) } ?? "n/a"
    let allocations = taken.allocations.map { Self.fixed(Double($0) / events, 4) } ?? "n/a"
    let ratio = yardstick.map { "\(Self.fixed(seconds / $0.seconds, 2)) x \($0.name)" } ?? ""
    print(
      Self.pad(name, 30, left: true), Self.pad(Self.fixed(seconds * 1e9 / events, 1), 9),
      Self.pad(Self.fixed(Double(byteCount) / seconds / 1e6, 0), 8),
      Self.pad(String(Int(events / seconds)), 9),
      Self.pad(instructions, 9), Self.pad(allocations, 10), " \(ratio)")
  }

  static func fixed(_ value: Double, _ places: Int) -> String {
    if !value.isFinite { return "n/a" }
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    let whole = Int((value * scale).rounded())
    if places == 0 { return String(whole) }
    let digits = String(whole.magnitude)
    let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
    return (whole < 0 ? "-" : "") + padded.dropLast(places) + "." + padded.suffix(places)
  }

  static func pad(_ text: String, _ width: Int, left: Bool = false) -> String {
    let blanks = String(repeating: " ", count: max(0, width - text.count))
    return left ? text + blanks : blanks + text
  }
}
