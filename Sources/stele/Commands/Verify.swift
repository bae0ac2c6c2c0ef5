import ArgumentParser
import Bytes
import Cryptography
import Inspect
import MerkleLog
import Platform
import SegmentReader
import SegmentWriter

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Prove that a log was not changed, or name the place where it was.",
    discussion: """
      Checks every byte of every file: signatures, seals, the chain over the stored bytes, and, unless \
      --quick, every entry against the tree. Give the two verifier keys that `stele init` printed, kept away \
      from this host: keys that lie beside the log prove as much as the log itself. The first of them alone does \
      not help against somebody who has stolen the log's private key and rewrites what was signed before. With a checkpoint that was \
      kept elsewhere, a log that was cut off or set back is found too.

      Ends with status 0 when the log is intact, 2 when it was tampered with or damaged, 3 when it is intact \
      but something is missing, 66 when there is no log.

      Several logs can be given, and as many keys and checkpoints: each goes with the log of its name. \
      --report writes what an auditor files, --note the essentials of it, signed with the auditor's own key, \
      which `stele check` reads back. After a first full run, --since and the checkpoint of that run decode \
      only what came behind it.

      EXAMPLES
        stele verify edge --key logs.example.com/edge-1+8950de40+AR/54Kf…
        stele verify copy --key edge.vkey --checkpoint checkpoint.old --json
        stele verify edge copy --key edge.vkey --since checkpoint.old --report audit.txt
        stele verify edge --key edge.vkey --report audit.txt --note audit.note --sign auditor.key
        stele check audit.note --key auditor.vkey
      """)

  @Argument(help: "The directories of the logs.")
  var directories: [String]

  @Option(
    help: ArgumentHelp(
      "A log's verifier key, or a file with it and the first one-time key; may be given for each.",
      valueName: "vkey"))
  var key: [String] = []

  @Option(
    help: ArgumentHelp(
      "A signed checkpoint that was kept elsewhere; the log must continue it.", valueName: "file"))
  var checkpoint: [String] = []

  @Option(
    help: ArgumentHelp(
      "A signed checkpoint that is trusted; only what is behind it is decoded.", valueName: "file"))
  var since: [String] = []

  @Option(
    help: ArgumentHelp(
      "The certificates of timestamp authorities that you trust (PEM); tokens must be theirs.",
      valueName: "file"))
  var tsaCa: String?

  @Option(
    help: ArgumentHelp(
      "Which witnesses must have cosigned the log: a policy (C2SP tlog-policy). See `stele help witness`.",
      valueName: "file"))
  var policy: String?

  @Flag(help: "Check stored bytes, chain and signatures only, without decoding entries.")
  var quick = false

  @Flag(help: "Print one JSON object with every finding.")
  var json = false

  @Option(help: ArgumentHelp("Write a report there that can be filed.", valueName: "file"))
  var report: String?

  @Option(help: ArgumentHelp("Write the report's essentials there, as a signed note.", valueName: "file"))
  var note: String?

  @Option(help: ArgumentHelp("The file with the auditor's private key, for --note.", valueName: "file"))
  var sign: String?

  @OptionGroup(title: "Encrypted entries") var decryption: DecryptionOptions

  func validate() throws {
    if directories.isEmpty { throw ValidationError("Name the directory of a log.") }
    if (note == nil) != (sign == nil) { throw ValidationError("--note and --sign go together.") }
  }

  func run() throws {
    let signer = try sign.map { try LogCreation.readKey($0) }
    let logs = try KeyArgument.logs(key)
    let recipient = try decryption.recipient()
    let witnesses = try policy.map { try WitnessPolicy(file: $0) }
    if let tsaCa { _ = try TimestampAuthorities(file: tsaCa) }
    let checkpoints = try CheckpointArgument.bytes(checkpoint, for: directories)
    let trusted = try CheckpointArgument.bytes(since, for: directories)
    var audit = AuditReport(
      program: "stele \(Version.text)", command: Self.command(CommandLine.arguments), time: Clock.realtime())
    for (number, directory) in directories.enumerated() {
      var verifier = Verifier(directory)
      let keys = KeyArgument.keys(logs, for: directory)
      verifier.key = keys?.origin
      verifier.firstKey = keys?.first
      verifier.formerKeys = keys?.former ?? []
      verifier.checkpoint = checkpoints[number]
      verifier.since = trusted[number]
      verifier.policy = witnesses
      // A policy that names one log says whose the directory must be.
      if verifier.key == nil, let logs = witnesses?.logs, logs.count == 1 { verifier.key = logs[0].key }
      verifier.isQuick = quick
      verifier.recipient = recipient
      verifier.timestampAuthorities = tsaCa
      let place = directories.count > 1 ? " \(directory) (\(number + 1) of \(directories.count))" : ""
      let line = ProgressLine("verifying" + place)
      verifier.progress = { line.update($0.done, of: $0.total) }
      let result: Result<VerifyReport, LogError>
      do throws(LogError) { result = .success(try verifier.run()) } catch {
        // One log alone fails as any command does.
        if directories.count == 1 { throw error }
        result = .failure(error)
      }
      line.finish()
      audit.add(directory, result)
    }
    try write(audit, signer)
    try StandardOutput.print(json ? audit.json.text + "\n" : audit.text)
    if audit.exitStatus != .fine { throw Ending(audit.exitStatus) }
  }

  private func write(_ audit: AuditReport, _ signer: borrowing SignerKey?) throws {
    let text = Array(audit.longText.utf8)
    if let report { try text.withView { try FileDescriptor(writing: report).write($0) } }
    guard let note, let signed = try Self.sign(audit, report.map { _ in text }, signer) else { return }
    try signed.bytes.withView { try FileDescriptor(writing: note).write($0) }
  }

  private static func sign(
    _ audit: AuditReport, _ text: [UInt8]?, _ signer: borrowing SignerKey?
  ) throws -> SignedNote? {
    switch signer {
    case .some(let signer): try AuditNote.sign(audit, hash: text?.withView { SHA256.hash($0) }, with: signer)
    case .none: nil
    }
  }

  /// The command as a shell takes it.
  private static func command(_ arguments: [String]) -> String {
    let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%_-+=:,./")
    let words = arguments.dropFirst().map { word in
      !word.isEmpty && word.allSatisfy(plain.contains)
        ? word : "'" + word.replacing("'", with: "'\\''") + "'"
    }
    return (["stele"] + words).joined(separator: " ")
  }
}

/// A file with a signed checkpoint.
private struct CheckpointArgument {
  private let path: String
  private let bytes: [UInt8]
  private let origin: KeyName?

  init(_ path: String) throws {
    self.path = path
    bytes = try SmallFile.read(path, limit: SignedNote.maximumSize)
    origin = bytes.withView { bytes in
      (try? SignedNote(bytes)).flatMap { note in note.text.withView { try? Checkpoint($0).origin } }
    }
  }

  /// For each directory the checkpoint of its log. A single one with a single directory is meant for it,
  /// whatever it says; of others, each must be of one of the logs.
  static func bytes(_ paths: [String], for directories: [String]) throws -> [[UInt8]?] {
    let checkpoints = try paths.map { try CheckpointArgument($0) }
    if directories.count == 1, checkpoints.count < 2 { return [checkpoints.first?.bytes] }
    let origins = directories.map { (try? LogDirectory($0))?.origin }
    for checkpoint in checkpoints where !origins.contains(where: { $0 != nil && $0 == checkpoint.origin }) {
      throw ValidationError("\(checkpoint.path) is a checkpoint of none of these logs.")
    }
    return origins.map { origin in checkpoints.first { $0.origin == origin }?.bytes }
  }
}
