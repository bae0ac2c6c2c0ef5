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
  /// The same moment on the clock that nobody sets (`Clock.monotonic()`).
  let born = Clock.monotonic()
  /// The key that blocks of messages are encrypted with; nil when they are stored in the clear. Wiped when the
  /// segment ends.
  public let key: SegmentKey?
  /// What the sidecar of an encrypted segment holds: the key, encrypted to each recipient.
  let envelope: [UInt8]?

  /// Without recipients, the segment is stored in the clear.
  public init(recipients: [Recipient] = []) throws(CryptoError) {
    key = recipients.isEmpty ? nil : try SegmentKey.random()
    envelope = try key?.envelope(for: recipients)
    id = try SegmentID.random()
    seed = try SaltKey.random()
    created = Clock.realtime()
  }

  /// The seed of the salts of messages.
  public func messageSeed() throws(CryptoError) -> SaltKey { try key?.saltSeed() ?? seed }
}

/// One block, encoded and hashed, on its way to the file. Reused.
public final class EncodedBlock: @unchecked Sendable {
  // Owned by one thread at a time: the worker that fills it, then the writer that appends it.
  public var payload = ByteBuffer()
  public var run = SubtreeRun()
  public var leaves = ValueList<Digest>()
  public var contents = BlockContents(count: 0, rawByteCount: 0, firstTime: 0, lastTime: 0)
  public var plan: SegmentPlan
  /// How far its entries bring followed files.
  public var positions: [FilePosition] = []
  /// Entries by source number.
  public private(set) var tally: [Int] = []
  /// The payload is encrypted.
  public private(set) var isEncrypted = false
  private var spare = ByteBuffer()
  private var cipher: BlockCipher?

  public init(plan: SegmentPlan) { self.plan = plan }

  public var firstIndex: UInt64 { run.first }
  public var endIndex: UInt64 { run.first + UInt64(run.count) }

  /// Folds the leaves, of which the first has index `first`.
  public func foldLeaves(first: UInt64) {
    unsafe leaves.withUnsafeElements { unsafe run.replace(first: first, leaves: $0.span) }
  }

  /// Begins to count entries anew.
  public func clearTally(sources: Int) {
    tally.removeAll(keepingCapacity: true)
    for _ in 0..<sources { tally.append(0) }
  }

  public func count(_ count: Int, of source: Int) { if source < tally.count { tally[source] += count } }

  /// Says that the payload is stored as it is.
  public func leaveClear() { isEncrypted = false }

  /// Encrypts the payload with the plan's key, if it has one. Once all else is set, for the tag vouches for it.
  public func encrypt() throws(CryptoError) {
    guard let key = plan.key else { return leaveClear() }
    isEncrypted = true
    if cipher == nil { cipher = try BlockCipher() }
    try cipher?.seal(
      payload.view, segment: plan.id, firstIndex: firstIndex, contents, key, to: &spare)
    swap(&payload, &spare)
  }

  /// Gives back the memory of what it held.
  public func releaseMemory() {
    payload = ByteBuffer()
    spare = ByteBuffer()
    leaves = ValueList<Digest>()
  }

  /// Makes this a block of control entries, one for each text. It is stored in the clear, also in an encrypted
  /// segment: what they say of keys, erasures and retention is for everybody.
  public func fill(control texts: [String], first: UInt64, time: Int64) throws(CryptoError) {
    let matcher = Matcher([])
    var builder = BlockBuilder(for: matcher)
    var hasher = try EntryHasher(seed: plan.seed)
    leaveClear()
    leaves.removeAll()
    positions = []
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
