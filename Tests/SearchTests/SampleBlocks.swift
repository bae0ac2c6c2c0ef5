import Bytes
import Inspect
import Segments
import Templates
import TestSupport

/// One entry of a sample log.
struct SampleEntry {
  var raw: [UInt8]
  var metadata: EntryMetadata
  var envelope: [UInt8]
}

/// A block, and what was put into it.
final class SampleBlock {
  let entries: [SampleEntry]
  let payload: [UInt8]
  let contents: BlockContents
  let firstIndex: UInt64

  static let sources = [SourceName(0, "stele"), SourceName(1, "edge"), SourceName(2, "inner")]

  init(_ entries: [SampleEntry], formats: [Template], firstIndex: UInt64 = 0) {
    self.entries = entries
    self.firstIndex = firstIndex
    let matcher = Matcher([formats])
    var builder = BlockBuilder(for: matcher)
    var result = MatchResult(for: matcher)
    for entry in entries {
      entry.raw.withView { raw in
        entry.envelope.withView { envelope in
          if entry.metadata.kind == .control {
            builder.append(unparsed: raw, entry.metadata, envelope: envelope)
          } else {
            matcher.match(raw, list: 0, into: &result)
            builder.append(raw, result, entry.metadata, envelope: envelope, hasSameEnvelope: false)
          }
        }
      }
    }
    var out = ByteBuffer()
    contents = builder.finish(matcher, sourceNames: Self.sources, to: &out)
    payload = out.view.array
  }

  func header(_ payload: ByteView) -> SearchBlock {
    SearchBlock(
      payload: payload, count: contents.count, rawByteCount: contents.rawByteCount, firstIndex: firstIndex,
      firstTime: contents.firstTime, lastTime: contents.lastTime)
  }

  /// The entries that a search finds.
  func found(_ search: BlockSearch) throws -> [UInt64] {
    try payload.withView { payload in
      guard let hits = try search.hits(in: header(payload)) else { return [] }
      return (0..<hits.count).map { hits.index($0) }
    }
  }

  func withDecoded<R>(_ body: (inout DecodedBlock) throws -> R) throws -> R {
    try payload.withView { payload in
      var block = try DecodedBlock(payload, count: contents.count, rawByteCount: contents.rawByteCount)
      return try body(&block)
    }
  }
}

/// Whom certificates name.
enum SampleNames {
  static let identity = "CN=alpha,O=Example; DNS:www.example.com"
}

/// The same entries for each seed: lines of `formats` and, now and then, a statement of Stele itself.
func sampleEntries(_ count: Int, formats: [Template], seed: UInt64, withControl: Bool = true) -> [SampleEntry]
{
  var maker = LineMaker(random: SplitMix64(seed))
  var time: Int64 = 1_767_225_600_000_000_000
  return (0..<count).map { _ in
    time += Int64(maker.random.below(3_000_000_000))
    let peer: [UInt8] = [1, 1, 4, 192, 0, 2, UInt8(1 + maker.random.below(3)), 2, 2, 0x02, 0x10]
    if withControl, maker.random.chance(50) {
      let raw = Array("{\"type\":\"loss\",\"source\":\"edge\",\"count\":\(maker.random.below(9))}".utf8)
      return SampleEntry(
        raw: raw, metadata: EntryMetadata(time: time, source: 0, flags: 4, kind: .control), envelope: [5])
    }
    let flags = maker.random.pick([0, 1, 2, 2, 2, 2 | 1 << 3, 2 | 2 << 3, 2 | 1 << 5] as [UInt16])
    return SampleEntry(
      raw: maker.line(of: formats),
      metadata: EntryMetadata(
        time: time, source: UInt32(1 + maker.random.below(2)), flags: flags, kind: .received),
      envelope: maker.random.pick([
        peer, peer + [5, UInt8(SampleNames.identity.utf8.count)] + SampleNames.identity.utf8,
        [0, 6, 3, 47, 97, 98], [6],
      ]))
  }
}
