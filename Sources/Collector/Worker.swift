import Bytes
import Cryptography
import Intake
import Platform
import SegmentWriter
import Segments
import Syslog
import Templates

/// Turns runs of messages into encoded, hashed blocks: the data path between the queue and the writer.
///
/// Per message: match, append to columns, hash the commitment and the leaf. Nothing is allocated for one
/// message.
struct Worker: ~Copyable {
  private var matcher: Matcher
  private var result: MatchResult
  private var builder: BlockBuilder
  private var sourceNames: [SourceName]
  /// By list of templates: its formats have quotes.
  private var quotes: [Bool] = []
  /// By the matcher's slot: takes what is left of a line that ends within its quotes.
  private var cutSlots: [Bool] = []
  private var hasher: EntryHasher
  private var hasherPlan: SegmentPlan
  /// `hasher` has the salts of blocks that are stored in the clear.
  private var hasherIsClear = false
  private var guide: FormatGuide?
  private var tally: BlockTally?
  private var traits: SourceTraits
  private let formats: FormatLedger
  private let accounts: AccountLedger?
  private let counters: ParseCounters
  /// Of messages that do not fit, by source.
  private var unparsed: [ParseCounters.Cell]
  /// Nil when all sources' messages are stored as they are.
  private var minimiser: Minimiser?
  /// Receive time of the last message.
  private var lastTime: Int64 = 0
  /// Which table of sources `matcher` is made of.
  private var generation: Int

  init(
    _ sources: SourceTable, _ plan: SegmentPlan, _ formats: FormatLedger, _ accounts: AccountLedger?,
    _ counters: ParseCounters
  ) throws(CryptoError) {
    hasher = try EntryHasher(seed: plan.seed)
    hasherIsClear = true
    hasherPlan = plan
    matcher = Matcher(sources.templateLists)
    result = MatchResult(for: matcher)
    builder = BlockBuilder(for: matcher)
    sourceNames = sources.names
    guide = FormatGuide(formats, sources, matcher)
    if let accounts { tally = BlockTally(accounts, sources, matcher) }
    self.counters = counters
    unparsed = counters.cells(sources.definitions.count)
    traits = SourceTraits(sources)
    self.formats = formats
    self.accounts = accounts
    generation = 0
    minimiser = Minimiser(sources, matcher)
    keepOrder(sources)
    lookForCuts(sources)
  }

  /// Finds out where the templates tell whether a line was cut.
  private mutating func lookForCuts(_ sources: SourceTable) {
    let templates = matcher.templates
    cutSlots = matcher.slotOwners.map { templates[$0.node].slots[$0.slot].syntax == .cut }
    quotes = sources.templateLists.map { TruncationRule.hasQuotes($0) }
  }

  /// Has the templates of sources that want it so tried in their order.
  private mutating func keepOrder(_ sources: SourceTable) {
    var group = sources.definitions.count + 1
    for (index, definition) in sources.definitions.enumerated() {
      let lists = [index + 1] + Array(group..<group + definition.groups.count)
      group += definition.groups.count
      if !definition.isOrdered { continue }
      for list in lists {
        // The first may be remembered: it is the first to be tried anyhow.
        let count = matcher.bodyCount(list: list)
        result.prefer(0..<min(1, count), order: Array(0..<count), list: list)
      }
    }
  }

  /// Takes over sources whose formats have changed. Between blocks, for a block carries the templates of its
  /// matcher.
  private mutating func adopt(_ sources: SourceTable, _ generation: Int) {
    let matcher = Matcher(sources.templateLists)
    result = MatchResult(for: matcher)
    builder = BlockBuilder(for: matcher)
    sourceNames = sources.names
    guide = FormatGuide(formats, sources, matcher)
    if let accounts { tally = BlockTally(accounts, sources, matcher) }
    unparsed = counters.cells(sources.definitions.count)
    traits = SourceTraits(sources)
    minimiser = Minimiser(sources, matcher)
    self.matcher = matcher
    self.generation = generation
    keepOrder(sources)
    lookForCuts(sources)
  }

  /// The flags of the message that `result` is of, with what its length and its end say of truncation.
  private func flags(of raw: ByteView, _ flags: FrameFlags, source: Int, list: Int) -> FrameFlags {
    let fits = result.node >= 0 && !result.isPartial
    let isCut = fits && result.values.count > 0 && cutSlots[Int(result.values[result.values.count - 1].slot)]
    let known = flags.with(traits.truncation(of: raw, flags, source: source, fits: fits && !isCut))
    if isCut { return TruncationRule.flags(cut: known) }
    if fits { return known }
    return TruncationRule.flags(known, unparsed: raw, hasQuotes: quotes[list] && !result.isAmbiguous)
  }

  /// What is to be stored in place of `raw`; nil when that is all of it.
  @inline(never) private mutating func minimise(
    _ raw: ByteView, _ flags: FrameFlags, source: Int, list: Int
  ) throws(CryptoError) -> ByteView? {
    try minimiser?.minimise(raw, flags, source: source, list: list, matcher, &result)
  }

  /// Encodes the messages of `batch` into `block`, as entries from `place` on. Gives each slab back to `queue`
  /// as soon as it is read, but for the last: while some of the batch is held, nobody takes the queue for
  /// settled.
  mutating func encode(
    _ batch: inout SlabBatch, of queue: SlabQueue, at place: Sequencer.Place, into block: EncodedBlock
  ) throws(CryptoError) {
    // Entries of Stele itself are not encrypted: what they say of keys, losses and erasures is for everybody.
    let isClear = place.plan.key == nil || batch[0].isControl
    if hasherPlan !== place.plan || hasherIsClear != isClear {
      hasher = try EntryHasher(seed: isClear ? place.plan.seed : place.plan.messageSeed())
      hasherPlan = place.plan
      hasherIsClear = isClear
    }
    if generation != place.generation { adopt(place.sources, place.generation) }
    block.plan = place.plan
    block.clearTally(sources: place.sources.definitions.count + 1)
    block.leaves.removeAll()
    block.positions.removeAll(keepingCapacity: true)
    guide?.begin(&result)
    var index = place.firstIndex
    while batch.count > 1 {
      try encode(batch[0], first: place.firstIndex, &index, block)
      queue.recycleFirst(of: &batch)
    }
    try encode(batch[0], first: place.firstIndex, &index, block)
    // Whoever waits for the formats' count finds the account complete.
    tally?.finish(place.firstIndex, end: index, lastTime: lastTime)
    if guide?.finish(place.firstIndex, end: index) == nil { formats.finish(place.firstIndex, end: index) }
    block.payload.removeAll()
    block.contents = builder.finish(matcher, sourceNames: sourceNames, to: &block.payload)
    block.foldLeaves(first: place.firstIndex)
    if isClear { block.leaveClear() } else { try block.encrypt() }
  }

  /// Gives back the memory that blocks have left the columns with.
  mutating func releaseMemory() { builder = BlockBuilder(for: matcher) }

  private mutating func encode(
    _ slab: borrowing Slab, first: UInt64, _ index: inout UInt64, _ block: EncodedBlock
  ) throws(CryptoError) {
    block.addPositions(of: slab)
    var lastEnvelope = UInt32.max
    if slab.messageCount > 0 { lastTime = slab[slab.messageCount - 1].time }
    var run: (source: UInt32, count: Int) = (0, 0)
    defer { block.count(run.count, of: Int(run.source)) }
    for number in 0..<slab.messageCount {
      let record = slab[number]
      if record.source != run.source {
        block.count(run.count, of: Int(run.source))
        run = (record.source, 0)
      }
      run.count += 1
      var raw = slab.message(record)
      let envelope = slab.envelope(Int(record.envelope))
      var metadata = EntryMetadata(
        time: record.time, source: record.source, flags: record.flags.rawValue,
        kind: record.source == 0 ? .control : .received)
      if record.source == 0 {
        builder.append(unparsed: raw, metadata, envelope: envelope)
      } else {
        let source = Int(record.source)
        guide?.consult(raw, source: source, first: first, matcher, &result)
        let list = traits.list(for: raw, source: source)
        matcher.match(raw, list: list, into: &result)
        guide?.tally(result.body, source: source)
        if result.node < 0 || result.isPartial { unparsed[source].add() }
        var flags = flags(of: raw, record.flags, source: source, list: list)
        if record.envelope != lastEnvelope { tally?.begin(envelope: envelope) }
        tally?.note(raw, flags, source: source, list: list, time: record.time, result)
        if minimiser != nil, let minimised = try minimise(raw, flags, source: source, list: list) {
          raw = minimised
          flags.masked = true
        }
        metadata.flags = flags.rawValue
        builder.append(
          raw, result, metadata, envelope: envelope, hasSameEnvelope: record.envelope == lastEnvelope)
      }
      lastEnvelope = record.envelope
      block.leaves.append(try hasher.leaf(index: index, metadata, envelope: envelope, raw: raw))
      index &+= 1
    }
  }
}
