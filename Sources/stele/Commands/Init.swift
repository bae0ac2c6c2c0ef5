import Bytes
import ArgumentParser
import Inspect
import MerkleLog
import SegmentWriter

struct Init: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a new log.",
    discussion: """
      Prints two verifier keys, a line each, once: the log's own, and the first of its one-time keys. Keep both \
      away from this host: they are what proves the log to somebody who trusts nobody here. With the second, even \
      a stolen private key signs nothing into the past. The private keys are kept beside the directory, which \
      itself holds nothing secret.

      EXAMPLE
        stele init /var/lib/stele/edge --origin logs.example.com/edge-1
      """)

  @Argument(help: "The log's directory; made if it is not there.")
  var directory: String

  @Option(help: "The log's name for ever: a URL without scheme, such as logs.example.com/edge-1.")
  var origin: String

  @Option(help: ArgumentHelp("Where the private key is kept (default: DIRECTORY.key).", valueName: "file"))
  var keyFile: String?

  @OptionGroup var keyStore: KeyStoreOption

  @Flag(help: "Print one JSON object.")
  var json = false

  /// Bytes of the longest origin.
  private static let longestOrigin = 1024

  func run() throws {
    guard let name = KeyName(origin) else {
      throw ValidationError("'\(origin)' is no origin: it must not be empty or have blanks or '+' in it")
    }
    // It stands in every segment, seal and checkpoint, and readers bound what they read of those.
    guard origin.utf8.count <= Self.longestOrigin else {
      throw ValidationError(
        "the origin has \(origin.utf8.count) bytes: it must not have more than \(Self.longestOrigin)")
    }
    let keyPath = keyFile ?? LogCreation.defaultKeyPath(directory)
    let keys = try LogCreation.create(
      directory: directory, origin: name, keyPath: keyPath, keyStorePath: keyStore.path)
    LogOwner.warn(directory)
    guard json else { return try StandardOutput.print(keys.text) }
    let object: JSONValue = [
      "directory": .text(directory), "origin": .text(origin), "key": .text("\(keys.origin)"),
      "first_key": .optional(keys.first.map { "\($0)" }), "key_file": .text(keyPath),
      "key_store": .text(keyStore.path ?? LogCreation.defaultKeyStorePath(directory)),
    ]
    try StandardOutput.print(object.text + "\n")
  }
}
