import Bytes
import Platform
import Segments
import Synchronization

/// What a search came to.
public struct SearchSummary: Sendable {
  /// Entries written.
  public var hits = 0
  /// Blocks looked at.
  public var blocks = 0
  /// Blocks that could not be read. Their entries are missing from the result.
  public var damaged: [DamagedBlock] = []
  /// Messages that may have been found, had they not been erased.
  public var erased = 0

  public init() {}
}

/// A block that does not decode.
public struct DamagedBlock: Error, Equatable, Sendable {
  /// Index of its first entry.
  public var firstIndex: UInt64
  /// Number of its entries.
  public var count: Int
  /// Offset in the block's stored bytes, and why.
  public var error: DecodeError
}

extension DamagedBlock: CustomStringConvertible {
  public var description: String {
    "the block of entries \(firstIndex) to \(firstIndex + UInt64(max(count, 1)) - 1) does not decode (\(error.reason) "
      + "at byte \(error.offset) of its stored bytes); run stele verify"
  }
}

/// Searches a log's blocks and writes what is found, in the order of the log.
public enum SearchRun {
  /// How many entries are wanted.
  public enum Limit: Sendable {
    case none
    /// The first ones.
    case first(Int)
    /// The last ones, in the order of the log. They are held in memory until all are found.
    case last(Int)
  }

  /// Looks through `blocks`, which rise, on up to `threads` threads, and hands what is found to `write` in
  /// pieces, from one thread at a time. A block that does not decode is reported in the summary and passed
  /// over.
  ///
  /// Throws what `write` throws (a closed pipe, a full disk), after which nothing more is written.
  public static func run(
    _ blocks: [SearchBlock], _ query: SearchQuery, limit: Limit = .none, output: SearchOutput,
    threads: Int = Parallel.processors, write: @escaping @Sendable (ByteView) throws(SystemError) -> Void
  ) throws(SystemError) -> SearchSummary {
    if case .first(let count) = limit, count <= 0 { return SearchSummary() }
    if case .last(let count) = limit, count <= 0 { return SearchSummary() }
    let sequence = ResultSequence(limit, write)
    try Parallel.forEach(blocks.count, threads: threads, make: { SearchWorker(query, output) }) {
      turn, worker in
      let place = sequence.isBackward ? blocks.count - 1 - turn : turn
      return worker.search(blocks[place], turn, sequence)
    }
    return try sequence.finish()
  }
}

/// One thread's part in a search.
struct SearchWorker: ~Copyable {
  private let search: BlockSearch
  private var writer: HitWriter
  private var out = ByteBuffer()

  /// What is written before its turn to be handed on must fit into this many bytes; the rest waits.
  private static let pieceLimit = 32 << 20

  init(_ query: SearchQuery, _ output: SearchOutput) {
    search = BlockSearch(query)
    writer = HitWriter(output)
  }

  /// Searches one block, the `turn`-th; false when no further one is needed.
  mutating func search(_ block: SearchBlock, _ turn: Int, _ sequence: ResultSequence) -> Bool {
    do throws(DecodeError) {
      let found = try search.hits(in: block)
      if search.erased > 0 { sequence.note(erased: search.erased) }
      guard var hits = consume found else { return sequence.pass(turn) }
      let wanted = sequence.claim(turn, hits.count)
      if wanted == 0 { return sequence.complete(turn) }
      if sequence.isBackward { hits.keepLast(wanted) } else { hits.keepFirst(wanted) }
      do throws(DecodeError) {
        try hits.load()
        out.removeAll()
        var next = try writer.append(&hits, from: 0, limit: Self.pieceLimit, to: &out)
        while next < hits.count {
          sequence.write(turn, out.view)
          out.removeAll()
          next = try writer.append(&hits, from: next, limit: Self.pieceLimit, to: &out)
        }
        sequence.write(turn, out.view)
      } catch {
        sequence.note(DamagedBlock(firstIndex: block.firstIndex, count: block.count, error: error))
      }
      return sequence.complete(turn)
    } catch {
      sequence.note(DamagedBlock(firstIndex: block.firstIndex, count: block.count, error: error))
      return sequence.pass(turn)
    }
  }
}
