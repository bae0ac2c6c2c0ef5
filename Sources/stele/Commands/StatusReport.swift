import Bytes
import Collector
import Inspect
import Intake
import Platform
import Segments
import ServiceLifecycle

/// What `--status-json` prints: one object a line, one line a second.
struct StatusReport: Service {
  let daemon: Daemon
  let directory: String
  let timestamping: Timestamping?
  /// Nil when nobody cosigns the log.
  let witnesses: WitnessService?

  func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        print()
        try? await Task.sleep(for: .seconds(1))
      }
    }
  }

  func print() {
    let status = daemon.status
    let sources = status.inputs.map { input in
      let object: JSONValue = [
        "listen": .text(input.url), "received": .number(input.counters.messages),
        "unparsed": .number(input.unparsed), "lost": .number(input.counters.kernelDrops),
        "connections": .number(input.counters.connectionsOpen),
      ]
      return JSONValue.Member(input.name, object.adding("format", input.format?.json))
    }
    // Whoever reads the directory sees the same.
    let checkpoint = PublishedCheckpoint.size(directory, FileNames.checkpoint)
    let object: JSONValue = [
      "durable": .number(status.durableIndex), "checkpoint": .number(checkpoint),
      "sources": .object(sources),
    ]
    try? StandardOutput.print(
      object.adding("timestamp", timestamping?.json).adding("witnesses", witnessed(status.durableIndex)).text
        + "\n")
  }

  /// How far witnesses have cosigned, and the tail that they have not.
  private func witnessed(_ durable: UInt64) -> JSONValue? {
    guard let status = witnesses?.status else { return nil }
    return [
      "size": .number(status.size), "tail": .number(durable - min(status.size, durable)),
      "age": .decimal(Double(Clock.monotonic() - status.time) / 1e9, digits: 1),
      "alarms": .list(status.alarms.map { .text("\($0)") }),
      "failures": .list(status.failures.map { .text($0) }),
    ]
  }
}
