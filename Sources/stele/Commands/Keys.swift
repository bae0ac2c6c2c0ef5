import ArgumentParser
import Bytes
import MerkleLog
import Platform
import SegmentReader
import SegmentWriter

struct Keys: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show a log's keys, hand them to auditors, replace them, make keys for others.",
    subcommands: [KeysShow.self, KeysExport.self, KeysRotate.self, KeysGenerate.self])
}

struct KeysExport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Print the verifier keys that an auditor keeps.",
    discussion: """
      The log's key, its first one-time key, and former keys, a line each, as the directory's `vkey` holds \
      them and `--key` takes them. Who did not get them when the log was made has to trust this host for now, \
      and should compare them with somebody who did.

      With --qr as QR codes too, one for each key, for a phone's camera.

      EXAMPLES
        stele keys export edge > auditor.vkey
        stele keys export edge --qr
      """)

  @Argument(help: "The log's directory.")
  var directory: String

  @Flag(help: "Print QR codes too.")
  var qr = false

  func run() throws {
    let keys = try LogDirectory(directory).keys()
    guard qr else { return try StandardOutput.print(keys.text) }
    let colours = StandardStream.output.isTerminal
    var text = ""
    for line in keys.text.split(separator: "\n") {
      guard let code = QRCode(Array(line.utf8)) else {
        throw KeysError.tooLong(line: "\(line)")
      }
      text += "\(line)\n\(code.text(colours: colours))\n"
    }
    try StandardOutput.print(text)
  }
}

struct KeysGenerate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Make a key pair for an auditor or a witness.",
    discussion: """
      Writes the private key into a file that only its owner may read, never over another, and prints the \
      verifier key, which is for everybody. A log's own keys are made by `stele init`; its next one, where \
      `stele keys rotate` cannot make it, here, under the log's name.

      EXAMPLES
        stele keys generate audit.example.com/doe --output doe.key > doe.vkey
        stele keys generate witness.example.com/w1 --witness
      """)

  @Argument(help: "The key's name: a URL without scheme, such as audit.example.com/doe.")
  var name: String

  @Option(
    help: ArgumentHelp(
      "The file for the private key (default: the name's last part, with .key).", valueName: "file"))
  var output: String?

  @Flag(help: "Print the verifier key as that of a witness, which cosigns (type 4).")
  var witness = false

  func run() throws {
    guard let keyName = KeyName(name) else {
      throw ValidationError("'\(name)' is no key name: it must not be empty or have blanks or '+' in it")
    }
    guard let last = name.split(separator: "/").last else {
      throw ValidationError("'\(name)' is no key name")
    }
    let path = output ?? "\(last).key"
    try LogCreation.createKey(name: keyName, at: path)
    let key = try LogCreation.readKey(path)
    let verifier = key.verifier
    try StandardOutput.print("\(witness ? CosignerKey(key).verifier : verifier)\n")
  }
}

/// Why a command about keys cannot do what it should.
enum KeysError: Error, CustomStringConvertible {
  case tooLong(line: String)

  var description: String {
    switch self {
    case .tooLong(let line): "the key is too long for a QR code that a phone can read: \(line)"
    }
  }
}
