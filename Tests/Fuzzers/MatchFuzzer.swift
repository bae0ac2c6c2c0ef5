import Bytes
import Formats
import Segments
import Templates

extension Fuzzer {
  /// Lines that match a template are printed back from their values, and all lines come back from a block,
  /// byte for byte, whether they match or not; also when single rows are picked out of it.
  ///
  /// Input: options, a format (a line; empty: all shipped ones), lines.
  static let match = Fuzzer("match", smokeRuns: 100, seeds: { Self.matchSeeds }) { input in
    var input = FuzzInput(input)
    let options = input.byte()
    let format = input.line()
    guard format.count > 0 else { return roundTrip(&input, options, sharedFormats.matcher) }
    guard let templates = try? FormatSpec.parse(format.text) else { return }
    roundTrip(
      &input, options, Matcher([options & 1 == 0 ? templates : SyslogHeaders.templates(around: templates)]))
  }

  private static let sharedFormats = SharedMatcher([ShippedFormats.all])
  private static let rowLimit = 2000

  private static func roundTrip(_ input: inout FuzzInput, _ options: UInt8, _ matcher: borrowing Matcher) {
    var lines: [[UInt8]] = []
    while !input.isEmpty, lines.count < 64 { lines.append(input.line().array) }
    if lines.isEmpty { return }
    // Enough rows for the encodings that only pay for many, with numbers that differ from row to row.
    let rounds = [1, 1, 2, 300][Int(options >> 1 & 3)]
    var all = lines
    for round in 1..<max(rounds, 2) where rounds > 1 {
      for line in lines where all.count < rowLimit { all.append(varied(line, round)) }
    }
    let block = SampleBlock(all, matcher)
    block.check()
    if options & 8 != 0 { block.checkPicking(every: 1 + Int(options >> 4)) }
  }

  /// The line with its digits turned by `round`.
  private static func varied(_ line: [UInt8], _ round: Int) -> [UInt8] {
    var line = line
    var rest = round
    for index in line.indices.reversed() where line[index] &- 0x30 < 10 && rest > 0 {
      line[index] = 0x30 + UInt8((Int(line[index] - 0x30) + rest) % 10)
      rest /= 10
    }
    return line
  }

  private static var matchSeeds: [[UInt8]] {
    let bodies = SampleLines.bodies
    let separator: [UInt8] = [0x0A]
    let all =
      bodies.map { [UInt8(0), 0x0A] + $0 } + [[UInt8(8), 0x0A] + Array(bodies.joined(separator: separator))]
    let many = bodies.map { [UInt8(0x2E), 0x0A] + $0 }
    let compiled = SampleLines.formats.enumerated().map { place, format in
      [UInt8(place & 1)] + format + separator + bodies[place] + separator + bodies[0]
    }
    let wrapped = SampleLines.headers.enumerated().map { place, header in
      [1] + Array("nginx/combined\n".utf8) + header + bodies[place & 1]
    }
    return all + many + compiled + wrapped
  }
}
