import ArgumentParser
import Bytes
import Inspect
import MerkleLog
import Platform
import SegmentReader

struct Prove: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Prove to somebody without the log that an entry is in it, or that it only grew.",
    discussion: """
      Writes a proof that `stele check`, or any implementation of C2SP tlog-proof, checks with nothing but \
      the verifier key. It shows when the entry was received and how long it is, but not one byte of the \
      message unless --disclose is given. The index is what `stele search` shows as `seq`.

      With --from it proves instead that nothing was changed or removed between two checkpoints. Either is a \
      file with a signed checkpoint, or the number of entries that the log had.

      EXAMPLES
        stele prove edge 41822 --disclose > entry.proof
        stele check entry.proof --key edge.vkey
        stele prove edge --from checkpoint.old --output grew.proof
        stele prove edge --from checkpoint.old --to edge/checkpoint | stele check - --key edge.vkey
      """)

  @Argument(help: "The log's directory.")
  var directory: String

  @Argument(help: "The entry's index.")
  var index: UInt64?

  @Flag(help: "Show the message, and who sent it.")
  var disclose = false

  @Option(
    help: ArgumentHelp("Prove that the log extends this checkpoint.", valueName: "checkpoint|size"))
  var from: String?

  @Option(
    help: ArgumentHelp("The later checkpoint (default: the log's own).", valueName: "checkpoint|size"))
  var to: String?

  @Option(help: ArgumentHelp("Write the proof there (default: standard output).", valueName: "file"))
  var output: String?

  @OptionGroup(title: "Encrypted entries") var decryption: DecryptionOptions

  func validate() throws {
    guard (index == nil) != (from == nil) else {
      throw ValidationError("Give either an entry's index or --from.")
    }
    if from == nil, to != nil { throw ValidationError("--to needs --from.") }
    if from != nil, disclose { throw ValidationError("--disclose needs an entry's index.") }
  }

  func run() throws {
    let prover = Prover(try LogReader(directory, recipient: decryption.recipient()))
    let proof: [UInt8]
    if let index {
      proof = try prover.prove(index, disclose: disclose).bytes
    } else {
      let first = try from.map(Self.tree) ?? .size(0)
      proof = try prover.consistency(from: first, to: to.map(Self.tree)).bytes
    }
    try proof.withView { bytes in
      if let output {
        try FileDescriptor(writing: output).write(bytes)
      } else {
        var out = try StandardOutput()
        try out.write(bytes)
        try out.flush()
      }
    }
  }

  /// A number of entries, or the file with a checkpoint.
  private static func tree(_ text: String) throws -> Prover.Tree {
    if let size = UInt64(text) { return .size(size) }
    let bytes = try SmallFile.read(text, limit: SignedNote.maximumSize)
    do throws(NoteError) {
      let note = try bytes.withView { (bytes) throws(NoteError) in try SignedNote(bytes) }
      return .checkpoint(note, try note.text.withView { (text) throws(NoteError) in try Checkpoint(text) })
    } catch { throw LogError.note(file: text, error) }
  }
}
