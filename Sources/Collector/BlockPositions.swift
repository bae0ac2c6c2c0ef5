import Bytes
import Intake
import SegmentWriter
import Segments

extension EncodedBlock {
  /// Notes how far the slab's entries bring followed files. A slab is never split, so what it says holds once its
  /// entries are stored.
  func addPositions(of slab: borrowing Slab) {
    if slab.isControl {
      for number in 0..<slab.messageCount {
        if let record = PositionsRecord(slab.message(number)) { positions += record.files }
      }
      return
    }
    // A slab has files' lines only, or none.
    guard slab.envelopeCount > 0, slab.envelope(0).count > 0,
      slab.envelope(0)[0] == Envelope.Transport.file.rawValue
    else { return }
    for number in 0..<slab.envelopeCount {
      if let position = FilePosition(envelope: slab.envelope(number)) { positions.append(position) }
    }
  }
}
