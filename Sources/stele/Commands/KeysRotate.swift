import ArgumentParser
import Bytes
import Collector
import MerkleLog
import Platform
import SegmentWriter

struct KeysRotate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rotate",
    abstract: "Replace a log's private key by a new one.",
    discussion: """
      Writes into the log that its old key gives way to a new one, signed by both. From the next segment on the \
      new key signs, and the old one signs nothing any more; its file is overwritten. Whoever has the old \
      verifier key follows by it: `stele verify --key OLD` says where the key changed, and ends with status 0.

      Works beside a running daemon, which goes on collecting. Where the private key is a systemd credential, \
      or in a place that Stele cannot write to, make the new one yourself and name it with --new-key; put it in \
      the old one's place before the next start, which fails with the old key. Witnesses need the new verifier \
      key: `stele witness --log` takes what `stele keys export` prints.

      EXAMPLES
        stele keys rotate edge --reason "yearly"
        stele keys generate logs.example.com/edge-1 --output next.key
        stele keys rotate edge --new-key next.key
      """)

  @Argument(help: "The log's directory.")
  var directory: String

  @Option(
    help: ArgumentHelp("The file with the log's private key (default: DIRECTORY.key).", valueName: "file"))
  var keyFile: String?

  @Option(
    help: ArgumentHelp(
      "A file with the new private key, of `stele keys generate` (default: one is made).", valueName: "file"))
  var newKey: String?

  @Option(help: ArgumentHelp("Why, for the log.", valueName: "text"))
  var reason: String?

  @OptionGroup var keyStore: KeyStoreOption

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    // The daemon may be the only one that has the key.
    let session: any LogSession
    if let daemon = try ChannelSession(directory) {
      session = daemon
    } else {
      session = WriterSession(
        try LogOpening.open(
          directory: directory, keyPath: LogCreation.keyPath(keyFile, for: directory),
          options: keyStore.options))
    }
    let outcome: RotationOutcome
    do {
      outcome = try session.rotate(to: newKey.map { .file(Self.absolute($0)) } ?? .generated, reason: reason)
      try session.close()
    } catch {
      try? session.close()
      throw error
    }
    try StandardOutput.print(json ? Self.json(outcome).text + "\n" : text(outcome))
  }

  /// A daemon has another working directory.
  private static func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : "\(Platform.Process.workingDirectory)/\(path)"
  }

  private func text(_ outcome: RotationOutcome) -> String {
    let rotation = outcome.rotation
    var text = """
      \(rotation.origin): behind entry \(rotation.index) this key signs:
      \(rotation.new)
      Whoever has the former key follows by it. To hand out the new one: stele keys export \(directory)

      """
    if !outcome.isKeyReplaced, let newKey {
      text +=
        "The private key was not replaced, for Stele cannot write to where it is: put \(newKey) in its place "
        + "before the next start, which fails with the former key.\n"
    } else if let newKey {
      text += "\(newKey) has done its work and can be removed: the log's private key file holds it.\n"
    }
    return text
  }

  private static func json(_ outcome: RotationOutcome) -> JSONValue {
    let rotation = outcome.rotation
    return [
      "origin": .text("\(rotation.origin)"), "index": .number(rotation.index),
      "former": .text("\(rotation.old)"), "key": .text("\(rotation.new)"),
      "replaced": .flag(outcome.isKeyReplaced),
    ]
  }
}
