import ArgumentParser
import Bytes
import Inspect
import SegmentReader

struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a log's tree as static files that anybody can audit.",
    discussion: """
      The files are those of C2SP tlog-tiles: the checkpoint, tiles of hashes, and bundles of entries, which \
      say when something was received and how long it is, and not one byte of it. Any web server can show \
      them, and any implementation audit them. A directory with an earlier state is brought up to date.

      The hashes of encrypted entries come from what was encrypted: such a log is exported by who can read it, \
      with --decrypt. What is written shows no more than that of any other log.

      EXAMPLES
        stele export edge tiles
        stele export edge tiles --decrypt reader.key --json
      """)

  @Argument(help: "The log's directory.")
  var directory: String

  @Argument(help: "The directory to write to.")
  var output: String

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup(title: "Encrypted entries") var decryption: DecryptionOptions

  func run() throws {
    let reader = try LogReader(directory, recipient: try decryption.recipient())
    let outcome = try TreeExport.run(reader, to: output)
    if json {
      let object: JSONValue = [
        "previous_size": .number(outcome.previousSize), "size": .number(outcome.size),
        "first": .number(outcome.firstIndex), "files": .number(outcome.files),
      ]
      return try StandardOutput.print(object.text + "\n")
    }
    var text = "\(output): the tree of \(outcome.size) entries, of which \(outcome.previousSize) were there; "
    text += "\(outcome.files) files written\n"
    if outcome.firstIndex > 0 {
      text +=
        "entries before \(outcome.firstIndex) are no longer in the log: tiles and bundles of them are not there\n"
    }
    try StandardOutput.print(text)
  }
}
