import Foundation
import Platform
import TestSupport
import Testing

/// Thousands of crashes: random scenarios, random moments, random states of the disk.
///
/// A failure prints the seed of its case. `STELE_DISK_SEED=N` runs just that one and keeps the disk as it was
/// found; `STELE_DISK_POINTS=N` runs so many.
@Suite struct CrashTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let points = environment["STELE_DISK_POINTS"].flatMap { UInt64($0) } ?? 1500
  private static let seed = environment["STELE_DISK_SEED"].flatMap { UInt64($0) }
  /// Crashes of each scenario.
  private static let crashes: UInt64 = 40

  @Test func whateverACrashLeavesIsRecovered() throws {
    let seeds = Self.seed.map { $0...$0 } ?? 0...Self.points - 1
    var recording: Recording?
    var recorded: UInt64?
    var failures = 0
    for seed in seeds where failures < 5 {
      let scenario = Scenario.random(seed / Self.crashes)
      if recorded != seed / Self.crashes {
        recording = try Scratch.record(scenario, seed: seed / Self.crashes)
        recorded = seed / Self.crashes
      }
      guard let recording else { continue }
      do { try CrashCase(recording, seed: seed).run(keeping: Self.seed != nil) } catch {
        failures += 1
        Issue.record(
          """
          seed \(seed): \(error)
          steps: \(scenario.description)
          STELE_DISK_SEED=\(seed) swift test --filter CrashTests
          """)
      }
    }
  }

  /// The process dies, or the power fails and takes all that was not synced, after each operation of the
  /// thorough scenario; the sealing of a segment lags behind by all that it may.
  @Test func everyOperationMayBeTheLast() throws {
    let recording = try Scratch.record(.thorough, seed: 1)
    let total = recording.operationCount
    let first = try #require(Crash.firstOperation(recording.events))
    for stop in first...total {
      for (seed, loss) in [SimulatedDisk.Loss.nothing, .everything].enumerated() {
        var random = SplitMix64(UInt64(stop * 2 + seed))
        let crash = try #require(Crash(recording, at: stop, lag: 1, using: &random, loss: loss))
        do { _ = try CrashCase(recording, seed: UInt64(stop)).recover(from: crash) } catch {
          Issue.record("\(error)")
        }
      }
    }
  }
}

/// One crash of a recording, and with every fourth seed another during the recovery from it.
struct CrashCase {
  let recording: Recording
  let seed: UInt64

  init(_ recording: Recording, seed: UInt64) {
    self.recording = recording
    self.seed = seed
  }

  func run(keeping isKept: Bool = false) throws {
    var random = SplitMix64(seed)
    guard let crash = Crash(recording, using: &random) else { throw Wrong("the log was never made") }
    let recovery = try recover(from: crash, isKept)
    if seed % 4 != 0 { return }
    guard let second = Crash(recovery, using: &random) else { throw Wrong("nothing was recorded") }
    do { _ = try recover(from: second, isKept) } catch {
      throw Wrong("crash \(crash.place), recovered; then \(error)")
    }
  }

  func recover(from crash: Crash, _ isKept: Bool = false) throws -> Recording {
    do {
      return try Scratch.with { root in
        let inodes = try crash.image.write(to: root)
        if isKept { try crash.image.write(to: "/tmp/stele-disk-\(seed)") }
        try Invariants.check(root, crash.promise, "as the crash left it")
        let recorder = DiskRecorder(root, base: SimulatedDisk(crash.image), numbers: inodes)
        defer { recorder.stop() }
        try Invariants.recover(recorder, crash.promise, seed: seed)
        return Recording(recorder, promise: crash.promise)
      }
    } catch { throw Wrong("crash \(crash.place): \(error)") }
  }
}

/// Directories in memory that are gone afterwards.
enum Scratch {
  static func with<R>(_ body: (String) throws -> R) throws -> R {
    let root =
      "/dev/shm/stele-disk-\(ProcessInfo.processInfo.processIdentifier)-\(UInt64.random(in: 0 ... .max))"
    _ = try Directory(making: root)
    defer { try? removeTree(root) }
    return try body(root)
  }

  static func record(_ scenario: Scenario, seed: UInt64) throws -> Recording {
    try with { root in
      let recorder = DiskRecorder(root)
      defer { recorder.stop() }
      try LogUser(recorder, seed: seed).run(scenario.steps)
      return Recording(recorder)
    }
  }
}
