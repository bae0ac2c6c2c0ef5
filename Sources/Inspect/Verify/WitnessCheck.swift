import Bytes
import Events
import MerkleLog
import Platform
import SegmentReader
import Segments

/// A checkpoint that enough witnesses have cosigned.
public struct WitnessedCheckpoint: Sendable {
  public var checkpoint: Checkpoint
  /// By witnesses of the policy.
  public var cosignatures: [Cosignature]

  /// For people: who, when, and how many entries no witness has seen.
  func text(end: UInt64) -> String {
    let who = cosignatures.map { "\($0.key.name) at \(Self.stamp($0.time))" }.joined(separator: ", ")
    let tail = tail(end: end)
    return "size \(checkpoint.size), by \(who)" + (tail > 0 ? "; \(tail) entries behind it are not yet" : "")
  }

  func json(end: UInt64) -> JSONValue {
    [
      "size": .number(checkpoint.size), "root": .text("\(checkpoint.root)"), "tail": .number(tail(end: end)),
      "cosigners": .list(
        cosignatures.map { ["name": .text("\($0.key.name)"), "time": .text(Self.stamp($0.time))] }),
    ]
  }

  private func tail(end: UInt64) -> UInt64 { end - min(end, checkpoint.size) }

  private static func stamp(_ seconds: UInt64) -> String {
    let limit = UInt64(Int64.max / 1_000_000_000)
    return seconds < limit ? Timestamp.text(Int64(seconds) * 1_000_000_000, digits: 0) : "\(seconds)"
  }
}

extension LogCheck {
  /// Reads the checkpoint that the daemon has had cosigned. With a policy, judges whether it, or the one that
  /// was given, is cosigned by enough witnesses.
  mutating func readCosigned(_ cosigned: Result<[UInt8]?, LogError>) {
    let name = FileNames.cosigned
    guard let keys = report.logKeys else { return }
    if let logs = options.policy?.logs, !logs.isEmpty,
      !logs.contains(where: { keys.origins.contains($0.key) })
    {
      let text = "the log's key is not among those that the policy names"
      add(Finding(.badKey, file: FileNames.verifierKey, text))
    }
    var notes: [SignedCheckpoint] = []
    do throws(LogError) {
      if let bytes = try cosigned.get() {
        do throws(NoteError) {
          let signed = try bytes.withView { (note) throws(NoteError) in try SignedCheckpoint(note, keys: keys)
          }
          anchors.append(Anchor(checkpoint: signed.checkpoint, file: name, name: "the cosigned checkpoint"))
          notes.append(signed)
        } catch {
          add(Finding(.badSignature, file: name, "the cosigned checkpoint is refused: \(error)"))
        }
      }
    } catch { add(unreadable(name, error)) }
    // What is wrong with the one that was given is said where it is read.
    if let given = options.checkpoint?.withView({ try? SignedCheckpoint($0, keys: keys) }) {
      notes.append(given)
    }
    guard let policy = options.policy, policy.needsWitnesses else { return }
    let witnessed = notes.compactMap { signed -> WitnessedCheckpoint? in
      let cosignatures = signed.note.cosignatures(by: policy.witnesses.map(\.key))
      guard policy.isSatisfied(by: cosignatures.map(\.key)) else { return nil }
      return WitnessedCheckpoint(checkpoint: signed.checkpoint, cosignatures: cosignatures)
    }
    report.witnessed = witnessed.max { $0.checkpoint.size < $1.checkpoint.size }
  }

  /// Says so when a policy asks for witnesses, and too few have cosigned anything of this log.
  mutating func judgeWitnesses() {
    guard let policy = options.policy, policy.needsWitnesses, report.witnessed == nil else { return }
    let text =
      "no checkpoint here is cosigned as the policy's quorum '\(policy.quorum)' asks: nobody else vouches that "
      + "there is only one history; give the policy to the daemon, or run `stele cosign`"
    add(Finding(.unwitnessed, .note, file: FileNames.cosigned, entries: report.entries, text))
  }
}
