import Bytes
import Platform
import ServiceLifecycle

/// What `--status-json` prints: one object a line, one line a second.
struct StatusReport: Service {
  let watch: DaemonWatch

  func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        print()
        try? await Task.sleep(for: .seconds(1))
      }
    }
  }

  func print() { try? StandardOutput.print(watch.snapshot.json.text + "\n") }
}
