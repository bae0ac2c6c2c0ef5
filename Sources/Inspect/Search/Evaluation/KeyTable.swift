import Bytes

/// Yes or no for each of many keys, a key being some words. A key is put together in `key`, then looked up.
struct KeyTable: ~Copyable {
  /// The key that is being put together.
  var key = ValueList<UInt64>(capacity: 16)
  private var words = ValueList<UInt64>()
  private var ends = ValueList<UInt32>()
  private var hashes = ValueList<UInt64>()
  private var results = ValueList<UInt8>()
  private var table = ValueList<UInt32>()

  init() {}

  mutating func removeAll() {
    words.removeAll()
    ends.removeAll()
    hashes.removeAll()
    results.removeAll()
    table.removeAll()
  }

  private var hash: UInt64 {
    var hash = UInt64(key.count) &* 0x9E37_79B9_7F4A_7C15
    for index in 0..<key.count {
      let (high, low) = (hash ^ key[index]).multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
      hash = high ^ low
    }
    return hash
  }

  /// What is known of `key`; nil for nothing.
  mutating func result() -> Bool? {
    if table.count == 0 { return nil }
    let hash = hash
    var place = Int(truncatingIfNeeded: hash) & (table.count - 1)
    while table[place] != 0 {
      let index = Int(table[place]) - 1
      if hashes[index] == hash, isKey(index) { return results[index] != 0 }
      place = (place + 1) & (table.count - 1)
    }
    return nil
  }

  private func isKey(_ index: Int) -> Bool {
    let start = index == 0 ? 0 : Int(ends[index - 1])
    guard Int(ends[index]) - start == key.count else { return false }
    for offset in 0..<key.count where words[start + offset] != key[offset] { return false }
    return true
  }

  /// Notes the result for `key`, of which nothing is known.
  mutating func insert(_ result: Bool) {
    if (ends.count + 1) * 2 > table.count { grow() }
    for index in 0..<key.count { words.append(key[index]) }
    ends.append(UInt32(words.count))
    hashes.append(hash)
    results.append(result ? 1 : 0)
    place(ends.count - 1)
  }

  private mutating func place(_ index: Int) {
    var place = Int(truncatingIfNeeded: hashes[index]) & (table.count - 1)
    while table[place] != 0 { place = (place + 1) & (table.count - 1) }
    table[place] = UInt32(index + 1)
  }

  private mutating func grow() {
    let size = max(64, table.count * 4)
    table.removeAll()
    table.resize(to: size, filledWith: 0)
    for index in 0..<ends.count { place(index) }
  }
}
