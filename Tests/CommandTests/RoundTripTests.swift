import Foundation
import TestSupport
import Testing

/// `replay FILE --into D` and then `search D --output raw` give the file back, byte for byte.
@Suite struct RoundTripTests {
  private static let formats = ["auto", "none", "nginx/combined", "haproxy/httplog", "envoy/default"]

  private func roundTrip(_ file: [UInt8], _ format: String, _ comment: Comment) throws {
    let sandbox = try Sandbox()
    try sandbox.makeLog()
    try sandbox.directory.write("file", file)
    let replayed = try sandbox.stele("replay", "@file", "--into", "@log", "--format", format)
    #expect(replayed.status == 0, "\(comment): \(replayed.errors)")
    let found = try sandbox.stele("search", "@log", "--output", "raw")
    #expect(found.status == 0, "\(comment): \(found.errors)")
    #expect(found.output == file, comment)
    #expect(try sandbox.stele("verify", "@log", "--key", "@log.vkey").status == 0, comment)
  }

  @Test(arguments: formats) func filesOfAllShapesComeBack(_ format: String) throws {
    let line = Array(Sandbox.lines[0].utf8)
    let long = [UInt8](repeating: UInt8(ascii: "x"), count: 300_000)
    let files: [(String, [UInt8])] = [
      ("empty", []), ("one line feed", [10]), ("line feeds", [10, 10, 10]), ("no line feed at the end", line),
      ("carriage returns", line + [13, 10] + line + [13]), ("NULs", [0, 10, 0, 0, 10] + line + [0]),
      ("only carriage returns", [13, 13]), ("not UTF-8", line + [0xFF, 0xC0, 0x80, 10]),
      ("a line of 300 kB", line + [10] + long + [10] + line + [10]), ("a line of 300 kB alone", long),
      ("a line at the limit", Array(long.prefix(262_144)) + [10] + line),
      ("a line beyond the limit", Array(long.prefix(262_145)) + [10] + line),
      (
        "a long target",
        Array("192.0.2.1 - - [23/Nov/2026:08:00:00 +0000] \"GET /".utf8) + long.prefix(60_000)
          + Array(" HTTP/1.1\" 200 5 \"-\" \"-\"\n".utf8)
      ),
      ("octet counts", Array("5 <134>\n12 hello\n".utf8)), ("a priority", Array("<134>\n<\n<134\n".utf8)),
    ]
    for (name, file) in files { try roundTrip(file, format, "\(name), \(format)") }
  }

  @Test(arguments: 0..<6) func hostileLinesComeBack(_ round: Int) throws {
    let seed = UInt64(0xC0FFEE + round)
    var generator = SplitMix64(seed)
    var file: [UInt8] = []
    let fixtures = [
      "haproxy/nasty.log", "nginx/nasty.log", "envoy/nasty.log", "haproxy/rfc3164.log", "nginx/combined.log",
    ]
    let good = try fixtures.flatMap {
      try Data(contentsOf: URL(fileURLWithPath: Sandbox.root + "/Fixtures/" + $0)).split(separator: 10).map(
        Array.init)
    }
    for _ in 0..<400 { file += Self.mutate(good.randomElement(using: &generator) ?? [], &generator) + [10] }
    if round % 2 == 0 { file.removeLast() }
    let format = Self.formats[round % Self.formats.count]
    try roundTrip(file, format, "seed \(seed), \(format)")
  }

  private static func mutate(_ line: [UInt8], _ generator: inout SplitMix64) -> [UInt8] {
    var line = line
    let place = Int.random(in: 0...line.count, using: &generator)
    switch Int.random(in: 0..<9, using: &generator) {
    case 0:
      line.insert(contentsOf: [0, 13, 255, 34, 32, 92].shuffled(using: &generator).prefix(2), at: place)
    case 1: line.removeSubrange(place...)
    case 2: line.append(13)
    case 3: line = (0..<place).map { _ in UInt8.random(in: 0...255, using: &generator) }.filter { $0 != 10 }
    case 4: line.insert(contentsOf: [UInt8](repeating: 97, count: 61_000), at: place)
    case 5: if place < line.count { line[place] = UInt8.random(in: 11...255, using: &generator) }
    case 6: line = []
    default: break
    }
    return line
  }

  @Test func severalFilesAndStandardInputComeBackInOrder() throws {
    let sandbox = try Sandbox()
    try sandbox.makeLog()
    try sandbox.write("a", "one\ntwo")
    try sandbox.write("b", "three\n")
    let replayed = try sandbox.stele("replay", "@a", "-", "@b", "--into", "@log", input: "middle\n")
    #expect(replayed.status == 0, "\(replayed.errors)")
    #expect(replayed.errors.contains("4 lines"))
    #expect(try sandbox.stele("search", "@log", "--output", "raw").text == "one\ntwomiddle\nthree\n")
    let sources = try sandbox.stele("search", "@log", "--entries", "control", "--output", "raw").text
    #expect(
      sources.contains(#""name":"replay","files":["\#(sandbox.path("a"))","-","\#(sandbox.path("b"))"]"#))
  }

  @Test func theSummaryCountsWhatDoesNotFit() throws {
    let sandbox = try Sandbox()
    try sandbox.makeLog()
    try sandbox.write("f", "junk\n" + Sandbox.lines.joined(separator: "\n") + "\n")
    let replayed = try sandbox.stele("replay", "@f", "--into", "@log", "--format", "nginx/combined")
    #expect(
      replayed.errors.contains("21 lines") && replayed.errors.contains("entries 3 to 23"),
      "\(replayed.errors)")
    #expect(replayed.errors.contains("1 lines do not fit the format nginx/combined"))
    // Lines behind a syslog daemon's header fit as well.
    try sandbox.write("h", "Nov 23 08:00:00 lb nginx: \(Sandbox.lines[0])\n")
    let headed = try sandbox.stele(
      "replay", "@h", "--into", "@log", "--format", "nginx/combined", "--strict", "--json")
    #expect(headed.status == 0, "\(headed.errors)")
    #expect(Sandbox.object(headed.text)?["unparsed"] as? Int == 0)
  }

  @Test func nothingIsPrintedForATerminalInAPipe() throws {
    let sandbox = try Sandbox()
    try sandbox.makeFilledLog()
    for arguments in [["verify", "@log"], ["search", "@log"], ["replay", "@lines", "--into", "@log"]] {
      let result = try Program.run(Program.stele, arguments.map(sandbox.resolve))
      #expect(!result.errors.contains("\r") && !result.text.contains("\u{1B}"))
    }
  }
}
