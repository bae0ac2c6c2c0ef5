import Cryptography
import MerkleLog
import SegmentReader

/// What `verify` found.
public struct VerifyReport: Sendable {
  public enum KeySource: String, Sendable {
    /// The caller gave the key: signatures prove something.
    case given
    /// The key stood in the directory itself: it proves as much as the directory is believed.
    case directory
    /// There was no readable key, and no signature was checked.
    case none
  }

  /// Path of the log's directory.
  public var directory = ""
  /// The log's name, as the key has it; empty without a key.
  public var origin = ""
  public var key: VerifierKey?
  public var keySource = KeySource.none
  /// All origin keys that the log has had, as it proves; the one above is among them. Nil without a key.
  public var logKeys: LogKeys?
  /// The log's first one-time key, which the chain of the others was followed from.
  public var firstKey: VerifierKey?
  public var firstKeySource = KeySource.none
  /// Checkpoints whose one-time signature was checked and is good.
  public var oneTimeSignatures: UInt64 = 0
  /// Seals whose one-time signature was checked and is good.
  public var oneTimeSeals = 0
  /// How often a chain of one-time keys began anew.
  public var keyEpochs = 0
  /// Size of the largest tree that a trusted witness has cosigned: a break of the key chain in it is no gap in
  /// what is proved.
  public var cosignedSize: UInt64 = 0
  public var isQuick = false
  /// A writer holds the directory's lock.
  public var isBeingWritten = false
  /// Indexes of the entries that are there, also behind the checkpoint.
  public var entries: Range<UInt64> = 0..<0
  public var segments = 0
  public var sealedSegments = 0
  /// Segments of which only the seal is there.
  public var removedSegments = 0
  public var blocks = 0
  /// Receive times of the entries, first and last, nanoseconds since 1970 UTC; nil without entries.
  public var receiveTimes: ClosedRange<Int64>?
  /// Entries that were decoded and hashed.
  public var decodedEntries: UInt64 = 0
  /// The checkpoint in the directory, when its signature is good.
  public var checkpoint: Checkpoint?
  /// The checkpoint that was given, when its signature is good.
  public var givenCheckpoint: Checkpoint?
  /// The checkpoint in front of which nothing was decoded, when its signature is good.
  public var sinceCheckpoint: Checkpoint?
  /// The largest checkpoint that enough witnesses have cosigned; nil without a policy.
  public var witnessed: WitnessedCheckpoint?
  public var findings: [Finding] = []
  /// Bytes behind the last whole block of open segments.
  public var tornBytes = 0
  /// Bytes of all messages, as the block headers say.
  public var rawBytes = 0
  /// Bytes of all segment files.
  public var storedBytes = 0
  public var control = ControlTotals()
  /// Entries that are encrypted and were not decrypted: only the chain over their stored bytes was checked.
  public var closedEntries: UInt64 = 0
  /// What timestamp tokens say.
  public var times = TimeBracket()
  /// Wall time, nanoseconds.
  public var duration: Int64 = 0

  /// Entries that no signature covers yet.
  public var unsignedTail: UInt64 {
    let covered = max(checkpoint?.size ?? 0, sealedEnd)
    return entries.upperBound > covered ? entries.upperBound - covered : 0
  }
  /// Index behind the last sealed entry.
  public var sealedEnd: UInt64 = 0

  /// Whether no finding is damage.
  public var isIntact: Bool { !findings.contains { $0.severity == .damage } }

  /// Number of findings of each kind that occurs.
  public var counts: [Finding.Kind: Int] { findings.reduce(into: [:]) { $0[$1.kind, default: 0] += 1 } }

  /// Whether the finding is of something that lacks to the proof, though nothing speaks against the log.
  private func isGap(_ finding: Finding) -> Bool {
    switch finding.kind {
    case .erased, .unwitnessed, .closed, .untrustedTime: true
    case .keyBreak: cosignedSize <= finding.entries?.lowerBound ?? .max
    default: false
    }
  }

  /// How the process should end.
  public var exitStatus: ExitStatus {
    let damage = findings.filter { $0.severity == .damage }
    if damage.contains(where: { $0.kind != .unreadable }) { return .damage }
    if !damage.isEmpty { return .inputOutput }
    return findings.contains { isGap($0) } ? .incomplete : .fine
  }
}

/// How a process ends that was asked about a log.
public enum ExitStatus: Int32, Sendable {
  case fine = 0
  /// Tampering or damage.
  case damage = 2
  /// Intact, but something that was asked for is missing.
  case incomplete = 3
  /// There is no such log (EX_NOINPUT of sysexits.h).
  case missing = 66
  /// The system could not read (EX_IOERR).
  case inputOutput = 74

  /// How the process should end that met this error.
  public init(_ error: LogError) {
    switch error {
    case .missing: self = .missing
    case .system, .crypto: self = .inputOutput
    case .noEntry, .notCommitted, .closed, .erased: self = .incomplete
    case .key, .note, .noSeal, .damaged, .noSegment, .rootMismatch: self = .damage
    }
  }
}

/// Sums over the control entries of a log.
public struct ControlTotals: Equatable, Sendable {
  /// Number of control entries of each type.
  public var types: [String: Int] = [:]
  /// Messages that were lost, by source: what `loss` entries account for.
  public var losses: [String: UInt64] = [:]

  /// Adds the sums over other entries.
  public mutating func add(_ other: ControlTotals) {
    types.merge(other.types, uniquingKeysWith: +)
    losses.merge(other.losses, uniquingKeysWith: +)
  }
}
