import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments
import Templates

/// What must be known of a segment before its first entry is hashed.
public final class SegmentPlan: Sendable {
  public let id: SegmentID
  public let seed: SaltKey
  /// Nanoseconds since 1970 UTC.
  public let created: Int64

  public init() throws(CryptoError) {
    id = try SegmentID.random()
    seed = try SaltKey.random()
    created = Clock.realtime()
  }
}

/// One block, encoded and hashed, on its way to the file. Reused.
public final class EncodedBlock: @unchecked Sendable {
  // Owned by one thread at a time: the worker that fills it, then the writer that appends it.
  public var payload = ByteBuffer()
  public var run = SubtreeRun()
  public var leaves = ValueList<Digest>()
  public var contents = BlockContents(count: 0, rawByteCount: 0, firstTime: 0, lastTime: 0)
  public var plan: SegmentPlan

  public init(plan: SegmentPlan) { self.plan = plan }

  public var firstIndex: UInt64 { run.first }
  public var endIndex: UInt64 { run.first + UInt64(run.count) }

  /// Folds the leaves, of which the first has index `first`.
  public func foldLeaves(first: UInt64) {
    unsafe leaves.withUnsafeElements { unsafe run.replace(first: first, leaves: $0.span) }
  }

  /// Gives back the memory of what it held.
  public func releaseMemory() {
    payload = ByteBuffer()
    leaves = ValueList<Digest>()
  }

  /// Makes this a block of control entries, one for each text.
  public func fill(control texts: [String], first: UInt64, time: Int64) throws(CryptoError) {
    let matcher = Matcher([])
    var builder = BlockBuilder(for: matcher)
    var hasher = try EntryHasher(seed: plan.seed)
    leaves.removeAll()
    for (number, text) in texts.enumerated() {
      let metadata = EntryMetadata(time: time, source: 0, flags: ControlEntry.flags, kind: .control)
      var raw = ByteBuffer()
      raw.append(text)
      let leaf = try ControlEntry.envelope.withView { (envelope) throws(CryptoError) in
        builder.append(unparsed: raw.view, metadata, envelope: envelope)
        return try hasher.leaf(
          index: first + UInt64(number), metadata, envelope: envelope, raw: raw.view)
      }
      leaves.append(leaf)
    }
    payload.removeAll()
    contents = builder.finish(matcher, sourceNames: [ControlEntry.source], to: &payload)
    foldLeaves(first: first)
  }
}

/// What all control entries have in common.
public enum ControlEntry {
  /// Framing: none.
  public static let flags: UInt16 = 4
  /// Transport 5, Stele itself, and nothing more.
  public static let envelope: [UInt8] = [5]
  public static let source = SourceName(0, "stele")
}
