import Bytes
import ArgumentParser
import Inspect
import Platform
import SegmentReader

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show what a log, or a file of one, holds.",
    discussion: """
      Describes a log's directory, a segment, a seal, a checkpoint, a verifier key or a proof. What a file \
      is, its contents say, not its name. Nothing is verified: that is for `stele verify` and `stele check`.

      EXAMPLES
        stele inspect edge
        stele inspect edge/00000000000000000000.segment --json
      """)

  @Argument(help: "The directory or file.")
  var path: String

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let description = try Description(path)
    let choices = try formatChoices()
    if json {
      return try StandardOutput.print(description.json.adding("formats", choices.json).text + "\n")
    }
    try StandardOutput.print(description.text + choices.text)
  }

  /// What sources with `format: auto` were taken for; nothing where the path is no log.
  private func formatChoices() throws -> FormatHistory {
    guard (try? Directory(path)) != nil, let reader = try? LogReader(path) else { return FormatHistory([]) }
    return FormatHistory(try LogSearch(reader).records("format"))
  }
}
