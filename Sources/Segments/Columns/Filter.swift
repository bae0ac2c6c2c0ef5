import Bytes
import Templates

/// A split block Bloom filter (as in Apache Parquet, Bloom Filter specification): 32-byte blocks of eight
/// words, one bit a word for each key. It answers "certainly not in this column" by reading one block.
///
/// Only columns that people look needles up in, and that hold many distinct values, get one: addresses,
/// identifiers and text. At eight bits a key about one block in forty is read for nothing. Integers in
/// columns of text (captured sizes, say) are left out: they have the key 0, which every filter lets pass.
public enum Filter {
  /// Fewest distinct values of a column that has a filter: below, the column itself is read as quickly.
  static let fewestValues = 1024
  private static let bitsPerKey = 8
  private static let blockByteCount = 32

  /// The key that may always be there.
  public static let keyOfAll: UInt64 = 0

  /// The key of a text.
  public static func key(_ bytes: ByteView) -> UInt64 { bytes.hash64(seed: 0x5354_454C_4531) }

  /// The key of a value that is stored as numbers.
  public static func key(_ value: StoredValue) -> UInt64 {
    if value.kind == ValueCodec.integerText { return keyOfAll }
    var key = UInt64(bitPattern: value.a) ^ UInt64(value.kind) &<< 56
    key = (key ^ key &>> 32) &* 0xD6E8_FEB8_6659_FD93
    key = (key ^ key &>> 32 ^ UInt64(bitPattern: value.b)) &* 0xD6E8_FEB8_6659_FD93
    return key ^ key &>> 32
  }

  /// Appends the filter over the values of `column`; nothing when it is to have none.
  static func append(
    _ column: borrowing SlotColumn, to out: inout ByteBuffer, _ scratch: inout ColumnScratch
  ) {
    switch column.type {
    case .address, .text, .identifier: break
    default: return
    }
    scratch.keys.removeAll()
    var distinct = DistinctCount(&scratch.marks)
    var row = 0
    for index in 0..<column.a.count {
      while column.kind(row) < 2 { row &+= 1 }
      let second = column.type.hasSecond ? column.b[index] : 0
      let key = key(StoredValue(kind: column.kind(row), a: column.a[index], b: second))
      row &+= 1
      if key == keyOfAll { continue }
      distinct.insert(key, &scratch.marks)
      scratch.keys.append(key)
    }
    let keyCount = column.text.valueCount + distinct.estimate
    if keyCount < fewestValues { return }
    let blocks = (keyCount * bitsPerKey + blockByteCount * 8 - 1) / (blockByteCount * 8)
    let start = out.count
    unsafe out.append(minimum: blocks * blockByteCount) { room in
      unsafe room.baseAddress.unsafelyUnwrapped.initializeMemory(
        as: UInt8.self, repeating: 0, count: blocks * blockByteCount)
      return blocks * blockByteCount
    }
    unsafe out.withUnsafeMutableBytes { bytes in
      let filter = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[start...])
      for index in 0..<column.text.valueCount { unsafe insert(key(column.text.value(index)), filter) }
      for index in 0..<scratch.keys.count { unsafe insert(scratch.keys[index], filter) }
    }
  }

  private static func insert(_ key: UInt64, _ filter: UnsafeMutableRawBufferPointer) {
    let block = block(key, filter.count) * blockByteCount
    for word in 0..<8 {
      let offset = block + word * 4
      let bits = unsafe UInt32(littleEndian: filter.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
      unsafe filter.storeBytes(
        of: (bits | mask(key, word)).littleEndian, toByteOffset: offset, as: UInt32.self)
    }
  }

  /// Whether `key` may be in the column that `filter` was made for; false is certain.
  public static func mayContain(_ key: UInt64, _ filter: ByteView) -> Bool {
    if key == keyOfAll || filter.isEmpty || filter.count % blockByteCount != 0 { return true }
    let block = block(key, filter.count) * blockByteCount
    for word in 0..<8 where filter.load32(at: block + word * 4) & mask(key, word) == 0 { return false }
    return true
  }

  private static func block(_ key: UInt64, _ byteCount: Int) -> Int {
    Int(((key &>> 32) &* UInt64(byteCount / blockByteCount)) &>> 32)
  }

  private static func mask(_ key: UInt64, _ word: Int) -> UInt32 {
    let low = UInt32(truncatingIfNeeded: key)
    return 1 &<< ((low &* salt(word)) &>> 27)
  }

  private static func salt(_ word: Int) -> UInt32 {
    switch word {
    case 0: 0x47b6_137b
    case 1: 0x4497_4d91
    case 2: 0x8824_ad5b
    case 3: 0xa2b7_289d
    case 4: 0x7054_95c7
    case 5: 0x2df1_424b
    case 6: 0x9efc_4947
    default: 0x5c6b_fb31
    }
  }
}
