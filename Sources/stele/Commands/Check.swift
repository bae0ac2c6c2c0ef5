import ArgumentParser
import Bytes
import Inspect
import MerkleLog
import Platform

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check a proof that `stele prove` wrote. No log is needed.",
    discussion: """
      Ends with status 0 when the proof holds, and 2 when it does not.

      EXAMPLES
        stele check entry.proof --key example.com/edge+8950de40+AR/54Kf…
        stele prove edge 41822 --disclose | stele check - --key edge.vkey --json
      """)

  @Argument(help: "The file with the proof; - is standard input.")
  var proof: String

  @Option(help: ArgumentHelp("The log's verifier key, or a file that holds it.", valueName: "vkey"))
  var key: String

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let verifierKey = try KeyArgument.key(key)
    var bytes = ByteBuffer()
    let file = proof == "-" ? try StandardStream.input.open() : try FileDescriptor(reading: proof)
    try file.readAll(limit: 2 * SignedNote.maximumSize, into: &bytes)
    let checked: CheckedProof
    do throws(ProofCheckError) { checked = try CheckedProof(bytes.view, key: verifierKey) } catch {
      if json {
        let object: JSONValue = ["result": .text("not proved"), "error": .text("\(error)")]
        try StandardOutput.print(object.text + "\n")
      }
      throw error
    }
    try StandardOutput.print(json ? checked.json.text + "\n" : checked.text)
  }
}
