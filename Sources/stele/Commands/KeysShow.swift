import ArgumentParser
import Bytes
import Inspect
import MerkleLog
import Platform
import SegmentReader
import SegmentWriter
import Segments

struct KeysShow: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Show a log's keys, and whether its private ones are where they should be.",
    discussion: """
      Nothing is verified: that is for `stele verify`. The status is 3 where a private key is missing, or \
      where others than its owner may read it.

      EXAMPLES
        stele keys show edge
        stele keys show edge --json
      """)

  @Argument(help: "The log's directory.")
  var directory: String

  @Option(
    help: ArgumentHelp("The file with the log's private key (default: DIRECTORY.key).", valueName: "file"))
  var keyFile: String?

  @OptionGroup var keyStore: KeyStoreOption

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let reader = try LogReader(directory)
    let state = KeyState(
      keys: reader.keys, size: reader.committedSize,
      next: try reader.namedKey(before: reader.committedSize),
      // Seals are numbered from 0.
      seals: try reader.directory.newestSeal(reader.keys).map { $0.seal.keys.number + 1 } ?? 0,
      files: [
        PrivateFile("key", LogCreation.keyPath(keyFile, for: directory)),
        PrivateFile("key_store", keyStore.path ?? LogCreation.defaultKeyStorePath(directory)),
      ])
    try StandardOutput.print(json ? state.json.text + "\n" : state.text)
    if !state.files.allSatisfy(\.isGood) { throw Ending(outcome: .incomplete) }
  }
}

/// A file with private keys: whether it is there, and who may read it.
struct PrivateFile {
  let role: String
  let path: String
  /// Permission bits; nil when it is not there.
  private(set) var mode: UInt32?
  /// Why nothing can be said of it.
  private(set) var error: SystemError?

  init(_ role: String, _ path: String) {
    self.role = role
    self.path = path
    do throws(SystemError) { mode = try FileDescriptor(reading: path).status().mode } catch {
      if error.errno != .noSuchFile { self.error = error }
    }
  }

  /// systemd lets the service's user at a credential by an access list, which shows as bits of the group.
  private var forbidden: UInt32 { path == LogCreation.credentialPath ? 0o007 : 0o077 }

  var isGood: Bool { mode.map { $0 & forbidden == 0 } ?? false }

  private static func octal(_ mode: UInt32) -> String {
    let digits = String(mode, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }

  /// What to do when others may read it.
  var warning: String? {
    guard let mode, !isGood else { return nil }
    return "\(path): others may read the log's private key (mode \(Self.octal(mode))): chmod 0400 \(path)"
  }

  var text: String {
    if let error { return "\(path): \(error)" }
    guard let mode else { return "\(path): not here" }
    let fault = isGood ? "" : ": others may read it; make it 0\(role == "key" ? 400 : 600)"
    return "\(path), mode \(Self.octal(mode))\(fault)"
  }

  var json: JSONValue {
    [
      "role": .text(role), "path": .text(path), "mode": .optional(mode.map(Self.octal)),
      "good": .flag(isGood), "error": .optional(error.map { "\($0)" }),
    ]
  }
}

/// What is known of a log's keys.
private struct KeyState {
  var keys: LogKeys
  /// Entries under the checkpoint.
  var size: UInt64
  /// Signs the next checkpoint.
  var next: NamedKey?
  var seals: UInt64
  var files: [PrivateFile]

  private static func id(_ key: VerifierKey) -> String {
    let digits = String(key.id, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }

  private var nextVerifier: VerifierKey? {
    next.map { VerifierKey(name: keys.origin.name.checkpointKey($0.number), publicKey: $0.key) }
  }

  var text: String {
    func line(_ name: String, _ value: String) -> String {
      name + String(repeating: " ", count: max(1, 14 - name.count)) + value + "\n"
    }
    var text = line("Key", "\(keys.origin)") + line("", "id \(Self.id(keys.origin))")
    if let first = keys.first { text += line("First key", "\(first)") + line("", "id \(Self.id(first))") }
    for former in keys.former { text += line("Former key", "\(former.key), until entry \(former.end)") }
    text += line("Checkpoint", "over \(Quantities.plural(Int(clamping: size), "entry", "entries"))")
    if let next, let key = nextVerifier {
      text += line("Next key", "number \(next.number), id \(Self.id(key)), epoch \(next.epoch)")
    } else {
      text += line("Next key", "not known: nothing in front of the checkpoint names one")
    }
    text += line("Seals", "\(seals)")
    text += line("Private key", files[0].text) + line("Key store", files[1].text)
    return text
  }

  var json: JSONValue {
    func object(_ key: VerifierKey) -> JSONValue { ["key": .text("\(key)"), "id": .text(Self.id(key))] }
    return [
      "origin": .text("\(keys.origin.name)"), "key": object(keys.origin),
      "first": keys.first.map(object) ?? .null,
      "former": .list(
        keys.former.map {
          ["key": .text("\($0.key)"), "id": .text(Self.id($0.key)), "until": .number($0.end)]
        }),
      "size": .number(size), "next": nextVerifier.map(object) ?? .null,
      "next_number": .optional(next?.number), "epoch": .optional(next?.epoch), "seals": .number(seals),
      "files": .list(files.map(\.json)),
    ]
  }
}
