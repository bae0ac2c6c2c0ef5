import Bytes
import Templates

extension Fuzzer {
  /// A value that is parsed prints as the very bytes; and numbers that nobody parsed either print or are
  /// refused.
  ///
  /// Input: a stored value (kind, two numbers), then lines.
  static let values = Fuzzer("values", smokeRuns: 20_000, seeds: { Self.valueSeeds }) { input in
    var input = FuzzInput(input)
    let stored = StoredValue(
      kind: max(1, input.byte()), a: Int64(bitPattern: input.integer()), b: Int64(bitPattern: input.integer())
    )
    for column in ColumnType.allCases { printAnything(stored, column) }
    while !input.isEmpty {
      let line = input.line()
      for column in ColumnType.allCases {
        guard let value = ValueCodec.parse(line, as: column) else { continue }
        var out = ByteBuffer()
        do { try ValueCodec.print(value, as: column, to: &out) } catch {
          require(false, "\(line.text) as \(column) is \(value), which does not print")
        }
        require(out.view == line, "\(line.text) as \(column) is \(value), which prints \(out.view.text)")
      }
    }
  }

  private static func printAnything(_ stored: StoredValue, _ column: ColumnType) {
    var out = ByteBuffer()
    do { try ValueCodec.print(stored, as: column, to: &out) } catch { return }
    require(out.count > 0 && out.count <= 64, "\(stored) as \(column) prints \(out.count) bytes")
    guard let again = ValueCodec.parse(out.view, as: column) else { return }
    var second = ByteBuffer()
    do { try ValueCodec.print(again, as: column, to: &second) } catch {
      require(false, "\(out.view.text) as \(column) is \(again), which does not print")
    }
    require(second.view == out.view, "\(out.view.text) as \(column) prints \(second.view.text)")
  }

  private static var valueSeeds: [[UInt8]] {
    let texts = [
      "0", "-1", "+17", "999999999999999999", "0.123", "12.5", "192.0.2.1", "255.255.255.255",
      "24/Mar/2026:10:03:58 +0000", "29/Feb/2024:23:59:59.999", "31/Dec/1969:23:59:59 -0530",
      "2026-04-15T20:17:00.310Z", "2200-12-31T23:59:59.999999999+99:59", "1900-01-01T00:00:00-00:01",
      "Jan  1 00:00:00", "Feb 29 23:59:59", "Dec 01 00:00:00", "000", "200", "-",
      "84961386-6d84-929d-98bd-c5aee93b5c88", "0123456789abcdef0123456789abcdef", "0123456789abcdef",
    ]
    let heads: [[UInt8]] = [
      [2] + [UInt8](repeating: 0, count: 16),
      [3] + [UInt8](repeating: 0, count: 8) + [0x80, 0, 0, 0, 0, 0, 0, 0],
      [4, 0, 0, 0, 0, 0x69, 0, 0, 0] + [UInt8](repeating: 0xFF, count: 8),
      [11] + [UInt8](repeating: 0x7F, count: 16),
    ]
    return texts.enumerated().map { place, text in heads[place % heads.count] + Array(text.utf8) }
  }
}
