import Logging
import Platform
import ServiceLifecycle
import Synchronization
import UnixSignals

/// Files whose changes the daemon takes over while it runs.
protocol WatchedFiles: Sendable {
  /// Whether `take` has something to do. Looks at the files, every second; does not read them.
  func isDue(isForced: Bool) -> Bool
  /// Takes over what has changed, and says what became of it. Blocks.
  func take(isForced: Bool) -> [ReloadVerdict]
}

/// Looks at files every second, so that it makes no difference how an editor writes them; what has changed is
/// taken over once it has stayed the same for a second, or at once on SIGHUP and when `stele config reload` asks.
final class FileWatch: Service {
  private struct Requests {
    var isForced = false
    var waiting: [PendingReload] = []
    var hasEnded = false
  }

  /// In the order in which they are taken over.
  private let files: [any WatchedFiles]
  /// Is called when the program is to end, for what is being taken over may wait for room on the disk.
  private let hurry: @Sendable () -> Void
  private let requests = Mutex(Requests())
  private let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

  init(files: [any WatchedFiles], hurry: @escaping @Sendable () -> Void) {
    self.files = files
    self.hurry = hurry
  }

  func run() async throws {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { [wake] in
        while (try? await Task.sleep(for: .seconds(1))) != nil { wake.yield() }
      }
      group.addTask { [self] in
        for await _ in await UnixSignalsSequence(trapping: .sighup) { force() }
      }
      await cancelWhenGracefulShutdown { [self] in
        await withGracefulShutdownHandler {
          for await _ in wakes { await look() }
        } onGracefulShutdown: {
          self.hurry()
        }
      }
      group.cancelAll()
    }
    let waiting = requests.withLock { requests in
      requests.hasEnded = true
      return requests.waiting
    }
    for pending in waiting { pending.finish(nil) }
  }

  /// Has all files looked at now, and says what became of those that have changed; nil when the program ends
  /// meanwhile. Blocks: not for a thread of the concurrency runtime.
  func reload() -> [ReloadVerdict]? {
    let pending = PendingReload()
    guard force(pending) else { return nil }
    return pending.wait()
  }

  @discardableResult private func force(_ pending: PendingReload? = nil) -> Bool {
    let isTaken = requests.withLock { requests in
      if requests.hasEnded { return false }
      requests.isForced = true
      if let pending { requests.waiting.append(pending) }
      return true
    }
    wake.yield()
    return isTaken
  }

  /// The service manager hears of it: whoever has asked it to reload waits until all is taken over.
  private func look() async {
    let (isForced, waiting) = requests.withLock { requests in
      defer { (requests.isForced, requests.waiting) = (false, []) }
      return (requests.isForced, requests.waiting)
    }
    var verdicts: [ReloadVerdict] = []
    let due = files.filter { $0.isDue(isForced: isForced) }
    if !due.isEmpty {
      let manager = ServiceManager()
      manager?.notify("RELOADING=1\nMONOTONIC_USEC=\(Clock.monotonic() / 1000)")
      for files in due {
        verdicts += (try? await onThread("stele-reload") { files.take(isForced: isForced) }) ?? []
      }
      // Reading formats and plans has taken memory that is not needed until the next time.
      Platform.Process.trimMemory()
      manager?.notify("READY=1")
      // What is to be watched from now on is looked at before it can change.
      wake.yield()
    }
    for pending in waiting { pending.finish(verdicts) }
  }
}

/// Somebody who waits for a reload.
private final class PendingReload: Sendable {
  private let lock = Lock()
  private let changed = Condition()
  private nonisolated(unsafe) var verdicts: [ReloadVerdict]?
  private nonisolated(unsafe) var isDone = false

  func finish(_ verdicts: [ReloadVerdict]?) {
    lock.withLock {
      unsafe self.verdicts = verdicts
      unsafe isDone = true
      changed.broadcast()
    }
  }

  func wait() -> [ReloadVerdict]? {
    lock.withLock {
      while unsafe !isDone { changed.wait(lock) }
      return unsafe verdicts
    }
  }
}

/// What was last seen of some files, and what of them was taken over.
struct FileMarks: Sendable {
  private struct Mark: Equatable {
    var path: String
    var status: FileStatus?
  }
  private var seen: [Mark]
  private var taken: [Mark]

  /// The files as they are now were taken over, or not yet.
  init(_ paths: [String], areTaken: Bool) {
    seen = Self.marks(paths)
    taken = areTaken ? seen : []
  }

  /// They were taken over as they were when they had `statuses`.
  init(_ paths: [String], takenAs statuses: [FileStatus?]) {
    seen = Self.marks(paths)
    taken = zip(paths, statuses).map { Mark(path: $0, status: $1) }
  }

  private static func marks(_ paths: [String]) -> [Mark] {
    paths.map { Mark(path: $0, status: try? FileDescriptor(reading: $0).status()) }
  }

  /// Whether they are not as they were taken over, and at rest since the last look; or `isForced`. They count as
  /// taken over then.
  mutating func areDue(_ paths: [String], isForced: Bool) -> Bool {
    let now = Self.marks(paths)
    defer { seen = now }
    guard isForced || now != taken && now == seen else { return false }
    taken = now
    return true
  }

  /// The same, but `isForced` does not make files due that are as they were taken over.
  mutating func haveChanged(_ paths: [String], isForced: Bool) -> Bool {
    let now = Self.marks(paths)
    defer { seen = now }
    guard now != taken, isForced || now == seen else { return false }
    taken = now
    return true
  }

  /// They have been taken over as they are.
  mutating func take(_ paths: [String]) { taken = Self.marks(paths) }
}
