import ArgumentParser
import Bytes
import Collector
import Cryptography
import Events
import Platform
import SegmentReader
import SegmentWriter
import Segments

struct TimestampCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "timestamp",
    abstract: "Have a timestamp authority say when a log existed.",
    discussion: """
      Asks the authority (RFC 3161) for tokens over the newest seal and the newest checkpoint, and stores them \
      in the log's directory. With the log's private key at hand it also writes their hashes into the log: what \
      is logged from then on is younger than the tokens. Without it, such as in an auditor's copy, the tokens \
      alone say until when the entries existed. A daemon does this by itself (`timestamps` in its \
      configuration).

      EXAMPLE
        stele timestamp edge --url http://tsa.example.com/ --ca tsa-ca.crt
      """)

  @OptionGroup var log: WritingOptions

  @Option(help: "The authority's URL.")
  var url: String

  @Option(
    help: ArgumentHelp(
      "The certificates that vouch for the authority (PEM); other tokens are refused.", valueName: "file"))
  var ca: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let directory = try LogDirectory(log.directory)
    var client = try TimestampClient(url, authorities: ca)
    let recorded = try log.withSessionIfPossible { session in
      // What is open is sealed first, so that there is a seal over all of it.
      try session.finishSegment()
      let stored = try Self.round(&client, directory)
      if !stored.isEmpty { try session.record(stored.map(\.record.entry.text)) }
      return stored
    }
    try report(try recorded ?? Self.round(&client, directory), isRecorded: recorded != nil)
  }

  private static func round(
    _ client: inout TimestampClient, _ log: LogDirectory
  ) throws -> [StoredTimestamp] {
    try TimestampRound.subjects(of: log).map { subject in
      try TimestampRound.store(try client.stamp(subject.text), over: subject, in: log)
    }
  }

  private func report(_ stored: [StoredTimestamp], isRecorded: Bool) throws {
    if json {
      let tokens = stored.map { stored -> JSONValue in
        [
          "file": .text(stored.file), "size": .number(stored.size), "time": .text(stored.record.time),
          "authority": .text(stored.token.authority), "sha256": .text("\(stored.record.sha256)"),
        ]
      }
      let object: JSONValue = [
        "tokens": .list(tokens), "recorded": .flag(isRecorded && !stored.isEmpty),
        "verified": .flag(ca != nil),
      ]
      return try StandardOutput.print(object.text + "\n")
    }
    var text = ""
    for token in stored {
      let time = Timestamp.text(token.token.time, digits: 3)
      text += "\(token.file): \(token.size) entries existed at \(time) (\(token.token.authority))\n"
    }
    if stored.isEmpty { text += "the newest seal and the newest checkpoint have tokens already\n" }
    if ca == nil {
      text += "whose word that is was not checked: give the authority's certificate with --ca\n"
    }
    if !isRecorded {
      text += "nothing was written into the log: its private key is not here\n"
    }
    try StandardOutput.print(text)
  }
}
