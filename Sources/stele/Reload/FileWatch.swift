import Collector
import Logging
import Platform
import ServiceLifecycle
import UnixSignals

/// Files whose changes the daemon takes over while it runs.
protocol WatchedFiles: Sendable {
  /// Whether `take` has something to do. Looks at the files; does not read them.
  func isDue(isForced: Bool) -> Bool
  /// Takes over what has changed. Blocks.
  func take(isForced: Bool)
}

/// Looks at files every second, so that it makes no difference how an editor writes them; what has changed is
/// taken over once it has stayed the same for a second, or at once on SIGHUP.
struct FileWatch: Service {
  /// In the order in which they are taken over.
  let files: [any WatchedFiles]
  /// Is called when the program is to end, for what is being taken over may wait for room on the disk.
  let hurry: @Sendable () -> Void

  func run() async throws {
    await withTaskGroup(of: Void.self) { group in
      let (wakes, wake) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingNewest(2))
      group.addTask {
        while (try? await Task.sleep(for: .seconds(1))) != nil { wake.yield(false) }
      }
      group.addTask {
        for await _ in await UnixSignalsSequence(trapping: .sighup) { wake.yield(true) }
      }
      await cancelWhenGracefulShutdown {
        await withGracefulShutdownHandler {
          for await isForced in wakes { await look(isForced: isForced) }
        } onGracefulShutdown: {
          hurry()
        }
      }
      group.cancelAll()
    }
  }

  /// The service manager hears of it: whoever has asked it to reload waits until all is taken over.
  private func look(isForced: Bool) async {
    let due = files.filter { $0.isDue(isForced: isForced) }
    if due.isEmpty { return }
    let manager = ServiceManager()
    manager?.notify("RELOADING=1\nMONOTONIC_USEC=\(Clock.monotonic() / 1000)")
    for files in due { try? await onThread("stele-reload") { files.take(isForced: isForced) } }
    // Reading formats and plans has taken memory that is not needed until the next time.
    Platform.Process.trimMemory()
    manager?.notify("READY=1")
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

  /// They have been taken over as they are.
  mutating func take(_ paths: [String]) { taken = Self.marks(paths) }
}
