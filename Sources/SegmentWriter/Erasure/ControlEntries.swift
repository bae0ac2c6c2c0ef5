import Bytes
import Platform
import Segments

/// An entry of Stele itself, read back.
public struct WrittenControlEntry: Sendable {
  public var index: UInt64
  /// One object of JSON.
  public var json: JSONValue
  /// What it is about.
  public var type: String
}

/// Reads the control entries of a log for whoever writes to it: what is held, what was erased. Believes the
/// files; `verify` does not.
public enum ControlEntries {
  /// Calls `take` with each control entry with an index of `start` or above, until it returns false. In index
  /// order; with `newestFirst` the last segment comes first, and within it the entries in index order.
  public static func read(
    _ directory: borrowing Directory, from start: UInt64 = 0, newestFirst: Bool = false,
    _ take: (WrittenControlEntry) -> Bool
  ) throws(WriteError) {
    var names: [UInt64: String] = [:]
    // A later kind is taken before an earlier one: `.rewrite` only ever repeats what another holds.
    for kind in [FileNames.Kind.open, .segment] {
      for name in try system({ () throws(SystemError) in try directory.names() }) {
        if let parsed = FileNames.parse(name), parsed.kind == kind { names[parsed.firstIndex] = name }
      }
    }
    let firsts = names.keys.sorted()
    // The segment before the first that begins behind `start` may hold it.
    let wanted = firsts.indices.filter { $0 + 1 == firsts.count || firsts[$0 + 1] > start }
    for place in newestFirst ? wanted.reversed() : wanted {
      guard let name = names[firsts[place]] else { continue }
      if try !read(directory, name, from: start, take) { return }
    }
  }

  private static func read(
    _ directory: borrowing Directory, _ name: String, from start: UInt64,
    _ take: (WrittenControlEntry) -> Bool
  ) throws(WriteError) -> Bool {
    let file: MappedFile
    do throws(SystemError) { file = try MappedFile(try directory.openFile(name)) } catch {
      // Sealed, and so renamed, or removed by age, since the names were listed.
      if error.errno == .noSuchFile { return try readAgain(directory, name, from: start, take) }
      throw .system(error)
    }
    guard var scan = try? SegmentScan(file.view) else { return true }
    while case .block(let block)? = try? scan.next() {
      if block.header.endIndex <= start { continue }
      do throws(DecodeError) {
        for entry in try entries(of: block) where entry.index >= start {
          if !take(entry) { return false }
        }
      } catch {
        // Of an open segment, the block that is being written.
        if FileNames.parse(name)?.kind == .open { return true }
        throw .readBack(file: name, offset: block.offset)
      }
    }
    return true
  }

  private static func readAgain(
    _ directory: borrowing Directory, _ name: String, from start: UInt64,
    _ take: (WrittenControlEntry) -> Bool
  ) throws(WriteError) -> Bool {
    guard let (first, kind) = FileNames.parse(name), kind == .open else { return true }
    return try read(directory, FileNames.name(first, .segment), from: start, take)
  }

  /// The rotation of the origin key in a block that holds nothing else.
  static func rotation(in block: ScannedBlock) -> WrittenControlEntry? {
    guard block.header.contents.count == 1, let entry = try? entries(of: block).first,
      entry.type == KeyRotationRecord.type
    else { return nil }
    return entry
  }

  /// The control entries of one block. Decodes no message but theirs.
  static func entries(of block: ScannedBlock) throws(DecodeError) -> [WrittenControlEntry] {
    // Control entries are never encrypted.
    if block.header.isEncrypted { return [] }
    let contents = block.header.contents
    var decoded = try DecodedBlock(block.stored, count: contents.count, rawByteCount: contents.rawByteCount)
    try decoded.loadFlags()
    let rows = decoded.controlRows
    if rows.isEmpty { return [] }
    try decoded.loadRoots()
    if rows.contains(where: { decoded.root($0).node >= 0 }) { try decoded.loadAll() }
    var raw = ByteBuffer()
    var found: [WrittenControlEntry] = []
    for row in rows {
      raw.removeAll()
      try decoded.print(row, to: &raw)
      guard let json = try? JSONValue(parsing: raw.view), let type = json["type"]?.string else { continue }
      found.append(
        WrittenControlEntry(index: block.header.firstIndex + UInt64(row), json: json, type: type))
    }
    return found
  }
}
