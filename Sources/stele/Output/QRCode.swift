/// A QR code (ISO/IEC 18004) of some bytes, for a camera to read off a terminal: byte mode, versions 1 to 10,
/// error correction of level M, or L where the bytes are too many for that.
struct QRCode: Equatable {
  /// Modules on each side.
  private(set) var size: Int
  /// Row by row; true is dark.
  private(set) var modules: [Bool]
  /// The modules whose place is fixed and that hold no data.
  private var isFixed: [Bool]

  /// How the codewords of a version and level are divided.
  struct Layout {
    var version: Int
    /// The two bits that name the level: 1 is L, 0 is M.
    var level: Int
    var codewords: Int
    var blocks: Int
    /// Codewords of error correction in each block.
    var correction: Int

    var dataBytes: Int { codewords - blocks * correction }
    /// Bits of the number that says how many bytes there are.
    var countBits: Int { version < 10 ? 8 : 16 }
    /// Bytes that fit, beside the mode (4 bits) and their number.
    var capacity: Int { (dataBytes * 8 - 4 - countBits) / 8 }

    /// Table 9 of the standard, versions 1 to 10.
    static let all: [Layout] = {
      let codewords = [26, 44, 70, 100, 134, 172, 196, 242, 292, 346]
      let levels: [(level: Int, blocks: [Int], correction: [Int])] = [
        (0, [1, 1, 1, 2, 2, 4, 4, 4, 5, 5], [10, 16, 26, 18, 24, 16, 18, 22, 22, 26]),
        (1, [1, 1, 1, 1, 1, 2, 2, 2, 2, 4], [7, 10, 15, 20, 26, 18, 20, 24, 30, 18]),
      ]
      return levels.flatMap { level in
        codewords.indices.map {
          Layout(
            version: $0 + 1, level: level.level, codewords: codewords[$0], blocks: level.blocks[$0],
            correction: level.correction[$0])
        }
      }
    }()
  }

  /// Nil when the bytes are more than fit (271).
  init?(_ bytes: [UInt8]) {
    guard let layout = Layout.all.first(where: { $0.capacity >= bytes.count }) else { return nil }
    size = 17 + 4 * layout.version
    modules = [Bool](repeating: false, count: size * size)
    isFixed = modules
    drawPatterns(layout.version)
    drawFormat(layout.level, mask: 0)
    drawData(Self.interleaved(Self.data(bytes, layout), layout))
    let candidates = (0..<8).map { masked($0, layout.level) }
    guard let best = candidates.min(by: { $0.penalty < $1.penalty }) else { return nil }
    self = best
  }

  subscript(x: Int, y: Int) -> Bool { modules[y * size + x] }

  // MARK: Codewords

  /// Mode, count, the bytes, and padding.
  private static func data(_ bytes: [UInt8], _ layout: Layout) -> [UInt8] {
    var bits: [Bool] = []
    func append(_ value: Int, _ count: Int) {
      for place in (0..<count).reversed() { bits.append(value >> place & 1 == 1) }
    }
    append(4, 4)
    append(bytes.count, layout.countBits)
    for byte in bytes { append(Int(byte), 8) }
    append(0, min(4, layout.dataBytes * 8 - bits.count))
    append(0, (8 - bits.count % 8) % 8)
    var data = stride(from: 0, to: bits.count, by: 8).map { start in
      bits[start..<start + 8].reduce(UInt8(0)) { $0 << 1 | ($1 ? 1 : 0) }
    }
    var padding: UInt8 = 0xEC
    while data.count < layout.dataBytes {
      data.append(padding)
      padding ^= 0xEC ^ 0x11
    }
    return data
  }

  /// The blocks' data, then their error correction, each block's first codeword first. The last blocks are
  /// one codeword of data longer where the data does not divide.
  private static func interleaved(_ data: [UInt8], _ layout: Layout) -> [UInt8] {
    let short = layout.dataBytes / layout.blocks
    let longBlocks = layout.dataBytes % layout.blocks
    let generator = generator(layout.correction)
    var parts: [ArraySlice<UInt8>] = []
    var start = 0
    for block in 0..<layout.blocks {
      let end = start + short + (block >= layout.blocks - longBlocks ? 1 : 0)
      parts.append(data[start..<end])
      start = end
    }
    var result: [UInt8] = []
    for place in 0...short {
      for part in parts where place < part.count { result.append(part[part.startIndex + place]) }
    }
    let corrections = parts.map { remainder($0, generator) }
    for place in 0..<layout.correction {
      for correction in corrections { result.append(correction[place]) }
    }
    return result
  }

  /// Product in GF(2^8), modulo x^8 + x^4 + x^3 + x^2 + 1.
  private static func product(_ a: UInt8, _ b: UInt8) -> UInt8 {
    var result = 0
    for place in (0..<8).reversed() {
      result = result << 1 ^ (result >> 7) * 0x11D
      result ^= Int(b >> place & 1) * Int(a)
    }
    return UInt8(result)
  }

  /// The generator polynomial of that degree, without its first coefficient, which is 1.
  private static func generator(_ degree: Int) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: degree)
    result[degree - 1] = 1
    var root: UInt8 = 1
    for _ in 0..<degree {
      for place in result.indices {
        result[place] = product(result[place], root)
        if place + 1 < degree { result[place] ^= result[place + 1] }
      }
      root = product(root, 2)
    }
    return result
  }

  /// The Reed-Solomon code of a block.
  private static func remainder(_ data: ArraySlice<UInt8>, _ generator: [UInt8]) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: generator.count)
    for byte in data {
      let factor = byte ^ result.removeFirst()
      result.append(0)
      for place in result.indices { result[place] ^= product(generator[place], factor) }
    }
    return result
  }

  // MARK: Drawing

  private mutating func fix(_ x: Int, _ y: Int, _ isDark: Bool) {
    modules[y * size + x] = isDark
    isFixed[y * size + x] = true
  }

  private mutating func drawPatterns(_ version: Int) {
    for place in 0..<size {
      fix(6, place, place % 2 == 0)
      fix(place, 6, place % 2 == 0)
    }
    for (x, y) in [(3, 3), (size - 4, 3), (3, size - 4)] { drawRings(x, y, reach: 4) }
    let places = Self.alignment(version, size)
    for x in places {
      for y in places {
        let isCorner = (x == 6 && y == 6) || (x == 6 && y == size - 7) || (x == size - 7 && y == 6)
        if !isCorner { drawRings(x, y, reach: 2) }
      }
    }
    if version >= 7 { drawVersion(version) }
  }

  /// A finder (with the light ring around it) or an alignment pattern: squares in one another.
  private mutating func drawRings(_ x: Int, _ y: Int, reach: Int) {
    for down in -reach...reach {
      for right in -reach...reach {
        let distance = max(abs(down), abs(right))
        guard (0..<size).contains(x + right), (0..<size).contains(y + down) else { continue }
        fix(x + right, y + down, reach == 4 ? distance != 2 && distance != 4 : distance != 1)
      }
    }
  }

  /// Centres of the alignment patterns, in both directions (annex E).
  private static func alignment(_ version: Int, _ size: Int) -> [Int] {
    switch version {
    case 1: []
    case 2...6: [6, size - 7]
    default: [6, 8 + 2 * version, size - 7]
    }
  }

  /// `value`, and behind it the remainder of its division by the polynomial (annexes C and D).
  private static func protected(_ value: Int, _ polynomial: Int, bits: Int) -> Int {
    var rest = value
    for _ in 0..<bits { rest = rest << 1 ^ (rest >> (bits - 1)) * polynomial }
    return value << bits | rest
  }

  private mutating func drawVersion(_ version: Int) {
    let bits = Self.protected(version, 0x1F25, bits: 12)
    for place in 0..<18 {
      let (far, near) = (size - 11 + place % 3, place / 3)
      fix(far, near, bits >> place & 1 == 1)
      fix(near, far, bits >> place & 1 == 1)
    }
  }

  private mutating func drawFormat(_ level: Int, mask: Int) {
    let bits = Self.protected(level << 3 | mask, 0x537, bits: 10) ^ 0x5412
    for place in 0..<15 {
      let isDark = bits >> place & 1 == 1
      // Past the timing pattern, which is at 6.
      switch place {
      case 0..<6: fix(8, place, isDark)
      case 6, 7: fix(8, place + 1, isDark)
      case 8: fix(7, 8, isDark)
      default: fix(14 - place, 8, isDark)
      }
      if place < 8 { fix(size - 1 - place, 8, isDark) } else { fix(8, size - 15 + place, isDark) }
    }
    fix(8, size - 8, true)
  }

  /// Up and down in columns two wide, from the right.
  private mutating func drawData(_ codewords: [UInt8]) {
    var bit = 0
    for pair in 0..<(size - 1) / 2 {
      // The column of the timing pattern is left out.
      let right = size - 1 - 2 * pair - (size - 1 - 2 * pair <= 6 ? 1 : 0)
      for step in 0..<size {
        let y = pair % 2 == 0 ? size - 1 - step : step
        for x in [right, right - 1] where !isFixed[y * size + x] && bit < codewords.count * 8 {
          modules[y * size + x] = codewords[bit / 8] >> (7 - bit % 8) & 1 == 1
          bit += 1
        }
      }
    }
  }

  // MARK: Masks

  private func masked(_ mask: Int, _ level: Int) -> QRCode {
    var code = self
    for y in 0..<size {
      for x in 0..<size where !isFixed[y * size + x] && Self.isFlipped(mask, x, y) {
        code.modules[y * size + x].toggle()
      }
    }
    code.drawFormat(level, mask: mask)
    return code
  }

  /// Table 10.
  private static func isFlipped(_ mask: Int, _ x: Int, _ y: Int) -> Bool {
    switch mask {
    case 0: (x + y) % 2 == 0
    case 1: y % 2 == 0
    case 2: x % 3 == 0
    case 3: (x + y) % 3 == 0
    case 4: (y / 2 + x / 3) % 2 == 0
    case 5: x * y % 2 + x * y % 3 == 0
    case 6: (x * y % 2 + x * y % 3) % 2 == 0
    default: ((x + y) % 2 + x * y % 3) % 2 == 0
    }
  }

  /// How hard the code is to read: runs and squares of one colour, what looks like a finder, and too much of
  /// one colour (7.8.3).
  private var penalty: Int {
    var sum = 0
    for line in 0..<size {
      sum += linePenalty { self[$0, line] } + linePenalty { self[line, $0] }
      if line == 0 { continue }
      for x in 1..<size {
        let dark = [self[x, line], self[x - 1, line], self[x, line - 1], self[x - 1, line - 1]].count { $0 }
        if dark % 4 == 0 { sum += 3 }
      }
    }
    let dark = modules.count { $0 }
    return sum + abs(dark * 20 - modules.count * 10) / modules.count * 10
  }

  /// That of one row or column.
  private func linePenalty(_ module: (Int) -> Bool) -> Int {
    var sum = 0
    var run = 0
    // The last 11 modules, the newest in bit 0.
    var last = 0
    for place in 0..<size {
      run = place > 0 && module(place) == module(place - 1) ? run + 1 : 1
      if run == 5 { sum += 3 } else if run > 5 { sum += 1 }
      last = (last << 1 | (module(place) ? 1 : 0)) & 0x7FF
      if place >= 10, last == 0b101_1101_0000 || last == 0b000_0101_1101 { sum += 40 }
    }
    return sum
  }

  // MARK: Text

  /// Two rows of modules in each line of text, with the light border that belongs to the code. With colours
  /// it is black on white whatever the terminal's are.
  func text(colours: Bool) -> String {
    let border = 4
    func isDark(_ x: Int, _ y: Int) -> Bool {
      (0..<size).contains(x) && (0..<size).contains(y) && self[x, y]
    }
    var text = ""
    for y in stride(from: -border, to: size + border, by: 2) {
      if colours { text += "\u{1B}[30;107m" }
      for x in -border..<size + border {
        switch (isDark(x, y), isDark(x, y + 1)) {
        case (false, false): text += " "
        case (true, false): text += "▀"
        case (false, true): text += "▄"
        case (true, true): text += "█"
        }
      }
      text += colours ? "\u{1B}[0m\n" : "\n"
    }
    return text
  }
}
