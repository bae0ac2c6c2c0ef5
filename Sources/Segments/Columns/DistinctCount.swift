import Bytes
import Glibc

/// An estimate of how many different keys there are, by linear counting (Whang, Vander-Zanden and Taylor
/// 1990): a key marks one of many bits; from the share that stays unmarked follows the number, within one
/// percent or two.
struct DistinctCount {
  private static let bits = 1 << 18
  private var marked = 0

  /// Starts anew; `marks` is working memory.
  init(_ marks: inout ValueList<UInt64>) {
    marks.removeAll()
    marks.resize(to: Self.bits / 64, filledWith: 0)
  }

  /// Counts `key`, whose upper bits are spread evenly.
  @inline(__always) mutating func insert(
    _ key: UInt64, _ marks: inout ValueList<UInt64>
  ) {
    let bit = key &>> (64 - 18)
    let word = marks[Int(bit &>> 6)]
    let mark: UInt64 = 1 &<< (bit & 63)
    marked &+= word & mark == 0 ? 1 : 0
    marks[Int(bit &>> 6)] = word | mark
  }

  /// How many different keys there were, about.
  var estimate: Int {
    let unmarked = Double(max(Self.bits - marked, 1)) / Double(Self.bits)
    return Int(-log(unmarked) * Double(Self.bits))
  }
}
