import Bytes
import TestSupport
import Testing

@testable import Segments

@Suite struct IntegerTests {
  private func encoded(_ values: [Int64]) -> [UInt8] {
    var list = ValueList<Int64>()
    for value in values { list.append(value) }
    var out = ByteBuffer()
    var scratch = IntegerScratch()
    IntegerEncoder.encode(list, to: &out, &scratch)
    return out.view.array
  }

  private func decoded(_ bytes: [UInt8], _ count: Int) -> [Int64]? {
    bytes.withView { view -> [Int64]? in
      var reader = ByteReader(view)
      var list = ValueList<Int64>()
      do throws(DecodeError) {
        try IntegerDecoder.decode(count, from: &reader, into: &list)
        try reader.expectEnd()
      } catch { return nil }
      return (0..<list.count).map { list[$0] }
    }
  }

  private static func columns(_ random: inout SplitMix64) -> [String: [Int64]] {
    var columns: [String: [Int64]] = [
      "constant": Array(repeating: -7, count: 300), "one": [.min], "extremes": [.min, .max, 0, -1, 1],
      "alternating extremes": (0..<500).map { $0 % 2 == 0 ? .min : .max },
      "runs": (0..<3000).map { Int64($0 / 100) },
      "rising": (0..<3000).map { 1_767_225_600_000 + Int64($0 * 17) },
      "falling": (0..<500).map { Int64(-$0 * 1_000_003) },
    ]
    for width in [1, 3, 7, 8, 13, 31, 32, 57, 58, 63, 64] {
      columns["width \(width)"] = (0..<777).map { _ in Int64(bitPattern: random.next() >> UInt64(64 - width))
      }
    }
    columns["patched"] = (0..<3000).map {
      $0 % 100 == 3 ? Int64.random(in: 0...(.max), using: &random) : Int64($0 % 5)
    }
    let few = (0..<200).map { _ in Int64.random(in: .min...(.max), using: &random) }
    columns["few distinct"] = (0..<3000).map { _ in few.randomElement(using: &random)! }
    columns["skewed"] = (0..<3000).map { _ in
      Int64(0xCB00_0000 + (1 << Int.random(in: 0..<24, using: &random)) * 3)
    }
    return columns
  }

  @Test func everyFormReadsBackAsWritten() {
    var random = SplitMix64(3)
    var forms: Set<UInt8> = []
    for (name, values) in Self.columns(&random) {
      let bytes = encoded(values)
      forms.insert(bytes[0])
      #expect(decoded(bytes, values.count) == values, "\(name)")
      for count in [1, 2, 63, 64, 65] where count < values.count {
        let part = Array(values.prefix(count))
        #expect(decoded(encoded(part), count) == part, "\(name), \(count)")
      }
    }
    #expect(
      forms == [
        IntegerForm.constant, IntegerForm.packed, IntegerForm.deltas, IntegerForm.runs, IntegerForm.sorted,
      ])
  }

  @Test func repeatedValuesOfAWideRangeTakeATableOnly() {
    var random = SplitMix64(4)
    let addresses = (0..<1000).map { _ in Int64.random(in: 0..<(1 << 32), using: &random) }
    let values = (0..<8000).map { _ in addresses.randomElement(using: &random)! }
    #expect(encoded(values).count < 8000 * 10 / 8 + 1000 * 27 / 8)
  }

  @Test func valuesThatCollideInTheTableStayLinearAndExact() {
    // All of them have the same place in a table of any size: their products with the multiplier differ in
    // low bits only.
    let inverse: UInt64 = 0xF1DE_83E1_9937_733D
    let values = (0..<4000).map { Int64(bitPattern: UInt64($0 % 2000) &* inverse) }
    #expect(decoded(encoded(values), values.count) == values)
  }

  @Test func damagedIntegersAreRefusedOrReadButNeverTrap() {
    var random = SplitMix64(5)
    for (_, values) in Self.columns(&random) {
      let bytes = encoded(values)
      for _ in 0..<60 {
        var damaged = bytes
        for _ in 0...Int.random(in: 0..<3, using: &random) {
          damaged[Int.random(in: 0..<min(damaged.count, 24), using: &random)] = UInt8.random(
            in: 0...255, using: &random)
        }
        if Bool.random(using: &random) {
          damaged.removeLast(Int.random(in: 0..<damaged.count, using: &random))
        }
        let read = decoded(damaged, values.count)
        #expect(read == nil || read?.count == values.count)
      }
    }
  }
}
