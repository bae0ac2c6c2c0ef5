import Bytes
import Cryptography
import Platform
import Segments

/// How far each followed file is stored, as of the last block that was appended.
public struct PositionTable: Sendable {
  /// Files that are remembered at most; the one that has been silent for longest gives way.
  public static let limit = 4096
  private var files: [FileIdentity: (position: FilePosition, order: UInt64)] = [:]
  private var order: UInt64 = 0
  /// Receive time of the newest entry of a block that told of files, nanoseconds since 1970 UTC.
  public private(set) var lastTime: Int64 = 0

  init() {}

  public var isEmpty: Bool { files.isEmpty }

  /// The positions, the oldest first.
  public var all: [FilePosition] {
    files.values.sorted { $0.order < $1.order }.map(\.position)
  }

  mutating func apply(_ positions: [FilePosition], time: Int64) {
    if positions.isEmpty { return }
    lastTime = max(lastTime, time)
    for position in positions {
      if position.offset == nil {
        files[position.file] = nil
        continue
      }
      order += 1
      files[position.file] = (position, order)
      if files.count > Self.limit, let oldest = files.min(by: { $0.value.order < $1.value.order }) {
        files[oldest.key] = nil
      }
    }
  }
}

/// Finds in the log itself how far files were stored: a sealed segment tells it in its last block, and one that
/// a crash left open is read whole, for its last lines are further than anything that was carried into it.
enum PositionRecovery {
  static func run(
    _ directory: borrowing Directory, _ recovered: RecoveredLog, _ keys: any SegmentKeyStore
  ) throws(WriteError) -> PositionTable {
    var table = PositionTable()
    let names = try system { () throws(SystemError) in try directory.names() }
    let end = recovered.unfinished.first?.firstIndex ?? .max
    let sealed = names.compactMap { FileNames.parse($0) }
      .filter { $0.1 == .segment && $0.0 < end }.map { $0.0 }.max()
    if let sealed {
      try read(directory, FileNames.name(sealed, .segment), nil, isSealed: true, into: &table)
    }
    for segment in recovered.unfinished {
      let name = FileNames.name(segment.firstIndex, .open)
      try read(directory, name, try keys.key(of: segment.firstIndex), isSealed: false, into: &table)
    }
    return table
  }

  private static func read(
    _ directory: borrowing Directory, _ name: String, _ key: SegmentKey?, isSealed: Bool,
    into table: inout PositionTable
  ) throws(WriteError) {
    let file = try system { () throws(SystemError) in try MappedFile(try directory.openFile(name)) }
    // What does not decode is for `verify`, and for the check before the segment is sealed.
    guard var scan = try? SegmentScan(file.view) else { return }
    var blocks: [ScannedBlock] = []
    while case .block(let block)? = try? scan.next() { blocks.append(block) }
    if isSealed { blocks.removeFirst(max(0, blocks.count - 1)) }
    var cipher = try crypto { () throws(CryptoError) in try BlockCipher() }
    var plain = ByteBuffer()
    for block in blocks {
      guard let block = try? cipher.open(block, key, into: &plain),
        let positions = try? positions(in: block)
      else { continue }
      table.apply(positions, time: block.header.contents.lastTime)
    }
  }

  /// What a block tells, in the order of its entries.
  private static func positions(in block: ScannedBlock) throws(DecodeError) -> [FilePosition] {
    let count = block.header.contents.count
    var decoded = try DecodedBlock(
      block.stored, count: count, rawByteCount: block.header.contents.rawByteCount)
    try decoded.loadEnvelopes()
    try decoded.loadFlags()
    var found: [FilePosition] = []
    var last = -1
    var controls = decoded.controlRows[...]
    if !controls.isEmpty { try decoded.loadRoots() }
    for row in 0..<count {
      if controls.first == row {
        controls.removeFirst()
        // Stele's own entries have no template.
        if decoded.root(row).node < 0, let record = PositionsRecord(decoded.bareText(row)) {
          found += record.files
        }
        last = -1
      } else if decoded.envelopeNumber(row) != last {
        last = decoded.envelopeNumber(row)
        if let position = FilePosition(envelope: decoded.envelope(row)) { found.append(position) }
      }
    }
    return found
  }
}
