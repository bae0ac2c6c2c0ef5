import Segments
import TestSupport

/// What somebody does to the entries of a log, behind entry 20: in the third segment, where checkpoint 3
/// signs the first 29 entries, 4 the first 38.
enum Operation: String, CaseIterable, Sendable {
  case modify, backdate, changeSource, deleteEntry, deleteHeartbeats, deleteKeyEntry, deleteSegment, reorder,
    replay
  case insert

  /// Index of the first entry that is not what it was.
  static let first = 20

  /// Does it; `shift` entries were put in front of it.
  func apply(to forger: inout Forger, shift: Int = 0) {
    let index = 23 + shift
    switch self {
    case .modify: forger.modify(index)
    case .backdate: forger.change(index) { $0[$1].metadata.time -= 86_400_000_000_000 }
    case .changeSource: forger.change(index) { $0[$1].envelope[3] ^= 1 }
    case .deleteEntry: forger.remove(index)
    case .deleteHeartbeats:
      forger.remove(35 + shift)
      forger.remove(35 + shift)
    case .deleteKeyEntry: forger.remove(28 + shift)
    case .deleteSegment:
      // The epoch that begins in front of it goes to the next one.
      forger.removeSegment(2)
      if shift > 0 { forger.insert(Forger.epoch, at: 20) }
    case .reorder: forger.exchange(index)
    case .replay: forger.insert(forger.entry(4), at: index)
    case .insert:
      var entry = forger.entry(index)
      entry.raw = Array("a line that nobody ever sent".utf8)
      forger.insert(entry, at: index)
    }
  }
}
