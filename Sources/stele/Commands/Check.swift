import ArgumentParser
import Bytes
import Inspect
import MerkleLog
import Platform

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check a proof that `stele prove` wrote, or an audit's note. No log is needed.",
    discussion: """
      What it is, its first line says: a proof of an entry, a proof that a log only grew, or the note that \
      `stele verify --note` wrote, for which the key is the auditor's.

      Ends with status 0 when the proof holds, 2 when it does not, and 3 when a tree is consistent with \
      another that nobody signed.

      EXAMPLES
        stele check entry.proof --key example.com/edge+8950de40+AR/54Kf…
        stele prove edge 41822 --disclose | stele check - --key edge.vkey --json
        stele prove edge --from checkpoint.old | stele check - --key edge.vkey
      """)

  @Argument(help: "The file with the proof; - is standard input.")
  var proof: String

  @Option(help: ArgumentHelp("The log's verifier key, or a file that holds it.", valueName: "vkey"))
  var key: String

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let keys = try KeyArgument.keys([key])
    let checked: (text: String, json: JSONValue, status: ExitStatus)
    let bytes = try SmallFile.read(proof, limit: 2 * SignedNote.maximumSize)
    do { checked = try bytes.withView { try Self.check($0, keys) } } catch {
      let error = bytes.withView { Self.explained(error, $0, keys) }
      if json {
        let object: JSONValue = ["result": .text("not proved"), "error": .text("\(error)")]
        try StandardOutput.print(object.text + "\n")
      }
      throw error
    }
    try StandardOutput.print(json ? checked.json.text + "\n" : checked.text)
    if checked.status != .fine { throw Ending(checked.status) }
  }

  /// A key that was replaced is no forgery, and looks like one.
  private static func explained(_ error: any Error, _ file: ByteView, _ keys: LogKeys) -> any Error {
    switch error {
    case ProofCheckError.proof(.checkpoint(let cause)) where cause.reason == .noKnownSignature,
      ConsistencyCheckError.proof(.checkpoint(let cause)) where cause.reason == .noKnownSignature:
      ProofCheckError(file, signedByOtherThan: keys) ?? error
    default: error
    }
  }

  private static func check(
    _ file: ByteView, _ keys: LogKeys
  ) throws -> (text: String, json: JSONValue, status: ExitStatus) {
    if ConsistencyProofFile.begins(file) {
      let checked = try CheckedConsistency(file, keys: keys)
      return (checked.text, checked.json, checked.exitStatus)
    }
    if AuditNote.begins(file) {
      let note: AuditNote
      do throws(NoteError) { note = try AuditNote(file, key: keys.origin) } catch {
        throw ProofCheckError.file(error)
      }
      return ("\(note.text)\nSigned by \(keys.origin)\n", note.json, .fine)
    }
    let checked = try CheckedProof(file, keys: keys)
    return (checked.text, checked.json, .fine)
  }
}
