import Bytes
import Cryptography
import Templates

/// Which format a line was read with, beyond its name.
public enum FormatHash {
  /// SHA-256 over the template as it stands in a block (name, literals, slots), each slot without alternatives.
  public static func of(_ template: Template) -> Digest {
    var plain = template
    for slot in plain.slots.indices { plain.slots[slot].alternatives = [] }
    var bytes = ByteBuffer()
    TemplateCoding.encode(plain, to: &bytes)
    return SHA256.hash(bytes.view)
  }
}

/// Templates as they stand in a block.
///
///     template  name first-literal varint(slots) slots
///     slot      name column syntax unit literal-behind-it alternatives(0 or 1)
///
/// Text is a varint byte count and the bytes. A slot's alternatives are not part of the template: which of
/// them occur in a block is part of the block's structure (BlockMetadata.swift).
enum TemplateCoding {
  private static let slotLimit = 1024
  private static let textLimit = 65_536

  static func encode(_ template: Template, to out: inout ByteBuffer) {
    append(template.name, to: &out)
    append(template.literals[0], to: &out)
    out.append(varint: UInt64(template.slots.count))
    for (place, slot) in template.slots.enumerated() {
      append(slot.name, to: &out)
      out.append(slot.column.rawValue)
      out.append(slot.syntax.rawValue)
      out.append(slot.unit.rawValue)
      append(template.literals[place + 1], to: &out)
      out.append(slot.alternatives.isEmpty ? 0 : 1)
    }
  }

  /// A template and, for each slot, whether it has alternatives.
  static func decode(from reader: inout ByteReader) throws(DecodeError) -> (Template, hasAlternatives: [Bool])
  {
    let name = try text(&reader)
    var literals = [try reader.lengthPrefixed(limit: textLimit).array]
    var slots: [Slot] = []
    var hasAlternatives: [Bool] = []
    for _ in 0..<(try reader.count(limit: slotLimit)) {
      let slotName = try text(&reader)
      guard let column = ColumnType(rawValue: try reader.byte()),
        let syntax = Syntax(rawValue: try reader.byte()), let unit = Unit(rawValue: try reader.byte())
      else { throw reader.error(.unsupported) }
      slots.append(Slot(slotName, column, syntax: syntax, unit: unit))
      literals.append(try reader.lengthPrefixed(limit: textLimit).array)
      let flag = try reader.byte()
      guard flag <= 1 else { throw reader.error() }
      hasAlternatives.append(flag == 1)
    }
    return (Template(name: name, literals: literals, slots: slots), hasAlternatives)
  }

  static func append(_ text: String, to out: inout ByteBuffer) { append(Array(text.utf8), to: &out) }

  private static func append(_ bytes: [UInt8], to out: inout ByteBuffer) {
    out.append(varint: UInt64(bytes.count))
    out.append(bytes)
  }

  static func text(_ reader: inout ByteReader) throws(DecodeError) -> String {
    try reader.lengthPrefixed(limit: textLimit).text
  }
}
