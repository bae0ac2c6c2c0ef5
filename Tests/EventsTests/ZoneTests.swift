import Bytes
import Events
import Testing

@Suite struct ZoneTests {
  /// A zone file of version 2 that holds no changes but one rule.
  private func zone(_ rule: String, changes: [(Int64, Int32)] = [], first: Int32 = 0) throws -> Zone {
    func header(_ times: Int, _ types: Int) -> [UInt8] {
      var bytes = Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15)
      for count in [0, 0, 0, times, types, 4] { bytes += big(Int32(count)) }
      return bytes
    }
    var file = header(0, 1) + big(Int32(0)) + [0, 0] + Array("UTC\0".utf8)
    file += header(changes.count, changes.count + 1)
    for change in changes { file += big(change.0) }
    file += (0..<changes.count).map { UInt8($0 + 1) }
    for offset in [first] + changes.map(\.1) { file += big(offset) + [0, 0] }
    file += Array("UTC\0\n\(rule)\n".utf8)
    return try file.withView { try Zone(tzif: $0) }
  }

  private func big<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    (0..<T.bitWidth / 8).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  private func seconds(_ text: String) throws -> Int64 {
    let stamp = try #require(Array(text.utf8).withView { Stamp(iso: $0) })
    return EventContext(receiveTime: 0).resolve(stamp).nanoseconds / 1_000_000_000
  }

  @Test(arguments: [
    ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T00:59:59Z", 3600),
    ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T01:00:00Z", 7200),
    ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T00:59:59Z", 7200),
    ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T01:00:00Z", 3600),
    ("EST5EDT,M3.2.0,M11.1.0", "2026-03-08T07:00:00Z", -14_400),
    ("EST5EDT,M3.2.0,M11.1.0", "2026-03-08T06:59:59Z", -18_000),
    ("NZST-12NZDT,M9.5.0,M4.1.0/3", "2026-01-01T00:00:00Z", 46_800),
    ("NZST-12NZDT,M9.5.0,M4.1.0/3", "2026-06-01T00:00:00Z", 43_200),
    ("<+0330>-3:30", "2026-01-01T00:00:00Z", 12_600), ("UTC0", "2026-01-01T00:00:00Z", 0),
    ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-07-01T00:00:00Z", -3600),
    ("AAA0BBB,J60,J300", "2024-03-01T01:59:59Z", 0),
    ("AAA0BBB,J60,J300", "2024-03-01T02:00:00Z", 3600), ("AAA0BBB,59,300", "2024-02-29T02:00:00Z", 3600),
  ])
  func rulesGiveOffsets(_ rule: String, _ moment: String, _ offset: Int) throws {
    #expect(try zone(rule).offset(at: seconds(moment)) == offset)
  }

  @Test func changesComeBeforeTheRule() throws {
    let zone = try zone("CET-1", changes: [(0, 3600), (1000, 7200)], first: 561)
    #expect(zone.offset(at: -1) == 561)
    #expect(zone.offset(at: 0) == 3600)
    #expect(zone.offset(at: 999) == 3600)
    #expect(zone.offset(at: 1000) == 3600)
    #expect(zone.offset(at: 1 << 40) == 3600)
    let open = try self.zone("", changes: [(0, 3600)], first: 0)
    #expect(open.offset(at: 1 << 40) == 3600)
  }

  @Test func theRepeatedHourIsTheNearerOneAndUncertain() throws {
    let paris = try zone("CET-1CEST,M3.5.0,M10.5.0/3")
    let wall = try seconds("2026-10-25T02:30:00Z")
    let summer = try seconds("2026-10-25T00:30:00Z")
    let winter = try seconds("2026-10-25T01:30:00Z")
    #expect(paris.moment(wall: wall, near: summer + 5) == (summer, false))
    #expect(paris.moment(wall: wall, near: winter + 5) == (winter, false))
  }

  @Test func theSkippedHourIsReadAsIfItWereThere() throws {
    let paris = try zone("CET-1CEST,M3.5.0,M10.5.0/3")
    let wall = try seconds("2026-03-29T02:30:00Z")
    #expect(paris.moment(wall: wall, near: 0) == (try seconds("2026-03-29T01:30:00Z"), false))
  }

  @Test func otherHoursAreCertain() throws {
    let paris = try zone("CET-1CEST,M3.5.0,M10.5.0/3")
    #expect(
      paris.moment(wall: try seconds("2026-10-25T03:30:00Z"), near: 0) == (
        try seconds("2026-10-25T02:30:00Z"), true
      ))
    #expect(
      paris.moment(wall: try seconds("2026-10-25T01:30:00Z"), near: 0) == (
        try seconds("2026-10-24T23:30:00Z"), true
      ))
    #expect(
      paris.moment(wall: try seconds("2026-07-01T12:00:00Z"), near: 0) == (
        try seconds("2026-07-01T10:00:00Z"), true
      ))
  }

  @Test func fixedOffsetsAreZones() {
    #expect(Zone("+05:30")?.offset(at: 0) == 19_800)
    #expect(Zone("-03:00")?.offset(at: 0) == -10_800)
    #expect(Zone("UTC") == .utc)
    #expect(Zone("Europe/Paris") == nil)
    #expect(Zone("") == nil)
  }

  @Test func damagedFilesAreErrors() throws {
    for file in ["", "TZif", "TZif2" + String(repeating: "\0", count: 39), "XXif2"] {
      #expect(throws: DecodeError.self) { try Array(file.utf8).withView { try Zone(tzif: $0) } }
    }
    #expect(throws: DecodeError.self) { try zone("nonsense") }
    #expect(throws: DecodeError.self) { try zone("", changes: [(5, 0), (5, 0)]) }
  }
}
