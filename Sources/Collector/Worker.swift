import Bytes
import Crypto
import Intake
import Platform
import SegmentWriter
import Segments
import Syslog
import Templates

/// Turns runs of messages into encoded, hashed blocks: the data path between the queue and the writer.
///
/// Per message: match, append to columns, hash the commitment and the leaf. Nothing is allocated for one message.
struct Worker: ~Copyable {
  private let matcher: Matcher
  private var result: MatchResult
  private var builder: BlockBuilder
  private let sourceNames: [SourceName]
  private var hasher: EntryHasher
  private var hasherPlan: SegmentPlan

  init(_ sources: SourceTable, _ plan: SegmentPlan) throws(CryptoError) {
    hasher = try EntryHasher(seed: plan.seed)
    hasherPlan = plan
    matcher = Matcher(sources.templateLists)
    result = MatchResult(for: matcher)
    builder = BlockBuilder(for: matcher)
    sourceNames = sources.names
  }

  /// Encodes the messages of `batch` into `block`, as entries from `place` on.
  mutating func encode(
    _ batch: borrowing SlabBatch, at place: Sequencer.Place, into block: EncodedBlock, _ counters: ParseCounters
  ) throws(CryptoError) {
    if hasherPlan !== place.plan {
      hasher = try EntryHasher(seed: place.plan.seed)
      hasherPlan = place.plan
    }
    block.plan = place.plan
    block.leaves.removeAll()
    var index = place.firstIndex
    for number in 0..<batch.count { try encode(batch[number], &index, block, counters) }
    block.payload.removeAll()
    block.contents = builder.finish(matcher, sourceNames: sourceNames, to: &block.payload)
    block.foldLeaves(first: place.firstIndex)
  }

  /// Gives back the memory that blocks have left the columns with.
  mutating func releaseMemory() { builder = BlockBuilder(for: matcher) }

  private mutating func encode(
    _ slab: borrowing Slab, _ index: inout UInt64, _ block: EncodedBlock, _ counters: ParseCounters
  ) throws(CryptoError) {
    var lastEnvelope = UInt32.max
    for number in 0..<slab.messageCount {
      let record = slab[number]
      let raw = slab.message(record)
      let envelope = slab.envelope(Int(record.envelope))
      let metadata = EntryMetadata(
        time: record.time, source: record.source, flags: record.flags.rawValue,
        kind: record.source == 0 ? .control : .received)
      if record.source == 0 {
        builder.append(unparsed: raw, metadata, envelope: envelope)
      } else {
        matcher.match(raw, list: Int(record.source), into: &result)
        builder.append(
          raw, result, metadata, envelope: envelope, hasSameEnvelope: record.envelope == lastEnvelope)
        if result.node < 0 || result.isPartial { counters.countUnparsed(Int(record.source)) }
      }
      lastEnvelope = record.envelope
      block.leaves.append(try hasher.leaf(index: index, metadata, envelope: envelope, raw: raw))
      index &+= 1
    }
  }
}
