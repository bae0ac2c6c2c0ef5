import Bytes
import MerkleLog
import Platform
import SegmentReader
import SegmentWriter
import Segments
import Synchronization

/// All witnesses of a log, asked at the same time about the same checkpoint.
final class WitnessCircle: Sendable {
  /// What one round gave.
  struct Outcome: Sendable {
    /// Size of the checkpoint that was sent.
    var size: UInt64 = 0
    /// Names of the witnesses that cosigned it.
    var cosigners: [String] = []
    /// Whether they are enough, so that the file `cosigned` was replaced.
    var isWitnessed = false
    var alarms: [WitnessAlarm] = []
    /// What went wrong, a sentence each.
    var failures: [String] = []
  }

  let policy: WitnessPolicy
  private let directory: String
  private let keyStore: String
  private let peers: [WitnessPeer]

  /// Only witnesses with a URL are asked. `keyStore`: nil where it is in its usual place.
  init(_ directory: String, keyStore: String?, _ policy: WitnessPolicy, authorities: String?) {
    self.directory = directory
    self.keyStore = keyStore ?? LogCreation.defaultKeyStorePath(directory)
    self.policy = policy
    peers = policy.witnesses.compactMap { WitnessPeer($0, authorities: authorities) }
  }

  /// No witness has a URL.
  var isEmpty: Bool { peers.isEmpty }

  /// Ends a round that is under way; for good.
  func cancel() { for peer in peers { peer.cancel() } }

  /// Sends the newest checkpoint to all, and publishes it with their cosignatures as soon as these are
  /// enough, and again for each one more. Blocks until all have answered; nil without a checkpoint.
  /// `published` is given the lines each time.
  func round(published: @escaping @Sendable (_ size: UInt64, _ lines: [String]) -> Void = { _, _ in })
    throws -> Outcome?
  {
    guard let maker = try ProofMaker(directory, keyStore: keyStore) else { return nil }
    let shared = Shared(
      Collected(note: maker.signed.note, outcome: Outcome(size: maker.checkpoint.size)))
    var threads: [Thread] = []
    for peer in peers {
      threads.append(
        try Thread(name: "stele-witness", stackSize: 1 << 20) { [self] in
          let result = peer.submit(maker) { self.newestSize() }
          shared.collected.withLock { collected in
            take(result, peer, &collected)
            if collected.outcome.isWitnessed, case .cosigned = result {
              published(maker.checkpoint.size, collected.lines)
            }
          }
        })
    }
    for thread in threads { thread.join() }
    return shared.collected.withLock { $0.outcome }
  }

  private func take(_ result: WitnessPeer.Result, _ peer: WitnessPeer, _ collected: inout Collected) {
    switch result {
    case .alarm(let alarm): collected.outcome.alarms.append(alarm)
    case .failed(let text): collected.outcome.failures.append(text)
    case .cosigned(let signature):
      collected.note.append(signature)
      collected.lines.append(signature.line)
      collected.keys.append(peer.key)
      collected.outcome.cosigners.append(peer.name)
      guard policy.isSatisfied(by: collected.keys) else { return }
      let published = PublishedCheckpoint.size(directory, FileNames.cosigned)
      guard published <= collected.outcome.size else {
        // Another round was faster; or the log is not what it was, and the file shows it.
        collected.outcome.isWitnessed = published <= newestSize()
        return
      }
      do {
        try collected.note.bytes.withView { bytes in
          try Directory(directory).replaceFile(FileNames.cosigned, with: bytes, mode: 0o444)
        }
        collected.outcome.isWitnessed = true
      } catch { collected.outcome.failures.append("\(error)") }
    }
  }

  /// Size of the checkpoint that is published now.
  private func newestSize() -> UInt64 { PublishedCheckpoint.size(directory, FileNames.checkpoint) }

  private struct Collected: Sendable {
    var note: SignedNote
    var keys: [VerifierKey] = []
    var lines: [String] = []
    var outcome: Outcome
  }

  private final class Shared: Sendable {
    let collected: Mutex<Collected>
    init(_ collected: Collected) { self.collected = Mutex(collected) }
  }
}

/// Checkpoints in a log's directory, as whoever reads it sees them; their signatures are not checked.
enum PublishedCheckpoint {
  /// Entries that the checkpoint in a file covers; 0 when there is none.
  static func size(_ directory: String, _ file: String) -> UInt64 {
    guard let directory = try? Directory(directory),
      let bytes = try? directory.readFile(file, limit: SignedNote.maximumSize),
      let note = try? SignedNote(bytes.view), let checkpoint = try? note.text.withView({ try Checkpoint($0) })
    else { return 0 }
    return checkpoint.size
  }
}
