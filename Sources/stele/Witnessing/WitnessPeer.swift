import HTTP
import MerkleLog
import Synchronization
import Witness

/// One witness, as the log's side sees it.
final class WitnessPeer: Sendable {
  enum Result: Sendable {
    case cosigned(NoteSignature)
    case alarm(WitnessAlarm)
    case failed(String)
  }

  let name: String
  let key: VerifierKey
  private let url: String
  private let client: HTTPClient
  /// Size of the tree that it is thought to know.
  private let known = Mutex<UInt64>(0)

  /// Longest time for one answer, nanoseconds.
  private static let timeout: Int64 = 10_000_000_000

  /// Nil when the policy gives no URL for it: then it cannot be asked.
  init?(_ witness: WitnessPolicy.Witness, authorities: String?) {
    guard let url = witness.url else { return nil }
    self.url = (url.hasSuffix("/") ? String(url.dropLast()) : url) + "/add-checkpoint"
    name = "\(witness.key.name)"
    key = witness.key
    var options = HTTPClient.Options()
    options.authorities = authorities
    options.timeout = Self.timeout
    options.answerLimit = AddCheckpoint.sizeLimit
    client = HTTPClient(options)
  }

  /// Ends what is under way.
  func cancel() { client.cancel() }

  /// Asks for a cosignature. Blocks. `newest` reads the size of the checkpoint that is published by now.
  func submit(_ maker: ProofMaker, newest: () -> UInt64) -> Result {
    let checkpoint = maker.checkpoint
    var old = min(known.withLock { $0 }, checkpoint.size)
    // Twice: whoever does not know how far the witness is, learns it from the first answer.
    for _ in 0..<2 {
      let answer: WitnessAnswer
      do { answer = try ask(maker, old) } catch { return .failed("\(error)") }
      switch answer {
      case .cosigned(let signatures): return take(signatures, maker)
      case .conflict(let size):
        if size > checkpoint.size {
          // Somebody else may have sent a checkpoint that is newer than the one at hand.
          if size <= newest() { return .failed("\(name) has cosigned a newer checkpoint already") }
          return .alarm(WitnessAlarm(kind: .rollback, witness: name, size: size, ours: checkpoint.size))
        }
        guard size != old else {
          return .failed("\(name) contradicts itself: it refuses its own size \(size)")
        }
        old = size
        known.withLock { $0 = size }
      case .inconsistent:
        return .alarm(WitnessAlarm(kind: .fork, witness: name, size: old, ours: checkpoint.size))
      case .unknownLog:
        return .failed("\(name) does not know \(checkpoint.origin); its operator must add the log's key")
      case .untrustedKey:
        return .failed("\(name) does not trust this log's key; its operator must have the current one")
      case .other(let status): return .failed("\(name) gave no answer that is one, with status \(status)")
      }
    }
    return .failed("\(name) changes its size while it is asked: another process sends checkpoints, too")
  }

  private func ask(_ maker: ProofMaker, _ old: UInt64) throws -> WitnessAnswer {
    let request = AddCheckpoint(old: old, proof: try maker.proof(from: old), note: maker.signed.note)
    let answer = try client.post(url, request.bytes, type: "text/plain; charset=utf-8")
    return WitnessAnswer(status: answer.status, type: answer.contentType, body: answer.body)
  }

  /// Keeps the line that is by this witness and good; others say nothing.
  private func take(_ signatures: [NoteSignature], _ maker: ProofMaker) -> Result {
    let good = signatures.first { $0.keyID == key.id && $0.name == key.name && isGood($0, maker) }
    guard let good else { return .failed("\(name) did not answer with a good signature by its key") }
    known.withLock { $0 = maker.checkpoint.size }
    return .cosigned(good)
  }

  private func isGood(_ signature: NoteSignature, _ maker: ProofMaker) -> Bool {
    key.verifies(signature: signature.bytes, of: maker.signed.note.text)
  }
}
