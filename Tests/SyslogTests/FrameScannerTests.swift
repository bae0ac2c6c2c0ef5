// Framing: tables of streams and what must be cut from them, then a differential test against the obvious
// reference below, with random streams in random pieces.
import Bytes
import Syslog
import TestSupport
import Testing

/// What a scanner made of one frame.
struct Cut: Equatable, CustomStringConvertible {
  var bytes: [UInt8]
  var flags: FrameFlags

  init(_ text: String, _ framing: FrameFlags.Framing, _ marks: Mark...) {
    self.init(Array(text.utf8), framing, marks)
  }

  init(_ bytes: [UInt8], _ framing: FrameFlags.Framing, _ marks: [Mark]) {
    self.bytes = bytes
    flags = FrameFlags(framing)
    for mark in marks {
      switch mark {
      case .over: flags.truncation = .collector
      case .unterminated: flags.unterminated = true
      case .continued: flags.continued = true
      case .lineFeed: flags.trailingLineFeed = true
      case .cut: flags.cut = true
      }
    }
  }

  init(bytes: [UInt8], flags: FrameFlags) {
    self.bytes = bytes
    self.flags = flags
  }

  enum Mark { case over, unterminated, continued, lineFeed, cut }

  var description: String {
    "(\(String(decoding: bytes, as: UTF8.self).debugDescription), \(String(flags.rawValue, radix: 2)))"
  }
}

/// Feeds the scanner as a connection does: only what the scanner promises to read is in place, the rest of a
/// carried frame is overwritten until the frame is returned.
func scan(
  _ chunks: [[UInt8]], _ framing: FrameScanner.Framing, limit: Int = Limits.messageBytes,
  expectsPriority: Bool = true
) -> [Cut] {
  var scanner = FrameScanner(framing, limit: limit, expectsPriority: expectsPriority)
  var cuts: [Cut] = []
  var carry: [UInt8] = []
  func add(_ frame: FrameScanner.Frame, _ bytes: [UInt8]) {
    cuts.append(Cut(bytes: Array(bytes[frame.offset..<(frame.offset + frame.count)]), flags: frame.flags))
  }
  for chunk in chunks {
    let real = carry + chunk
    var start = 0
    while true {
      var seen = real
      if start == 0 && !scanner.rereads {
        for index in carry.indices { seen[index] = index % 2 == 0 ? 0x0A : 0 }
      }
      guard let frame = seen.withView({ scanner.next(in: $0, from: start) }) else { break }
      add(frame, real)
      start = frame.end
    }
    carry = Array(real[start...])
  }
  var start = 0
  while let frame = carry.withView({ scanner.finish(in: $0, from: start) }) {
    add(frame, carry)
    start = frame.end
  }
  return cuts
}

func scan(_ text: String, _ framing: FrameScanner.Framing = .auto, limit: Int = 65_536) -> [Cut] {
  scan([Array(text.utf8)], framing, limit: limit)
}

@Suite struct FrameScannerTests {
  @Test func textEndsAtLineFeedOrNul() {
    #expect(
      scan("<1>a\n<2>b\0<3>c\r\n\n") == [
        Cut("<1>a", .lineFeed), Cut("<2>b", .nul), Cut("<3>c\r", .lineFeed), Cut("", .lineFeed),
      ])
  }

  @Test func aCountIsFollowedByASpaceAndAPriority() {
    #expect(
      scan("4 <1>a5 <1>bc<2>d\n10 <1>ef\0gh\nj<3>k\n") == [
        Cut("<1>a", .octetCounting), Cut("<1>bc", .octetCounting), Cut("<2>d", .lineFeed),
        Cut("<1>ef\0gh\nj", .octetCounting), Cut("<3>k", .lineFeed),
      ])
  }

  @Test(arguments: [
    "200 OK", "0 <1>a", "04 <1>a", "1000000 <1>a", "4<1>a", "4\t<1>a", "4  <1>a", "-4 <1>a", "4", "4 ",
    "99999999999999999999999 <1>", "x4 <1>",
  ])
  func whatIsNoCountIsText(_ text: String) {
    #expect(scan(text + "\n") == [Cut(text, .lineFeed)])
  }

  @Test func anyByteMayFollowACountWhenOctetIsPinned() {
    #expect(
      scan("2 ab3 cde1 \n7 200 OK\n", .octet) == [
        Cut("ab", .octetCounting), Cut("cde", .octetCounting), Cut("", .octetCounting, .lineFeed),
        Cut("200 OK", .octetCounting, .lineFeed),
      ])
    #expect(scan("ab\n2 ab", .octet) == [Cut("ab", .lineFeed), Cut("ab", .octetCounting)])
    #expect(
      scan([Array("2 ab".utf8)], .auto, expectsPriority: false) == [Cut("ab", .octetCounting)])
  }

  @Test func aCountIsTextWhenLineFeedIsPinned() {
    #expect(scan("4 <1>a\n", .lineFeed) == [Cut("4 <1>a", .lineFeed)])
  }

  @Test func oneLineFeedInsideTheCountIsTakenOff() {
    #expect(
      scan("6 <1>a\n\n5 <1>b\n") == [
        Cut("<1>a\n", .octetCounting, .lineFeed), Cut("<1>b", .octetCounting, .lineFeed),
      ])
  }

  @Test func anOverlongLineIsKeptInPiecesAndResumesAtItsLineFeed() {
    #expect(
      scan("<1>abcdefgh\n<2>b\n", limit: 4) == [
        Cut("<1>a", .lineFeed, .over, .unterminated),
        Cut("bcde", .lineFeed, .over, .unterminated, .continued),
        Cut("fgh", .lineFeed, .over, .continued), Cut("<2>b", .lineFeed),
      ])
  }

  @Test func aMessageOfExactlyTheLimitIsWhole() {
    #expect(
      scan("<1>a\n<1>bc\n4 <1>d", limit: 4) == [
        Cut("<1>a", .lineFeed), Cut("<1>b", .lineFeed, .over, .unterminated),
        Cut("c", .lineFeed, .over, .continued), Cut("<1>d", .octetCounting),
      ])
  }

  @Test func anOverlongCountedFrameEndsAfterExactlyItsCount() {
    // The line feeds and the count inside must not be seen.
    #expect(
      scan("13 <1>\n4 <2>xyz\n<2>b\n", limit: 5) == [
        Cut("<1>\n4", .octetCounting, .over, .unterminated),
        Cut(" <2>x", .octetCounting, .over, .unterminated, .continued),
        Cut("yz", .octetCounting, .over, .continued, .lineFeed), Cut("<2>b", .lineFeed),
      ])
  }

  @Test func whatTheStreamEndsInIsKept() {
    #expect(scan("<1>a") == [Cut("<1>a", .lineFeed, .cut)])
    #expect(scan("9 <1>a") == [Cut("<1>a", .octetCounting, .cut)])
    #expect(scan("12") == [Cut("12", .lineFeed, .cut)])
    #expect(scan("12 ") == [Cut("12 ", .lineFeed, .cut)])
    #expect(scan("12 ", .octet) == [Cut("", .octetCounting, .cut)])
    #expect(scan("<1>a\n") == [Cut("<1>a", .lineFeed)])
    #expect(scan("") == [])
  }

  @Test func aStreamThatEndsBetweenPiecesSaysSo() {
    #expect(
      scan("8 <1>a", limit: 4) == [
        Cut("<1>a", .octetCounting, .over, .unterminated), Cut("", .octetCounting, .over, .continued, .cut),
      ])
    #expect(
      scan("<1>ab", limit: 4) == [
        Cut("<1>a", .lineFeed, .over, .unterminated), Cut("b", .lineFeed, .over, .continued, .cut),
      ])
  }

  @Test func aFileHasLinesAndNothingElse() {
    #expect(
      scan("4 <1>a\r\nb\0c\n\nlast", .file) == [
        Cut("4 <1>a\r", .lineFeed), Cut("b\0c", .lineFeed), Cut("", .lineFeed),
        Cut("last", .lineFeed, .unterminated),
      ])
    #expect(scan("ab\n", .file) == [Cut("ab", .lineFeed)])
    #expect(
      scan("abc", .file, limit: 2) == [
        Cut("ab", .lineFeed, .over, .unterminated), Cut("c", .lineFeed, .over, .unterminated, .continued),
      ])
  }

  @Test func flagsHaveThePlacesTheyHaveOnDisk() {
    #expect(FrameFlags(.control).rawValue == 4)
    #expect(FrameFlags(.nul, truncation: .collector).rawValue == 3 | 3 << 3)
    #expect(Cut("", .lineFeed, .unterminated).flags.rawValue == 2 | 1 << 5)
    #expect(Cut("", .lineFeed, .continued).flags.rawValue == 2 | 1 << 6)
    #expect(Cut("", .lineFeed, .lineFeed).flags.rawValue == 2 | 1 << 7)
    #expect(Cut("", .lineFeed, .cut).flags.rawValue == 2 | 1 << 8)
  }
}

/// The same rules with everything in hand and no state, as the grammar reads.
private func reference(
  _ stream: [UInt8], _ framing: FrameScanner.Framing, limit: Int, expectsPriority: Bool
) -> [Cut] {
  var cuts: [Cut] = []
  var rest = stream[...]

  func addPieces(_ message: ArraySlice<UInt8>, _ flags: FrameFlags, whole: Bool) {
    var message = message
    var flags = flags
    let over = message.count > limit
    while message.count > limit {
      // What will end the text is not known yet.
      var piece = FrameFlags(flags.framing == .octetCounting ? .octetCounting : .lineFeed)
      piece.truncation = .collector
      piece.unterminated = true
      piece.continued = flags.continued
      cuts.append(Cut(bytes: Array(message.prefix(limit)), flags: piece))
      message = message.dropFirst(limit)
      flags.continued = true
    }
    if over { flags.truncation = .collector }
    if !whole { if framing == .file { flags.unterminated = true } else { flags.cut = true } }
    if whole, flags.framing == .octetCounting, message.last == 0x0A {
      flags.trailingLineFeed = true
      message = message.dropLast()
    }
    cuts.append(Cut(bytes: Array(message), flags: flags))
  }

  while !rest.isEmpty {
    let digits = rest.prefix { $0 >= 0x30 && $0 <= 0x39 }
    let afterDigits = rest.dropFirst(digits.count)
    let isCount =
      (framing == .auto || framing == .octet) && (1...6).contains(digits.count) && digits.first != 0x30
      && afterDigits.first == 0x20
      && (framing == .octet || !expectsPriority || afterDigits.dropFirst().first == 0x3C)
    if isCount, let count = Int(String(decoding: digits, as: UTF8.self)) {
      let octets = afterDigits.dropFirst().prefix(count)
      let whole = octets.count == count
      // A frame that the stream leaves is in pieces once its count says that it will be.
      if whole || count <= limit {
        addPieces(octets, FrameFlags(.octetCounting), whole: whole)
      } else {
        var flags = FrameFlags(.octetCounting)
        var octets = octets
        var remaining = count
        while octets.count >= limit, remaining > limit {
          flags.truncation = .collector
          flags.unterminated = true
          cuts.append(Cut(bytes: Array(octets.prefix(limit)), flags: flags))
          octets = octets.dropFirst(limit)
          remaining -= limit
          flags.continued = true
        }
        flags.unterminated = false
        flags.cut = true
        cuts.append(Cut(bytes: Array(octets), flags: flags))
      }
      rest = afterDigits.dropFirst().dropFirst(count)
    } else {
      let end = rest.firstIndex { $0 == 0x0A || ($0 == 0 && framing != .file) }
      let flags = FrameFlags(end.map { rest[$0] } == 0 ? .nul : .lineFeed)
      addPieces(rest[..<(end ?? rest.endIndex)], flags, whole: end != nil)
      rest = end.map { rest[($0 + 1)...] } ?? []
    }
  }
  return cuts
}

@Suite struct FrameScannerDifferentialTests {
  private func randomStream(_ random: inout SplitMix64) -> [UInt8] {
    var stream: [UInt8] = []
    for _ in 0..<Int.random(in: 0...12, using: &random) {
      let length = Int.random(in: 0...20, using: &random)
      var body = (0..<length).map { _ in Array("ab<1 \n\0\r90".utf8).randomElement(using: &random) ?? 0 }
      switch Int.random(in: 0...5, using: &random) {
      case 0, 1:
        body = Array("<1>".utf8) + body
        stream += Array("\(body.count) ".utf8) + body
      case 2: stream += Array("<1>".utf8) + body + [0x0A]
      case 3: stream += Array("<1>".utf8) + body + [0]
      case 4: stream += Array("\(Int.random(in: 0...2_000_000, using: &random)) ".utf8) + body
      default: stream += body
      }
    }
    return stream
  }

  private func randomChunks(_ stream: [UInt8], _ random: inout SplitMix64) -> [[UInt8]] {
    var chunks: [[UInt8]] = []
    var rest = stream[...]
    let most = [1, 3, 10, 100].randomElement(using: &random) ?? 1
    while !rest.isEmpty {
      let count = Int.random(in: 1...most, using: &random)
      chunks.append(Array(rest.prefix(count)))
      rest = rest.dropFirst(count)
    }
    return chunks
  }

  @Test(arguments: FrameScanner.Framing.allCases)
  func agreesWithTheReferenceInWhateverPiecesTheStreamArrives(_ framing: FrameScanner.Framing) {
    for seed in 0..<5_000 {
      var random = SplitMix64(UInt64(seed))
      let stream = randomStream(&random)
      let limit = Int.random(in: 1...24, using: &random)
      let expectsPriority = Bool.random(using: &random)
      let expected = reference(stream, framing, limit: limit, expectsPriority: expectsPriority)
      let chunks = randomChunks(stream, &random)
      let cuts = scan(chunks, framing, limit: limit, expectsPriority: expectsPriority)
      if cuts != expected {
        Issue.record("seed \(seed), limit \(limit): \(chunks)\n  got \(cuts)\n  not \(expected)")
        return
      }
    }
  }

  /// Splitting wherever a read ends must neither lose nor add a byte, nor lose the framing.
  @Test(arguments: FrameScanner.Framing.allCases)
  func splittingAtAnyPlaceKeepsEveryByte(_ framing: FrameScanner.Framing) {
    for seed in 0..<2_000 {
      var random = SplitMix64(UInt64(seed))
      let stream = randomStream(&random)
      let expected = joined(reference(stream, framing, limit: 30, expectsPriority: true))
      var scanner = FrameScanner(framing, limit: 30)
      var cuts: [Cut] = []
      var carry: [UInt8] = []
      func add(_ frame: FrameScanner.Frame) {
        cuts.append(
          Cut(bytes: Array(carry[frame.offset..<(frame.offset + frame.count)]), flags: frame.flags))
      }
      for chunk in randomChunks(stream, &random) {
        carry += chunk
        var start = 0
        while let frame = carry.withView({ scanner.next(in: $0, from: start) }) {
          add(frame)
          start = frame.end
        }
        if let frame = carry.withView({ scanner.split(in: $0, from: start) }) {
          add(frame)
          #expect(frame.flags.unterminated && frame.flags.truncation == .collector)
          start = frame.end
        }
        carry = Array(carry[start...])
      }
      var start = 0
      while let frame = carry.withView({ scanner.finish(in: $0, from: start) }) {
        add(frame)
        start = frame.end
      }
      if joined(cuts) != expected { Issue.record("seed \(seed): \(cuts)") }
    }
  }

  /// Pieces put together, with what ends each message.
  private func joined(_ cuts: [Cut]) -> [Cut] {
    var joined: [Cut] = []
    for cut in cuts {
      var bytes = cut.bytes
      if cut.flags.trailingLineFeed { bytes.append(0x0A) }
      var flags = FrameFlags(cut.flags.framing ?? .control)
      flags.cut = cut.flags.cut
      if cut.flags.continued, let last = joined.popLast() { bytes = last.bytes + bytes }
      joined.append(Cut(bytes: bytes, flags: flags))
    }
    return joined
  }

  @Test func linesOfAFileAreGivenBackByteForByte() {
    for seed in 0..<2_000 {
      var random = SplitMix64(UInt64(seed))
      let stream = randomStream(&random)
      let limit = Int.random(in: 1...24, using: &random)
      let cuts = scan(randomChunks(stream, &random), .file, limit: limit)
      var output: [UInt8] = []
      for cut in cuts { output += cut.bytes + (cut.flags.unterminated ? [] : [0x0A]) }
      #expect(output == stream, "seed \(seed)")
    }
  }
}
