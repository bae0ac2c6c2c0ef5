import Bytes
import Compression
import Cryptography
import Glibc
import MerkleLog
import Segments
import Syslog
import Templates

/// The stages of the data path, each by itself, over the same lines.
struct Stages: ~Copyable {
  let lines: Lines
  let matcher: Matcher
  private var result: MatchResult
  private var builder: BlockBuilder
  private(set) var blocks: [(payload: [UInt8], contents: BlockContents)] = []
  private let envelope: [UInt8] = [2, 1, 4, 127, 0, 0, 1, 2, 2, 80, 195]
  private(set) var matched = 0

  init(_ lines: consuming Lines, _ templates: [Template]) {
    self.lines = lines
    matcher = Matcher([templates])
    result = MatchResult(for: matcher)
    builder = BlockBuilder(for: matcher)
  }

  /// Cuts the lines from a byte stream.
  func frame() -> Int {
    var scanner = FrameScanner(.lineFeed)
    var offset = 0, frames = 0
    while let frame = scanner.next(in: lines.text.view, from: offset) {
      offset = frame.end
      frames += 1
    }
    return frames
  }

  mutating func match() {
    for index in 0..<lines.count { matcher.match(lines[index], list: 0, into: &result) }
  }

  /// Seconds of encoding are added to `encode`, those of matching and appending to `append`.
  mutating func build(_ append: inout Double, _ encode: inout Double) {
    blocks.removeAll()
    matched = 0
    var out = ByteBuffer(capacity: 4 << 20)
    var index = 0
    let metadata = EntryMetadata(time: 1_767_225_600_000_000_000, source: 1, flags: 2, kind: .received)
    while index < lines.count {
      let start = Meter.now(CLOCK_PROCESS_CPUTIME_ID)
      envelope.withView { envelope in
        while index < lines.count, builder.count < Limits.blockEntries,
          builder.rawByteCount < Limits.blockRawBytes
        {
          let line = lines[index]
          matcher.match(line, list: 0, into: &result)
          matched += result.node >= 0 ? 1 : 0
          builder.append(line, result, metadata, envelope: envelope, hasSameEnvelope: true)
          index += 1
        }
      }
      let middle = Meter.now(CLOCK_PROCESS_CPUTIME_ID)
      out.removeAll()
      let contents = builder.finish(matcher, sourceNames: [SourceName(1, "benchmark")], to: &out)
      append += middle - start
      encode += Meter.now(CLOCK_PROCESS_CPUTIME_ID) - middle
      blocks.append((out.view.array, contents))
    }
  }

  /// Commitment, leaf and node hashes.
  func hash(_ seed: SaltKey) throws {
    var hasher = try EntryHasher(seed: seed)
    var leaves = ValueList<Digest>(capacity: Limits.blockEntries)
    let metadata = EntryMetadata(time: 1_767_225_600_000_000_000, source: 1, flags: 2, kind: .received)
    var index = 0
    while index < lines.count {
      leaves.removeAll()
      let first = index
      try envelope.withView { envelope in
        while index < lines.count, leaves.count < Limits.blockEntries {
          leaves.append(
            try hasher.leaf(index: UInt64(index), metadata, envelope: envelope, raw: lines[index]))
          index += 1
        }
      }
      _ = unsafe leaves.withUnsafeElements { unsafe SubtreeRun(first: UInt64(first), leaves: $0.span) }
    }
  }

  /// LZ4 over the lines as they are, in runs of 256 KiB.
  func compress() -> Int {
    var lz4 = LZ4()
    var out = ByteBuffer(capacity: 1 << 20)
    var offset = 0, total = 0
    while offset < lines.text.count {
      let end = min(offset + 256 << 10, lines.text.count)
      out.removeAll()
      total += lz4.compress(lines.text.view[offset, end], to: &out) ? out.count : end - offset
      offset = end
    }
    return total
  }

  /// Decodes all blocks and prints every row; false when a row is not the line that it was.
  func printRows() throws -> Bool {
    var line = 0
    var isSame = true
    var printer = RowPrinter()
    for (payload, contents) in blocks {
      try payload.withView { view in
        var block = try DecodedBlock(view, count: contents.count, rawByteCount: contents.rawByteCount)
        try block.loadAll()
        for start in stride(from: 0, to: block.count, by: RowPrinter.rowLimit) {
          let rows = start..<min(start + RowPrinter.rowLimit, block.count)
          try printer.print(rows, of: block)
          for index in 0..<rows.count {
            isSame = isSame && printer.row(index) == lines[line]
            line += 1
          }
        }
      }
    }
    return isSame && line == lines.count
  }

  /// Decodes all blocks and hashes their entries again, as verifying does.
  func rehash(_ seed: SaltKey) throws {
    var leaves = ValueList<Digest>(capacity: Limits.blockEntries)
    var hasher = try EntryHasher(seed: seed)
    var first: UInt64 = 0
    for (payload, contents) in blocks {
      try payload.withView { view in
        var block = try DecodedBlock(view, count: contents.count, rawByteCount: contents.rawByteCount)
        try block.loadAll()
        try block.hashLeaves(first: first, &hasher, &leaves)
      }
      _ = unsafe leaves.withUnsafeElements { unsafe SubtreeRun(first: first, leaves: $0.span) }
      first += UInt64(contents.count)
    }
  }

  /// Stored bytes of each column of the first block, by event.
  func columnSizes() throws -> [(name: String, values: Double, filter: Double)] {
    guard let (payload, contents) = blocks.first else { return [] }
    return try payload.withView { view in
      let block = try DecodedBlock(view, count: contents.count, rawByteCount: contents.rawByteCount)
      return block.columnSizes.map {
        ($0.name, Double($0.values) / Double(block.count), Double($0.filter) / Double(block.count))
      }
    }
  }
}
