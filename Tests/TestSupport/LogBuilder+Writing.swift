import Bytes
import Cryptography
import MerkleLog
import SegmentWriter
import Segments
import Templates

extension LogBuilder {
  /// Appends lines as one block of the plan's segment, encrypted where the plan is.
  public static func append(_ entries: [TestEntry], to writer: LogWriter, _ plan: SegmentPlan) throws {
    let block = EncodedBlock(plan: plan)
    let matcher = Matcher([[template]])
    var result = MatchResult(for: matcher)
    var builder = BlockBuilder(for: matcher)
    var hasher = try EntryHasher(seed: try plan.messageSeed())
    let first = writer.tree.size
    for (row, entry) in entries.enumerated() {
      try entry.raw.withView { raw in
        try entry.envelope.withView { envelope in
          matcher.match(raw, list: 0, into: &result)
          builder.append(raw, result, entry.metadata, envelope: envelope, hasSameEnvelope: false)
          block.leaves.append(
            try hasher.leaf(index: first + UInt64(row), entry.metadata, envelope: envelope, raw: raw))
        }
      }
    }
    block.contents = builder.finish(matcher, sourceNames: [SourceName(1, "test")], to: &block.payload)
    block.foldLeaves(first: first)
    try block.encrypt()
    try writer.append(block)
  }
}
