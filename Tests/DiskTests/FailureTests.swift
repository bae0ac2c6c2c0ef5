import Platform
import TestSupport
import Testing

/// Every operation of a scenario fails once, for each of them: the writer says so and stops, never uses the
/// file again, and whatever it had promised is there after the next start, with a power failure or without.
@Suite struct FailureTests {
  @Test func noFailureOfTheDiskLosesWhatWasPromised() throws {
    let count = try FailureCase.operations(of: .thorough)
    #expect(count > 50)
    for number in 1...count {
      // Each operation with two of the four, so that each kind of operation meets them all.
      for kind in number.isMultiple(of: 2) ? [0, 3] : [1, 2] {
        let fault = DiskFault(
          number: number, errno: kind < 2 ? .inputOutput : .noSpace, isPersistent: kind % 2 == 1)
        do { try FailureCase(scenario: .thorough, fault: fault).run() } catch {
          Issue.record(
            "operation \(number), \(fault.errno), \(fault.isPersistent ? "for good" : "once"): \(error)")
        }
      }
    }
  }
}

/// One operation that fails, and what comes of it.
struct FailureCase {
  var scenario: Scenario
  var fault: DiskFault
  /// Power failures tried afterwards.
  var crashes = 1

  /// The number of operations after the log was made.
  static func operations(of scenario: Scenario) throws -> Int {
    try Scratch.with { root in
      let recorder = DiskRecorder(root)
      defer { recorder.stop() }
      let user = LogUser(recorder, seed: 1)
      try user.run([scenario.steps[0]])
      recorder.set(nil)
      try user.run(Array(scenario.steps.dropFirst()))
      return recorder.operationCount
    }
  }

  func run() throws {
    let recording = try Scratch.with { root in
      let recorder = DiskRecorder(root)
      defer { recorder.stop() }
      let user = LogUser(recorder, seed: 1)
      try user.run([scenario.steps[0]])
      recorder.set(fault)
      let operation: () throws -> Void = { try user.run(Array(scenario.steps.dropFirst())) }
      guard (try? operation()) == nil else { throw Wrong("nobody noticed") }
      user.leave()
      if let violation = recorder.violations.first { throw Wrong(violation) }
      if fault.isPersistent {
        recorder.set(DiskFault(number: 0, errno: fault.errno, isPersistent: true))
        try? user.run([.open])
        user.leave()
      }
      recorder.set(nil)
      let promise = try promise(recorder)
      try Invariants.check(root, promise, "as the failure left it")
      try Invariants.recover(recorder, promise, seed: 2)
      return Recording(recorder)
    }
    var random = SplitMix64(UInt64(fault.number))
    for _ in 0..<crashes {
      guard let crash = Crash(recording, using: &random) else { throw Wrong("the log was never made") }
      do { try Self.recover(from: crash) } catch { throw Wrong("crash \(crash.place): \(error)") }
    }
  }

  private func promise(_ recorder: DiskRecorder) throws -> Promise {
    var random = SplitMix64(0)
    guard let crash = Crash(Recording(recorder), at: .max, using: &random) else {
      throw Wrong("nothing was promised")
    }
    return crash.promise
  }

  private static func recover(from crash: Crash) throws {
    try Scratch.with { root in
      let inodes = try crash.image.write(to: root)
      try Invariants.check(root, crash.promise, "as the crash left it")
      let recorder = DiskRecorder(root, base: SimulatedDisk(crash.image), numbers: inodes)
      defer { recorder.stop() }
      try Invariants.recover(recorder, crash.promise, seed: 3)
    }
  }
}
