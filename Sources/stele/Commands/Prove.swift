import ArgumentParser
import Bytes
import Inspect
import MerkleLog
import Platform
import SegmentReader

struct Prove: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Prove to somebody without the log that an entry is in it.",
    discussion: """
      Writes a proof that `stele check`, or any implementation of C2SP tlog-proof, checks with nothing but \
      the verifier key. It shows when the entry was received and how long it is, but not one byte of the \
      message unless --disclose is given. The index is what `stele search` shows as `seq`.

      EXAMPLES
        stele prove edge 41822 --disclose > entry.proof
        stele check entry.proof --key edge.vkey
      """)

  @Argument(help: "The log's directory.")
  var directory: String

  @Argument(help: "The entry's index.")
  var index: UInt64

  @Flag(help: "Show the message, and who sent it.")
  var disclose = false

  @Option(help: ArgumentHelp("Write the proof there (default: standard output).", valueName: "file"))
  var output: String?

  func run() throws {
    let proof = try Prover(LogReader(directory)).prove(index, disclose: disclose)
    try proof.bytes.withView { bytes in
      if let output {
        try FileDescriptor(writing: output).write(bytes)
      } else {
        var out = try StandardOutput()
        try out.write(bytes)
        try out.flush()
      }
    }
  }
}
