import ArgumentParser
import Bytes
import Inspect
import MerkleLog
import Platform

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Prove that a log was not changed, or name the place where it was.",
    discussion: """
      Checks every byte of every file: signatures, seals, the chain over the stored bytes, and, unless \
      --quick, every entry against the tree. Give the verifier key that `stele init` printed, kept away from \
      this host: a key that lies beside the log proves as much as the log itself. With a checkpoint that was \
      kept elsewhere, a log that was cut off or set back is found too.

      Ends with status 0 when the log is intact, 2 when it was tampered with or damaged, 3 when it is intact \
      but something is missing, 66 when there is no log.

      EXAMPLES
        stele verify edge --key logs.example.com/edge-1+8950de40+AR/54Kf…
        stele verify copy --key edge.vkey --checkpoint checkpoint.old --json
      """)

  @Argument(help: "The log's directory.")
  var directory: String

  @Option(help: ArgumentHelp("The log's verifier key, or a file that holds it.", valueName: "vkey"))
  var key: String?

  @Option(
    help: ArgumentHelp(
      "A signed checkpoint that was kept elsewhere; the log must continue it.", valueName: "file"))
  var checkpoint: String?

  @Flag(help: "Check stored bytes, chain and signatures only, without decoding entries.")
  var quick = false

  @Flag(help: "Print one JSON object with every finding.")
  var json = false

  func run() throws {
    var verifier = Verifier(directory)
    verifier.key = try key.map { try KeyArgument.key($0) }
    verifier.checkpoint = try checkpoint.map { path in
      var bytes = ByteBuffer()
      try FileDescriptor(reading: path).readAll(limit: SignedNote.maximumSize, into: &bytes)
      return bytes.view.array
    }
    verifier.isQuick = quick
    let line = ProgressLine("verifying")
    verifier.progress = { line.update($0.done, of: $0.total) }
    let report = try verifier.run()
    line.finish()
    try StandardOutput.print(json ? report.json.text + "\n" : report.text)
    if report.exitStatus != .fine { throw Ending(report.exitStatus) }
  }
}
