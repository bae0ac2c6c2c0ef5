import Bytes
import Cryptography
import MerkleLog
import Synchronization

/// One one-time signature to be checked: that of a checkpoint, as a later `key` entry keeps it.
struct SignatureCheck: Sendable {
  var checkpoint: Checkpoint
  var number: UInt64
  var key: PublicKey
  var signature: [UInt8]
  /// The entry that keeps it, and its file.
  var entry: UInt64
  var file: String

  var isGood: Bool {
    signature.withView { signature in
      Array(checkpoint.text.utf8).withView { key.verifies(signature: signature, of: $0) }
    }
  }
}

/// Signatures that the threads check, a batch at a time: one costs a tenth of a millisecond, and a log has one
/// for each second.
final class SignatureChecks: Sendable {
  private struct State {
    var pending = 0
    var good: UInt64 = 0
    var bad: [SignatureCheck] = []
  }

  private let state = Mutex(State())

  var isDone: Bool { state.withLock { $0.pending == 0 } }
  /// Number of good signatures.
  var good: UInt64 { state.withLock { $0.good } }
  /// The others, in the order of the log.
  var bad: [SignatureCheck] { state.withLock { $0.bad }.sorted { $0.number < $1.number } }

  func begin() { state.withLock { $0.pending += 1 } }

  func run(_ batch: [SignatureCheck]) {
    let bad = batch.filter { !$0.isGood }
    state.withLock { state in
      state.pending -= 1
      state.good += UInt64(batch.count - bad.count)
      state.bad += bad
    }
  }
}
