import Bytes
import ArgumentParser
import Collector
import Inspect
import MerkleLog
import SegmentWriter

struct SealCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "seal",
    abstract: "Sign and seal what a log holds.",
    discussion: """
      Recovers what a crash left, signs a checkpoint over everything, and finishes the segment that is open. \
      No other process may be writing to the log: a daemon that is stopped seals by itself.

      EXAMPLE
        stele seal /var/lib/stele/edge
      """)

  @Argument(help: "The log's directory.")
  var directory: String

  @Option(
    help: ArgumentHelp("The file with the log's private key (default: DIRECTORY.key).", valueName: "file"))
  var keyFile: String?

  @OptionGroup var keyStore: KeyStoreOption

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let writer = try LogOpening.open(
      directory: directory, keyPath: LogCreation.keyPath(keyFile, for: directory),
      options: keyStore.options)
    let tree = writer.tree
    let recovery = writer.recovery
    let origin = writer.origin
    try writer.close()
    guard json else {
      var text = "\(origin): \(tree.size) entries are sealed, under a checkpoint with root \(tree.root)\n"
      if recovery.tornBytes > 0 {
        text += "\(recovery.tornBytes) bytes behind the last whole block were moved to a .torn file\n"
      }
      if let lost = recovery.unreadSegmentsText { text += lost + "\n" }
      return try StandardOutput.print(text)
    }
    let object: JSONValue = [
      "origin": .text("\(origin)"), "entries": .number(tree.size), "root": .text("\(tree.root)"),
      "torn_bytes": .number(recovery.tornBytes), "unfinished_segments": .number(recovery.unfinishedSegments),
      "unread_segments": .list(recovery.unreadSegments.map { .number($0) }),
    ]
    try StandardOutput.print(object.text + "\n")
  }
}
