import Bytes
import Cryptography
import MerkleLog
import Platform
import Synchronization

/// A witness (C2SP tlog-witness): remembers how far each log has come, and cosigns what continues it. A log
/// that was rolled back or forked gets no cosignature, however good its own signature is.
public final class Witness: Sendable {
  /// What is answered over HTTP.
  public struct Reply: Equatable, Sendable {
    public var status: Int
    public var type: String
    public var body: [UInt8]

    init(_ status: Int, _ body: String, type: String = "text/plain; charset=utf-8") {
      self.status = status
      self.type = type
      self.body = Array((body + "\n").utf8)
    }
  }

  /// The key that verifies what this witness signs.
  public var key: VerifierKey { cosigner.verifier }
  private let cosigner: CosignerKey
  private let state: WitnessState
  private let logs: [KeyName: WitnessedLog]
  private let clock: @Sendable () -> Int64

  /// A witness of the logs with those keys, of which several may be one log's. A `former` key counts for trees
  /// up to its end. Reads, and locks, the directory `state`, which is made if it is not there. `clock` gives
  /// nanoseconds since 1970 UTC.
  public init(
    key: consuming CosignerKey, state path: String, logs keys: [VerifierKey], former: [LogKeys.Former] = [],
    clock: @escaping @Sendable () -> Int64 = Clock.realtime
  ) throws(WitnessStateError) {
    let state = try WitnessState(path)
    var logs: [KeyName: WitnessedLog] = [:]
    let all = keys.map { LogKeys.Former($0, until: .max) } + former
    for (origin, keys) in Dictionary(grouping: all, by: \.key.name) {
      logs[origin] = WitnessedLog(keys: keys, known: try state.read(origin, key.verifier))
    }
    cosigner = key
    self.state = state
    self.logs = logs
    self.clock = clock
  }

  /// `GET <hex SHA-256 of the origin>/checkpoint`: the newest checkpoint that was cosigned, with its
  /// signatures.
  public func checkpoint(_ hex: String) -> Reply {
    guard let log = logs.first(where: { WitnessState.name($0.key) == hex })?.value else {
      return Reply(404, "no such log")
    }
    guard let note = log.newest else { return Reply(404, "no checkpoint of this log has been cosigned yet") }
    var reply = Reply(200, "")
    reply.body = note.bytes
    return reply
  }

  /// `POST add-checkpoint`. Several at once are answered one after the other for each log: comparing the old
  /// size, signing, and making the new one durable is one step.
  public func addCheckpoint(_ body: [UInt8]) -> Reply {
    guard let request = body.withView({ AddCheckpoint($0) }),
      let checkpoint = try? request.note.text.withView({ try Checkpoint($0) })
    else { return Reply(400, "the body is not 'old SIZE', proof, empty line and checkpoint") }
    guard let log = logs[checkpoint.origin] else { return Reply(404, "the log is not known here") }
    // Signatures by unknown keys are no concern; one that claims to be by a known key and is not is.
    guard (try? request.note.verify(with: log.keys(at: checkpoint.size))) != nil else {
      return Reply(403, "no good signature by a key that is trusted for this log")
    }
    return log.update { known in decide(request, checkpoint, &known) }
  }

  private func decide(
    _ request: AddCheckpoint, _ checkpoint: Checkpoint, _ known: inout KnownCheckpoint?
  ) -> WitnessedLog.Verdict {
    switch WitnessDecision(request, checkpoint, known: known?.checkpoint) {
    case .oldTooLarge: return .answer(Reply(400, "old is larger than the checkpoint"))
    case .conflict(let size): return .answer(Reply(409, "\(size)", type: WitnessAnswer.sizeType))
    case .inconsistent:
      return .answer(Reply(422, "the checkpoint does not continue the one that is known here"))
    case .cosign(let isNew):
      do {
        let seconds = UInt64(clamping: clock() / 1_000_000_000)
        let cosignature = try cosigner.cosign(request.note.text, at: seconds)
        if isNew {
          var note = try SignedNote(text: request.note.text)
          // What is kept, and shown to others, is what was verified: not whatever came along with it.
          for signature in request.note.signatures where log(checkpoint, has: signature) {
            note.append(signature)
          }
          note.append(cosignature)
          let next = KnownCheckpoint(checkpoint: checkpoint, note: note)
          try state.write(next)
          known = next
        }
        return .answer(Reply(200, cosignature.line))
      } catch { return .broken("\(error)") }
    }
  }

  private func log(_ checkpoint: Checkpoint, has signature: NoteSignature) -> Bool {
    let keys = logs[checkpoint.origin]?.keys(at: checkpoint.size) ?? []
    return keys.contains { $0.id == signature.keyID && $0.name == signature.name }
  }
}

/// What is to be done with a checkpoint whose signature is good.
enum WitnessDecision: Equatable {
  case oldTooLarge
  case conflict(size: UInt64)
  case inconsistent
  /// `isNew`: it becomes the newest one that is known.
  case cosign(isNew: Bool)

  /// The order of the checks is that of the specification.
  init(_ request: AddCheckpoint, _ checkpoint: Checkpoint, known: Checkpoint?) {
    let size = known?.size ?? 0
    if request.old > checkpoint.size {
      self = .oldTooLarge
    } else if request.old != size {
      self = .conflict(size: size)
    } else {
      let proof = ConsistencyProof(first: size, second: checkpoint.size, hashes: request.proof)
      let root = known?.root ?? SHA256.emptyRoot
      let isConsistent = (try? proof.verify(firstRoot: root, secondRoot: checkpoint.root)) != nil
      self = isConsistent ? .cosign(isNew: known == nil || checkpoint.size > size) : .inconsistent
    }
  }
}

/// One log that is witnessed.
private final class WitnessedLog: Sendable {
  enum Verdict {
    case answer(Witness.Reply)
    /// What was signed could not be made durable.
    case broken(String)
  }

  private struct State {
    var known: KnownCheckpoint?
    /// After a write that failed nobody knows what is on disk; the next start will.
    var failure: String?
  }

  private let keys: [LogKeys.Former]
  private let state: Mutex<State>

  init(keys: [LogKeys.Former], known: KnownCheckpoint?) {
    self.keys = keys
    state = Mutex(State(known: known))
  }

  /// The keys that may sign a tree of that size.
  func keys(at size: UInt64) -> [VerifierKey] { keys.filter { size <= $0.end }.map(\.key) }

  var newest: SignedNote? { state.withLock { $0.known?.note } }

  func update(_ body: (inout KnownCheckpoint?) -> Verdict) -> Witness.Reply {
    state.withLock { state in
      if let failure = state.failure { return Witness.Reply(500, failure) }
      switch body(&state.known) {
      case .answer(let reply): return reply
      case .broken(let cause):
        let text = "the witness cannot keep what it signs (\(cause)); it must be mended and restarted"
        state.failure = text
        return Witness.Reply(500, text)
      }
    }
  }
}
