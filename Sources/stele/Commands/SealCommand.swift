import ArgumentParser
import Bytes
import Collector
import Inspect
import MerkleLog
import SegmentReader
import SegmentWriter
import Segments

struct SealCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "seal",
    abstract: "Sign and seal what a log holds.",
    discussion: """
      Recovers what a crash left, signs a checkpoint over everything, and finishes the segment that is open. A \
      daemon that writes to the log does it in place of the command, and goes on in another segment; one that \
      is stopped seals by itself.

      EXAMPLE
        stele seal /var/lib/stele/edge
      """)

  @OptionGroup var log: WritingOptions

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let recovery = try log.withSession { session in
      try session.finishSegment()
      return (session as? WriterSession)?.recovery
    }
    let directory = try LogDirectory(log.directory)
    let keys = try directory.keys()
    let (origin, seal) = (keys.origin, try directory.newestSeal(keys)?.seal)
    let (size, root) = (seal?.endIndex ?? 0, seal?.root ?? CompactRange().root)
    guard json else {
      var text = "\(origin.name): \(size) entries are sealed, under a checkpoint with root \(root)\n"
      if recovery == nil { text += "the daemon that writes to the log goes on in the next segment\n" }
      if let torn = recovery?.tornBytes, torn > 0 {
        text += "\(torn) bytes behind the last whole block were moved to a .torn file\n"
      }
      if let lost = recovery?.unreadSegmentsText { text += lost + "\n" }
      return try StandardOutput.print(text)
    }
    let object: JSONValue = [
      "origin": .text("\(origin.name)"), "entries": .number(size), "root": .text("\(root)"),
      "by_daemon": .flag(recovery == nil), "torn_bytes": .number(recovery?.tornBytes ?? 0),
      "unfinished_segments": .number(recovery?.unfinishedSegments ?? 0),
      "unread_segments": .list((recovery?.unreadSegments ?? []).map { .number($0) }),
    ]
    try StandardOutput.print(object.text + "\n")
  }
}
