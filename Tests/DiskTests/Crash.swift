import Bytes
import Cryptography
import Inspect
import MerkleLog
import Platform
import SegmentReader
import SegmentWriter
import Segments
import TestSupport

/// What a scenario did to the disk.
struct Recording {
  var base: SimulatedDisk
  var events: [DiskRecorder.Event]
  /// What was promised before it began; nil when the log is made in it.
  var promise: Promise?

  init(_ recorder: DiskRecorder, promise: Promise? = nil) {
    base = recorder.base
    events = recorder.events
    self.promise = promise
  }

  var operationCount: Int { events.count { if case .operation = $0 { true } else { false } } }
}

/// A moment of a recording at which the power fails, and what is found then.
struct Crash {
  var image: DiskImage
  /// What must be there: all that was said to be durable, and what the checkpoint that anyone could read
  /// covered.
  var promise: Promise
  /// For whoever looks for the fault.
  var place: String

  /// Chooses a moment and a state. What was done in the background may have been done later than it was in
  /// the recording, but in its own order, and before anything waited for it.
  init?(_ recording: Recording, using random: inout SplitMix64, loss: SimulatedDisk.Loss? = nil) {
    let first = recording.promise == nil ? Self.firstOperation(recording.events) : 0
    guard let first, first <= recording.operationCount else { return nil }
    let stop = Int.random(in: first...recording.operationCount, using: &random)
    let lag = random.one(of: 0, 0.7, 1)
    self.init(recording, at: stop, lag: lag, using: &random, loss: loss)
  }

  /// The number of operations until the log is made.
  static func firstOperation(_ events: [DiskRecorder.Event]) -> Int? {
    var count = 0
    for event in events {
      if case .operation = event { count += 1 }
      if case .mark(.created) = event { return count }
    }
    return nil
  }

  /// The state after `stop` operations. `lag` says how much the background lags: 0 not at all, 1 until it is
  /// waited for.
  init?(
    _ recording: Recording, at stop: Int, lag: Double = 0, using random: inout SplitMix64,
    loss: SimulatedDisk.Loss? = nil
  ) {
    var replay = Replay(recording, stop)
    for event in recording.events {
      if case .operation(let operation, isBackground: true) = event {
        replay.delayed.append(operation)
        if lag == 0 { replay.release(1) }
        continue
      }
      while !replay.isOver, !replay.delayed.isEmpty, !random.chance(lag) { replay.release(1) }
      replay.take(event)
      if replay.isOver { break }
    }
    replay.release(.max)
    guard let promise = replay.visiblePromise() else { return nil }
    let loss = loss ?? random.one(of: .nothing, .everything, .journal, .unordered, .unordered)
    image = replay.disk.crashed(loss, using: &random)
    self.promise = promise
    place = "after operation \(stop) (\(replay.last)), \(loss) lost"
  }

  private struct Replay {
    var disk: SimulatedDisk
    var promise: Promise?
    var delayed: [DiskOperation] = []
    var left: Int
    var last = "none"
    var isOver: Bool { left == 0 }

    init(_ recording: Recording, _ stop: Int) {
      disk = recording.base
      promise = recording.promise
      left = stop
    }

    mutating func release(_ count: Int) {
      var count = count
      while count > 0, left > 0, !delayed.isEmpty {
        apply(delayed.removeFirst())
        count -= 1
      }
    }

    mutating func apply(_ operation: DiskOperation) {
      disk.apply(operation)
      left -= 1
      if left == 0 { last = "\(operation)".prefix(60) + "" }
    }

    mutating func take(_ event: DiskRecorder.Event) {
      switch event {
      case .operation(let operation, _): if left > 0 { apply(operation) }
      case .mark(.created): break
      case .mark(.joined): release(.max)
      case .mark(.promise(let promise)): self.promise = promise
      }
    }

    /// The larger of what the writer said and what the published checkpoint says.
    func visiblePromise() -> Promise? {
      let note = disk.contents("log/" + FileNames.checkpoint).flatMap { bytes in
        bytes.withView { try? SignedNote($0).text.withView { try Checkpoint($0) } }
      }
      guard let note, note.size > promise?.size ?? 0 else { return promise }
      return Promise(size: note.size, root: note.root)
    }
  }
}

/// What is wrong with a log.
struct Wrong: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

/// What must be true of every log at every time.
enum Invariants {
  /// Nothing speaks against the log below `root`, and what was promised is in it.
  static func check(_ root: String, _ promise: Promise, _ when: String) throws {
    let log = root + "/log"
    var verifier = Verifier(log)
    verifier.threads = 1
    verifier.checkpoint = try checkpoint(log, promise)
    let report = try verifier.run()
    // A crash must not cost a one-time key either.
    for finding in report.findings where finding.severity == .damage || finding.kind == .keyBreak {
      throw Wrong("\(when): \(finding.kind) in \(finding.file ?? "the log"): \(finding.text)")
    }
    guard report.entries.upperBound >= promise.size else {
      throw Wrong("\(when): \(promise.size) entries were promised, \(report.entries.upperBound) are here")
    }
  }

  /// A checkpoint over what was promised, as a witness would hold it; nil when the key that was in force then has
  /// been overwritten.
  private static func checkpoint(_ log: String, _ promise: Promise) throws -> [UInt8]? {
    let inForce = try LogDirectory(log).keys().origin(at: promise.size)
    for path in [log + ".key", log + ".key.new"] {
      guard let key = try? LogCreation.readKey(path), key.verifier == inForce else { continue }
      let checkpoint = Checkpoint(origin: key.name, size: promise.size, root: promise.root)
      return try SignedCheckpoint(checkpoint, signedBy: key).note.bytes
    }
    return nil
  }

  /// The next start recovers, writing goes on, and the log is closed without a blemish. The recorder sees
  /// what is done.
  static func recover(_ recorder: DiskRecorder, _ promise: Promise, seed: UInt64) throws {
    let user = LogUser(recorder, seed: seed)
    do { try user.run([.open]) } catch { throw Wrong("the next start is refused: \(error)") }
    try user.use { writer in
      if writer.tree.size < promise.size {
        throw Wrong("\(promise.size) entries were promised, \(writer.tree.size) are recovered")
      }
    }
    do {
      try user.run([.append(2, of: 300), .commit, .checkpoint, .append(1, of: 20), .close])
    } catch { throw Wrong("writing does not go on: \(error)") }
    try check(recorder.root, promise, "after recovery")
  }
}
