import Intake
import Platform
import SegmentWriter
import Synchronization

/// Another plan, taken over while the daemon runs:
///
///     bind     new sockets, and the threads that they need: all that can fail; then nothing has changed
///     record   what has changed, and each source that is new or different; blocks behind that are read so
///     switch   sources that stay under other numbers or settings, then new ones are read
///     remove   sources that are no more are read until they are empty, and closed; then their counts are
///              recorded
///
/// A source that has not changed is not touched.
extension Daemon {
  /// Takes over sources, commit interval, limits of segments, and retention of `new`; the rest must be as it
  /// is. Returns when all of that holds. Blocks: not for a thread of the concurrency runtime.
  ///
  /// - Parameters:
  ///   - changed: names of sources whose settings are not what they were.
  ///   - record: the control entry that tells what has changed, one object of JSON.
  public func reload(_ new: DaemonPlan, changed: Set<String>, record: String) throws(DaemonError) {
    try waitForStart()
    reloading.lock()
    defer { reloading.unlock() }
    if isStopping.load(ordering: .acquiring) { throw .stopping }
    let old = sources.withLock { $0 }
    let changes = SourceChanges(
      from: old.all.map(\.input), to: new.inputs, changed: changed, lastID: old.lastID)
    // Before a line can come.
    if new.followsFiles { pipeline.beginFollowingFiles() }
    var counters = try bind(changes)
    try write(changes, record)
    pipeline.commitTime = new.pipeline.commitInterval
    pipeline.reserve.byteCount = new.writer.reserve
    pipeline.segmentLimits.set(bytes: new.writer.segmentByteLimit, age: new.writer.segmentAgeLimit)
    for (input, fate) in changes.inputs {
      let source = input.source
      switch fate {
      case .kept: counters[source.id] = old.all.first { $0.input.source.id == source.id }?.counters
      case .changed: counters[source.id] = listeners.hand(source.id, to: source)
      case .takesOver(let holder): counters[source.id] = listeners.hand(holder, to: source)
      case .added: break
      }
    }
    listeners.admit()
    sources.withLock { sources in
      sources.all = []
      sources.gone += old.all.filter { changes.removed.contains($0.input.source.id) }
        .map(RunningSources.Account.init)
      for (input, _) in changes.inputs {
        if let counters = counters[input.source.id] { sources.add(input, counters) }
      }
    }
    remove(changes, old)
    do throws(SystemError) { try keepChanged(new.retention) } catch {
      note("retention: nothing is removed until the daemon is started anew: \(error)")
    }
  }

  /// Ends the connections of a TLS source whose certificates the authorities that it has read last do not stand for.
  /// Blocks, as `reload` does.
  public func recheckClients(of name: String) {
    reloading.withLock {
      guard let source = sources.withLock({ $0.all.first { $0.input.source.name == name } }) else { return }
      listeners.recheck(source.input.source.id)
    }
  }

  /// How long a start may take before a reload is given up, nanoseconds.
  private static let startTime: Int64 = 30_000_000_000

  private func waitForStart() throws(DaemonError) {
    let deadline = Clock.monotonic() + Self.startTime
    lock.withLock {
      while !isStarted.load(ordering: .acquiring), !isStopping.load(ordering: .acquiring),
        Clock.monotonic() < deadline
      {
        stopping.wait(lock, until: deadline)
      }
    }
    if !isStarted.load(ordering: .acquiring) { throw .stopping }
  }

  /// Binds what is new. If one of them cannot be bound, none is.
  private func bind(_ changes: SourceChanges) throws(DaemonError) -> [UInt32: SourceCounters] {
    var counters: [UInt32: SourceCounters] = [:]
    do {
      for (input, fate) in changes.inputs where fate == .added {
        counters[input.source.id] = try listeners.bind(input.source)
      }
      try listeners.prepare()
      return counters
    } catch {
      for id in counters.keys { listeners.discard(id) }
      throw (error as? ListenError).map { .listen($0) } ?? (error as? SystemError).map { .system($0) }
        ?? .stopping
    }
  }

  /// Records what changes, and has blocks behind that read by the new definitions. Returns once messages of new
  /// sources may come.
  private func write(_ changes: SourceChanges, _ record: String) throws(DaemonError) {
    var records = [record]
    sources.withLock { sources in
      sources.lastID = changes.lastID
      for (input, _) in changes.inputs { sources.names[input.source.id] = input.source.name }
    }
    for (input, fate) in changes.inputs where fate != .kept {
      var holder: UInt32?
      if case .takesOver(let id) = fate { holder = id }
      records.append(DaemonRecord.source(input, url: url(of: input, holder: holder)))
      if let formats = input.formats { records.append(formats.record(isTaken: true)) }
    }
    var isGood = pipeline.change(records) { table in
      for (input, fate) in changes.inputs {
        switch fate {
        case .kept: break
        case .changed: table.change(Int(input.source.id), to: input.definition)
        case .added, .takesOver:
          let number = table.append(input.definition)
          precondition(number == Int(input.source.id))
        }
      }
    }
    if isGood, changes.hasNew { isGood = pipeline.settle() }
    if !isGood { throw .stopping }
  }

  private func remove(_ changes: SourceChanges, _ old: RunningSources) {
    if changes.removed.isEmpty { return }
    for id in changes.removed { listeners.remove(id) }
    _ = pipeline.settle()
    for id in changes.removed { pipeline.accounts?.end(Int(id)) }
    recordLosses()
    let gone = old.all.filter { changes.removed.contains($0.input.source.id) }
    let records = gone.map { DaemonRecord.removed($0.input.source.id, status(of: $0)) }
    pipeline.change(records) { table in
      for id in changes.removed { table.remove(Int(id)) }
    }
    sources.withLock { sources in for id in changes.removed { sources.names[id] = nil } }
  }

  private func keepChanged(_ policy: RetentionPolicy?) throws(SystemError) {
    if policy != retention.withLock({ $0?.policy }) { try keep(policy) }
  }
}
