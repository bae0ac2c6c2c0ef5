import Bytes
import Syslog

extension Fuzzer {
  /// Whatever the framing and however the stream is cut into chunks, the scanner gives what the slow
  /// reference gives, and bytes that it will not read again need not be there.
  ///
  /// Input: options, a byte count for each of some chunks, the stream.
  static let framing = Fuzzer("framing", smokeRuns: 20_000, seeds: { Self.framingSeeds }) { input in
    var input = FuzzInput(input)
    let options = input.byte()
    let framing = FrameScanner.Framing.allCases[Int(options & 3)]
    let limit = options & 8 == 0 ? 1 + input.below(24) : 480
    let sizes = (0..<8).map { _ in 1 + input.below(options & 16 == 0 ? 8 : 64) }
    let stream = input.rest().array
    var scan = StreamScan(
      FrameScanner(framing, limit: limit, expectsPriority: options & 4 == 0), splits: options & 32 != 0)
    var start = 0
    var turn = 0
    while start < stream.count {
      let end = min(stream.count, start + sizes[turn % sizes.count])
      scan.feed(Array(stream[start..<end]))
      start = end
      turn += 1
    }
    scan.finish()
    let wanted = FrameReference(
      stream, framing, limit: limit, expectsPriority: options & 4 == 0 && framing != .octet
    ).cuts()
    if options & 32 == 0 {
      require(scan.cuts == wanted, "scanner: \(scan.cuts)\nreference: \(wanted)")
    } else {
      let joined = Cut.joined(scan.cuts)
      let wantedJoined = Cut.joined(wanted)
      require(joined == wantedJoined, "scanner, joined: \(joined)\nreference: \(wantedJoined)")
    }
  }

  private static var framingSeeds: [[UInt8]] {
    let streams = [
      "<134>Nov 23 08:03:58 lb1 nginx: a\n<1>b\r\n", "5 <1>ab12 <1>abcdefgh\n3 <2>", "10 <1>abc\0<2>\n\0<3>x",
      "200 OK\n04 <1>\n1000000 <1>\n4<1>\n4", "999999 <1>abc",
      "0 <1>\n1 <\n30 <1>aaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
      "a line that is longer than the limit of all small limits\nshort\n", "\n\n\0\0\r\n",
    ]
    return streams.enumerated().flatMap { place, stream in
      (0..<8).map { turn in
        let options = UInt8(truncatingIfNeeded: place &* 37 &+ turn &* 29)
        return [options, 7, 3, 0, 5, 1, 2, 9, 4, 6] + Array(stream.utf8)
      }
    }
  }
}

/// One frame, as bytes.
struct Cut: Equatable, CustomStringConvertible {
  var bytes: [UInt8]
  var flags: FrameFlags

  var description: String {
    "(\(String(decoding: bytes, as: UTF8.self).debugDescription), \(String(flags.rawValue, radix: 2)))"
  }

  /// The messages that the pieces make, with the last piece's flags; how it was cut into pieces is left out.
  static func joined(_ cuts: [Cut]) -> [Cut] {
    var joined: [Cut] = []
    for var cut in cuts {
      if cut.flags.continued {
        require(!joined.isEmpty, "the first piece continues something")
        cut.bytes = joined.removeLast().bytes + cut.bytes
      }
      joined.append(cut)
    }
    for index in joined.indices {
      joined[index].flags.truncation = .none
      joined[index].flags.continued = false
    }
    return joined
  }
}

/// Feeds a scanner as a connection does.
private struct StreamScan {
  private var scanner: FrameScanner
  private let splits: Bool
  private var carry: [UInt8] = []
  private var turn = 0
  var cuts: [Cut] = []

  init(_ scanner: FrameScanner, splits: Bool) {
    self.scanner = scanner
    self.splits = splits
  }

  mutating func feed(_ chunk: [UInt8]) {
    let real = carry + chunk
    var start = 0
    while true {
      var seen = real
      // What the scanner has looked at, and does not read again, is overwritten.
      if start == 0 && !scanner.rereads {
        for index in carry.indices { seen[index] = index % 2 == 0 ? 0x0A : 0 }
      }
      guard let frame = seen.withView({ scanner.next(in: $0, from: start) }) else { break }
      start = add(frame, real, after: start)
    }
    turn += 1
    if splits, turn % 3 == 0, let piece = real.withView({ scanner.split(in: $0, from: start) }) {
      start = add(piece, real, after: start)
    }
    carry = Array(real[start...])
  }

  mutating func finish() {
    var start = 0
    while let frame = carry.withView({ scanner.finish(in: $0, from: start) }) {
      start = add(frame, carry, after: start)
    }
    require(start == carry.count, "\(carry.count - start) bytes are left at the end")
  }

  private mutating func add(_ frame: FrameScanner.Frame, _ bytes: [UInt8], after start: Int) -> Int {
    require(
      frame.offset >= start && frame.count >= 0 && frame.end >= frame.offset + frame.count
        && frame.end <= bytes.count,
      "\(frame) is not within \(start)..<\(bytes.count)")
    cuts.append(Cut(bytes: Array(bytes[frame.offset..<frame.offset + frame.count]), flags: frame.flags))
    return frame.end
  }
}

/// What is in a stream, found out with all of it at hand, byte for byte.
private struct FrameReference {
  private let stream: [UInt8]
  private let framing: FrameScanner.Framing
  private let limit: Int
  private let expectsPriority: Bool

  init(_ stream: [UInt8], _ framing: FrameScanner.Framing, limit: Int, expectsPriority: Bool) {
    self.stream = stream
    self.framing = framing
    self.limit = limit
    self.expectsPriority = expectsPriority
  }

  func cuts() -> [Cut] {
    var cuts: [Cut] = []
    var place = 0
    while place < stream.count {
      if let (body, count) = count(at: place) {
        place = counted(from: body, count, &cuts)
      } else {
        place = text(from: place, &cuts)
      }
    }
    return cuts
  }

  /// Where the octets begin, and how many there are, if a count stands here.
  private func count(at start: Int) -> (body: Int, count: Int)? {
    if framing == .file || framing == .lineFeed { return nil }
    let digits = stream[start...].prefix { $0 >= 0x30 && $0 <= 0x39 }
    guard (1...Limits.countDigits).contains(digits.count), digits.first != 0x30 else { return nil }
    guard digits.endIndex < stream.count, stream[digits.endIndex] == 0x20 else { return nil }
    let body = digits.endIndex + 1
    if expectsPriority, body == stream.count || stream[body] != UInt8(ascii: "<") { return nil }
    return (body, digits.reduce(0) { $0 * 10 + Int($1 - 0x30) })
  }

  private func counted(from body: Int, _ count: Int, _ cuts: inout [Cut]) -> Int {
    let end = min(stream.count, body + count)
    var bytes = Array(stream[body..<end])
    let isWhole = bytes.count == count
    // A piece ends only where it is known that more is to come.
    var left = count
    var continued = false
    while left > limit, bytes.count >= limit {
      cuts.append(piece(.octetCounting, Array(bytes.prefix(limit)), &continued))
      bytes.removeFirst(limit)
      left -= limit
    }
    var flags = last(.octetCounting, continued)
    if !isWhole {
      flags.cut = true
    } else if bytes.last == 0x0A {
      bytes.removeLast()
      flags.trailingLineFeed = true
    }
    cuts.append(Cut(bytes: bytes, flags: flags))
    return end
  }

  private func text(from start: Int, _ cuts: inout [Cut]) -> Int {
    let end = stream[start...].firstIndex { $0 == 0x0A || $0 == 0 && framing != .file }
    var bytes = Array(stream[start..<(end ?? stream.count)])
    var continued = false
    while bytes.count > limit {
      cuts.append(piece(.lineFeed, Array(bytes.prefix(limit)), &continued))
      bytes.removeFirst(limit)
    }
    var flags = last(.lineFeed, continued)
    if let end {
      if stream[end] == 0 { flags = last(.nul, continued) }
    } else if framing == .file {
      flags.unterminated = true
    } else {
      flags.cut = true
    }
    cuts.append(Cut(bytes: bytes, flags: flags))
    return end.map { $0 + 1 } ?? stream.count
  }

  private func piece(_ framing: FrameFlags.Framing, _ bytes: [UInt8], _ continued: inout Bool) -> Cut {
    var flags = FrameFlags(framing, truncation: .collector)
    flags.unterminated = true
    flags.continued = continued
    continued = true
    return Cut(bytes: bytes, flags: flags)
  }

  private func last(_ framing: FrameFlags.Framing, _ continued: Bool) -> FrameFlags {
    var flags = FrameFlags(framing, truncation: continued ? .collector : .none)
    flags.continued = continued
    return flags
  }
}
