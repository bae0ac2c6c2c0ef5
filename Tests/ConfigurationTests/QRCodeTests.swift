import Testing

@testable import stele

@Suite struct QRCodeTests {
  private func rows(_ code: QRCode) -> [String] {
    (0..<code.size).map { y in (0..<code.size).map { code[$0, y] ? "#" : "." }.joined() }
  }

  /// As another encoder (python-qrcode, with the same mask) draws it, which real decoders read.
  @Test func aShortTextHasTheKnownCode() throws {
    let expected = """
      #######.#.###.#######
      #.....#.#.###.#.....#
      #.###.#..#..#.#.###.#
      #.###.#.##.##.#.###.#
      #.###.#...##..#.###.#
      #.....#..#.##.#.....#
      #######.#.#.#.#######
      ........#####........
      #.##.###..###.#..#.##
      ..####.....####..####
      #####.####.#.....#.##
      ........####..####..#
      .#.##.##....#..#.....
      ........####..#....#.
      #######.#..##..#.#...
      #.....#.###....#####.
      #.###.#..##.#########
      #.###.#.#.##..#.####.
      #.###.#.#.#.#.##..#..
      #.....#..##..#.#....#
      #######.#....#.##.#..
      """
    let code = try #require(QRCode(Array("stele".utf8)))
    #expect(rows(code).joined(separator: "\n") == expected)
  }

  @Test func aTextOfEveryLengthHasTheSmallestVersionThatItFits() throws {
    // Capacities of byte mode, table 7 of the standard: level M of versions 1 to 10, then L of version 10.
    for (version, most) in [14, 26, 42, 62, 84, 106, 122, 152, 180, 213].enumerated() {
      #expect(QRCode([UInt8](repeating: 65, count: most))?.size == 21 + 4 * version)
    }
    #expect(QRCode([UInt8](repeating: 65, count: 271))?.size == 57)
    #expect(QRCode([UInt8](repeating: 65, count: 272)) == nil)
  }

  @Test func linesOfTextHoldTwoRowsAndTheBorder() throws {
    let code = try #require(QRCode(Array("stele".utf8)))
    let lines = code.text(colours: false).split(separator: "\n")
    #expect(lines.count == 15)
    #expect(lines.allSatisfy { $0.count == 29 })
    // The finder's upper edge, 7 modules of dark over light but at its sides.
    #expect(lines[2].hasPrefix("    █▀▀▀▀▀█ "))
    #expect(lines[0].allSatisfy { $0 == " " })
    #expect(code.text(colours: true).hasPrefix("\u{1B}[30;107m "))
  }
}
