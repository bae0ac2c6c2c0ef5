import Bytes
import Collector
import Inspect
import Intake
import MerkleLog
import Platform
import Segments
import ServiceLifecycle

/// What `--status-json` prints: one object a line, one line a second.
struct StatusReport: Service {
  let daemon: Daemon
  let directory: String

  func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        Self.print(daemon, directory)
        try? await Task.sleep(for: .seconds(1))
      }
    }
  }

  static func print(_ daemon: Daemon, _ directory: String) {
    let status = daemon.status
    let sources = status.inputs.map { input in
      let object: JSONValue = [
        "listen": .text(input.url), "received": .number(input.counters.messages),
        "unparsed": .number(input.unparsed), "lost": .number(input.counters.kernelDrops),
        "connections": .number(input.counters.connectionsOpen),
      ]
      return JSONValue.Member(input.name, object.adding("format", input.format?.json))
    }
    let object: JSONValue = [
      "durable": .number(status.durableIndex), "checkpoint": .number(checkpointSize(directory)),
      "sources": .object(sources),
    ]
    try? StandardOutput.print(object.text + "\n")
  }

  /// Entries that the published checkpoint covers; 0 before there is one. Whoever reads the directory sees
  /// the same.
  private static func checkpointSize(_ directory: String) -> UInt64 {
    guard let directory = try? Directory(directory),
      let bytes = try? directory.readFile(FileNames.checkpoint, limit: SignedNote.maximumSize),
      let note = try? SignedNote(bytes.view), let checkpoint = try? note.text.withView({ try Checkpoint($0) })
    else { return 0 }
    return checkpoint.size
  }
}
