import Bytes
import Cryptography
import Events
import MerkleLog
import Segments
import Templates

/// What a segment file holds: its header, blocks, templates and columns.
struct SegmentDescription {
  /// Stored bytes of one column over all blocks.
  private struct Column {
    var name: String
    var type: String
    var values = 0
    var filter = 0
  }

  /// The columns of one template over all blocks.
  private struct Group {
    var name: String
    var rows = 0
    var columns: [Column]
  }

  private let header: SegmentHeader
  private let byteCount: Int
  private var blocks: [SegmentFooter.Block] = []
  private var footer: FooterView?
  private var end: ScanError?
  private var entryColumns = DecodedBlock.entryColumns.map { Column(name: $0, type: "") }
  private var groups: [Group] = []
  private var places: [String: Int] = [:]
  private var sources: [SourceName] = []
  private var encryptedBlocks = 0

  /// Reads a segment's file, whose bytes must outlive this: all `byteCount`, or those that are whole blocks.
  init(_ file: ByteView, byteCount: Int) throws(DecodeError) {
    var scan = try SegmentScan(file)
    header = scan.header
    self.byteCount = byteCount
    scanning: while true {
      do throws(ScanError) {
        switch try scan.next() {
        case .block(let block):
          blocks.append(SegmentFooter.Block(block))
          try? add(block)
        case .footer, .end: break scanning
        }
      } catch {
        end = error
        break
      }
    }
    footer = try? FooterView(file)
    if file.count < byteCount { end = ScanError(reason: .truncated, offset: file.count) }
  }

  private mutating func add(_ block: ScannedBlock) throws(DecodeError) {
    if block.header.isEncrypted { return encryptedBlocks += 1 }
    let contents = block.header.contents
    var decoded = try DecodedBlock(block.stored, count: contents.count, rawByteCount: contents.rawByteCount)
    for source in decoded.sourceNames where !sources.contains(source) { sources.append(source) }
    for column in 0..<min(entryColumns.count, decoded.columnCount) {
      entryColumns[column].values += decoded.storedByteCount(column).values
    }
    for node in 0..<decoded.nodeCount {
      let template = decoded.template(node)
      let place = place(of: template)
      groups[place].rows += try decoded.loadRows(ofNode: node)
      for slot in template.slots.indices {
        let (values, filter) = decoded.storedByteCount(decoded.column(node, slot))
        groups[place].columns[slot].values += values
        groups[place].columns[slot].filter += filter
      }
    }
  }

  private mutating func place(of template: Template) -> Int {
    // Two templates can have one name; what they look like tells them apart.
    let identity = ([template.name] + template.slots.map(\.name)).joined(separator: "\n")
    if let place = places[identity] { return place }
    places[identity] = groups.count
    groups.append(
      Group(name: template.name, columns: template.slots.map { Column(name: $0.name, type: "\($0.column)") }))
    return groups.count - 1
  }

  private var entryCount: Int { blocks.reduce(0) { $0 + $1.contents.count } }
  private var rawBytes: Int { blocks.reduce(0) { $0 + $1.contents.rawByteCount } }

  var description: Description { Description(lines, json) }

  private var lines: [String] {
    let range = header.firstIndex..<header.firstIndex + UInt64(entryCount)
    var lines = [
      Description.line("Segment", "\(header.id) of \(header.origin)"),
      Description.line("Entries", Quantities.entries(range)),
      Description.line("Created", Timestamp.text(header.created, digits: 3)),
      Description.line(
        "Previous", header.previous == SegmentID(high: 0, low: 0) ? "none: the first" : "\(header.previous)"),
      Description.line("Stored", Compactness(entryCount, rawBytes, byteCount).text),
      Description.line("Sources", sources.map { "\($0.number) \($0.name)" }.joined(separator: ", ")),
      Description.line("Footer", footerText),
    ]
    if let digest = header.keyDigest {
      let count = "\(encryptedBlocks) of \(Quantities.plural(blocks.count, "block"))"
      lines.append(Description.line("Encrypted", "\(count); SHA-256 of the key's file \(digest)"))
    }
    if let end {
      lines.append(Description.line("Ends", "at byte \(end.offset): what stands there is no whole block"))
    }
    lines += ["", "Columns, bytes an entry"]
    for column in entryColumns { lines.append(line(column, entryCount)) }
    for group in groups {
      lines += ["", "Template \(group.name), \(group.rows) rows, bytes a row"]
      for column in group.columns { lines.append(line(column, group.rows)) }
    }
    lines += ["", "Blocks"]
    for block in blocks {
      let range = block.firstIndex..<block.firstIndex + UInt64(block.contents.count)
      lines.append(
        "  byte \(block.offset): \(Quantities.entries(range)), "
          + Compactness(block.contents.count, block.contents.rawByteCount, block.storedByteCount).text)
    }
    return lines
  }

  private var footerText: String {
    guard let footer else { return "none: not finished" }
    return
      "at byte \(footer.offset), "
      + Quantities.plural(footer.groupCount, "hash of a group", "hashes of groups")
      + (footer.isIntact ? "" : "; damaged")
  }

  private func line(_ column: Column, _ rows: Int) -> String {
    let each = JSONValue.fixed(rows > 0 ? Double(column.values) / Double(rows) : 0, 2)
    let filter =
      column.filter > 0
      ? " and a filter of \(JSONValue.fixed(Double(column.filter) / Double(max(rows, 1)), 2))" : ""
    let pad = String(repeating: " ", count: max(1, 8 - each.utf8.count))
    return "  " + pad + each + "  " + column.name + (column.type.isEmpty ? "" : " (\(column.type))") + filter
  }

  private var json: JSONValue {
    [
      "type": "segment", "id": .text("\(header.id)"), "origin": .text(header.origin),
      "first": .number(header.firstIndex), "end": .number(header.firstIndex + UInt64(entryCount)),
      "created": .text(Timestamp.text(header.created)), "previous": .text("\(header.previous)"),
      "raw_bytes": .number(rawBytes), "stored_bytes": .number(byteCount), "finished": .flag(footer != nil),
      "torn_at": .optional(end?.offset),
      "encrypted_blocks": .number(encryptedBlocks), "key_digest": .optional(header.keyDigest.map { "\($0)" }),
      "sources": .list(sources.map { ["number": .number($0.number), "name": .text($0.name)] }),
      "columns": .list(entryColumns.map(Self.json)),
      "templates": .list(
        groups.map { group in
          [
            "name": .text(group.name), "rows": .number(group.rows),
            "slots": .list(group.columns.map(Self.json)),
          ]
        }),
      "blocks": .list(
        blocks.map { block in
          [
            "offset": .number(block.offset), "first": .number(block.firstIndex),
            "entries": .number(block.contents.count), "raw_bytes": .number(block.contents.rawByteCount),
            "stored_bytes": .number(block.storedByteCount),
            "first_time": .text(Timestamp.text(block.contents.firstTime)),
            "last_time": .text(Timestamp.text(block.contents.lastTime)),
          ]
        }),
    ]
  }

  private static func json(_ column: Column) -> JSONValue {
    [
      "name": .text(column.name), "type": .optional(column.type.isEmpty ? nil : column.type),
      "bytes": .number(column.values), "filter_bytes": .number(column.filter),
    ]
  }
}
