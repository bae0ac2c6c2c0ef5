import Bytes
import Cryptography
import Events
import MerkleLog
import SegmentReader
import Segments

/// What a verification knows of the keys of encrypted segments.
struct SidecarLedger {
  struct Segment {
    var firstIndex: UInt64
    var endIndex: UInt64
    var id: String
    var isHere: Bool
  }

  /// Encrypted segments, in order.
  var segments: [Segment] = []
  /// Control entries that authorise the destruction of a key, by segment id.
  var shredded: [String: ControlItem] = [:]
  /// Entries that are encrypted and could not be decrypted, in order.
  var closed: [Range<UInt64>] = []
}

extension LogCheck {
  private static var ledgerName: String { "the key of the segment's encrypted entries" }

  /// Checks the sidecar of a segment, and opens it with the recipient's key if one was given.
  mutating func openSidecar(_ header: SegmentHeader, _ running: inout RunningSegment) -> SegmentKey? {
    guard let digest = header.keyDigest else { return nil }
    let name = FileNames.name(header.firstIndex, .cms)
    do throws(LogError) {
      let bytes = try log.read(name, limit: LogDirectory.sidecarLimit)
      // Of one that is overwritten, only the name is still to be removed.
      let isHere = bytes?.contains { $0 != 0 } ?? false
      sidecars.segments.append(
        SidecarLedger.Segment(
          firstIndex: header.firstIndex, endIndex: header.firstIndex, id: "\(header.id)",
          isHere: isHere))
      guard let bytes, isHere else { return nil }
      guard bytes.withView({ SHA256.hash($0) }) == digest else {
        let text = "\(Self.ledgerName) is not the one that was written; restore the file from a copy"
        running.findings.append(Finding(.corruption, file: name, text))
        return nil
      }
      guard let recipient = options.recipient else { return nil }
      if let key = bytes.withView({ recipient.open($0) }) { return key }
      let text = "\(Self.ledgerName) was not encrypted to the recipient whose key was given"
      running.findings.append(Finding(.closed, .note, file: name, text))
    } catch { running.findings.append(unreadable(name, error)) }
    return nil
  }

  /// Takes in which entries of a segment stay closed, and where it ends.
  mutating func keepClosed(_ running: RunningSegment) {
    guard let header = running.job?.header, header.isEncrypted else { return }
    if let last = sidecars.segments.lastIndex(where: { $0.firstIndex == header.firstIndex }) {
      sidecars.segments[last].endIndex = running.endIndex
    }
    for block in running.blocks where block.isClosed && block.firstIndex < block.endIndex {
      sidecars.closed.append(block.firstIndex..<block.endIndex)
      report.closedEntries += block.endIndex - block.firstIndex
    }
  }

  /// Takes in what control entries authorise.
  mutating func keepShredded(_ items: [ControlItem]) {
    for item in items where item.type == "shredded" {
      guard let id = item.json["segment"]?.string else { continue }
      sidecars.shredded[id] = sidecars.shredded[id] ?? item
    }
  }

  /// Whether the tree of that size ends inside a block that is closed, so that its root cannot be known.
  func isClosed(_ size: UInt64) -> Bool {
    sidecars.closed.contains { $0.lowerBound < size && size < $0.upperBound }
  }

  /// A key that is not here was destroyed by a recorded act, or is missing.
  mutating func judgeSidecars() {
    let signed = max(report.checkpoint?.size ?? 0, report.sealedEnd)
    for segment in sidecars.segments {
      let name = FileNames.name(segment.firstIndex, .cms)
      let entries = segment.firstIndex..<max(segment.endIndex, segment.firstIndex)
      // Anybody who writes here can append an entry; only a signed one authorises anything.
      guard let item = sidecars.shredded[segment.id], item.index < signed else {
        if segment.isHere { continue }
        let text =
          "\(Self.ledgerName) is missing, and no entry of the log authorises that; restore the file from a copy"
        add(Finding(.missingFile, file: name, entries: entries, text))
        continue
      }
      let json = item.json
      func member(_ name: String) -> String { json[name]?.string ?? "(not said)" }
      let act =
        "entry \(item.index) of \(Timestamp.text(item.time)) says by whose authority: \(member("authority")), "
        + "approved by \(member("approver")), because: \(member("reason"))"
      let text =
        segment.isHere
        ? "the destruction of this key is authorised, but was not carried out yet; \(act)"
        : "the key was destroyed, and with it what these entries said; their proofs stay valid; \(act)"
      add(Finding(.erased, .note, file: name, entries: entries, text))
    }
  }

  /// Sidecars that belong to no segment.
  mutating func noteStraySidecars(_ files: LogFiles) {
    for segment in files.segments where segment.kinds.contains(.cms) && !segment.holdsEntries {
      if report.isBeingWritten { continue }
      let name = FileNames.name(segment.firstIndex, .cms)
      let text = "the key of a segment that a crash left without a header; the next writer removes it"
      add(Finding(.leftOver, .note, file: name, text))
    }
  }
}
