/// A generator with a fixed sequence for each seed (SplitMix64).
public struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  public init(_ seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }

  mutating func below(_ bound: Int) -> Int { bound <= 1 ? 0 : Int(next() % UInt64(bound)) }
}

/// Makes new inputs from known ones, the same for each seed.
public struct Mutator {
  private static let sizeLimit = 4096
  /// What parsers trip over.
  private static let pieces: [[UInt8]] =
    [
      "", " ", "\"", "-", ":", "/", "[", "]", "{", "}", "|", ", ", " : ", "\\", "+", "-1", "0", "\n", "\n\n",
      "\0",
      "\r\n", "%", "$", "${", "%[", "%{", "<", ">", "<1>", "Jan  1 00:00:00 ", "2026-01-01T00:00:00Z", "00",
      ".",
      "9223372036854775807", "-9223372036854775808", "18446744073709551615", "4294967296", "\" \"", "unix:",
      "=",
      "\u{FEFF}", "\u{301}", "\u{2014} ", "999999 <",
    ].map { Array($0.utf8) }
    + [
      [0xFF], [0xC3], [0x80], [0xFF, 0xFF, 0xFF, 0xFF], [0xFF, 0xFF, 0xFF, 0x7F], [0, 0, 0, 0x80],
      [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], [0x80, 0x80, 0x04],
    ]

  private let known: [[UInt8]]
  private var random: SeededGenerator

  public init(_ known: [[UInt8]], seed: UInt64) {
    self.known = known.isEmpty ? [[]] : known
    random = SeededGenerator(seed)
  }

  /// The next input.
  public mutating func next() -> [UInt8] {
    var input = known[random.below(known.count)]
    for _ in 0...random.below(4) { change(&input) }
    return Array(input.prefix(Self.sizeLimit * 4))
  }

  private mutating func change(_ input: inout [UInt8]) {
    let start = random.below(input.count + 1)
    let end = min(input.count, start + random.below(1 << random.below(8)))
    let piece = Self.pieces[random.below(Self.pieces.count)]
    switch random.below(9) {
    case 0: if start < input.count { input[start] ^= 1 << UInt8(random.below(8)) }
    case 1: if start < input.count { input[start] = UInt8(truncatingIfNeeded: random.next()) }
    case 2: input.removeSubrange(start..<end)
    case 3: input.insert(contentsOf: piece, at: start)
    case 4: input.replaceSubrange(start..<min(input.count, start + piece.count), with: piece)
    case 5: input.removeLast(input.count - start)
    case 6:
      let chunk = input[start..<end]
      for _ in 0...random.below(4) { input.insert(contentsOf: chunk, at: end) }
    case 7:
      let other = known[random.below(known.count)]
      input = Array(input[..<start]) + other[min(random.below(other.count + 1), other.count)...]
    default: if start < input.count { input[start] &+= random.below(2) == 0 ? 1 : 255 }
    }
  }
}
