import Bytes
import Cryptography
import Events
import Foundation
import Intake
import MerkleLog
import Platform
import TestSupport
import Testing

@testable import Collector

/// What outlives a daemon that is killed.
@Suite struct SurvivingCountsTests {
  private static let key = LogKeys(origin: VerifierKey.ed25519("test.example/log"))
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  private func make() throws -> SurvivingCounts {
    try #require(
      SurvivingCounts(at: [directory.file("missing/counts"), directory.file("counts")], key: Self.key))
  }

  private func source(_ id: UInt32, _ name: String) -> Source {
    Source(id: id, name: name, endpoint: .udp(.ip(IPAddress(v4: 0x7F00_0001), port: 514)))
  }

  private func account(_ counts: SurvivingCounts, size: UInt64) throws -> UnstoredAccount {
    let cells = try #require(try SharedCounters.left(at: counts.path))
    #expect(SurvivingCounts.objection(to: cells, key: Self.key) == nil)
    return SurvivingCounts.account(of: cells, size: size)
  }

  private func text(_ counts: SurvivingCounts, size: UInt64) throws -> [JSONValue] {
    try account(counts, size: size).parts.flatMap(\.statements).map {
      try Array($0.utf8).withView { (text) throws(JSONError) in try JSONValue(parsing: text) }
    }
  }

  private static func drop(_ count: UInt64) -> Statement {
    .loss(LossEvent(source: 1, layer: .kernelUDP, count: count, from: 1, to: 2))
  }

  @Test func whatTheLogHasIsNotSaidAgain() throws {
    let counts = try make()
    defer { counts.remove() }
    let counter = try #require(counts.counter(of: source(1, "web")))
    counter.messages(100)
    counter.messages(-10)
    counter.kernelDrops(7)
    // Nothing is stored.
    #expect(try account(counts, size: 5).lost(size: 5) == ["web": 90])
    #expect(try text(counts, size: 5).compactMap { $0["count"]?.integer(Int.self) } == [7])
    // Two blocks are written, the first with 60 messages and the entry that tells of 4 drops, the second with 20 and
    // an account.
    counts.note(block: 70, tally: [10, 60], [Self.drop(4)])
    let sum = SourceSum(source: 1, name: "web", received: 80, unparsed: 0)
    counts.note(block: 91, tally: [1, 20], [.account([sum], time: 5_000_000_000)])
    for (size, lost, drops, received) in [(69, 90, 7, 90), (70, 30, 3, 90), (91, 10, 3, 10)] {
      #expect(try account(counts, size: UInt64(size)).lost(size: UInt64(size)) == ["web": UInt64(lost)])
      let texts = try text(counts, size: UInt64(size))
      #expect(texts.count == 2 && texts[0]["layer"] == "kernel_udp")
      #expect(texts[0]["count"]?.integer(Int.self) == drops, "\(size)")
      #expect(texts[1]["sources"]?["web"]?["received"]?.integer(Int.self) == received, "\(size)")
    }
    #expect(try text(counts, size: 91)[1]["from"] == "1970-01-01T00:00:05.000000000Z")
    // Durable, and everything said.
    counts.note(block: 101, tally: [0, 10], [Self.drop(3), .account([sum], time: 6)])
    counts.note(commit: 101, ParseCounters())
    let rest = try account(counts, size: 101)
    #expect(rest.lost(size: 101).isEmpty && rest.parts.allSatisfy(\.statements.isEmpty))
  }

  /// As many blocks as there are records for, between two commits.
  @Test func everyBlockSinceTheLastCommitIsKnown() throws {
    let counts = try make()
    defer { counts.remove() }
    let counter = try #require(counts.counter(of: source(1, "web")))
    counter.messages(SurvivingCounts.blocks + 1)
    counts.note(block: 1, tally: [0, 1], [])
    counts.note(commit: 1, ParseCounters())
    for block in 0..<UInt64(SurvivingCounts.blocks) { counts.note(block: block + 2, tally: [0, 1], []) }
    for size in 1...UInt64(SurvivingCounts.blocks + 1) {
      let lost = UInt64(SurvivingCounts.blocks + 1) - size
      #expect(try account(counts, size: size).lost(size: size)["web"] ?? 0 == lost)
    }
  }

  /// Two sources that had one name, one after the other, are one in an account.
  @Test func sourcesOfOneNameAreAddedUp() throws {
    let counts = try make()
    defer { counts.remove() }
    try #require(counts.counter(of: source(1, "web"))).messages(3)
    try #require(counts.counter(of: source(2, "web"))).messages(4)
    #expect(try account(counts, size: 0).lost(size: 0) == ["web": 7])
    let said = try text(counts, size: 0)
    guard case .object(let sources)? = said.first?["sources"] else {
      Issue.record("\(said)")
      return
    }
    #expect(sources.count == 1 && sources.first?.value["received"]?.integer(Int.self) == 7)
  }

  @Test func whatIsDamagedOrOfAnotherLogSaysNothing() throws {
    let counts = try make()
    defer { counts.remove() }
    try #require(counts.counter(of: source(1, "web"))).messages(3)
    try #require(counts.counter(of: source(2, "web"))).messages(3)
    var cells = try #require(try SharedCounters.left(at: counts.path))
    let other = LogKeys(origin: VerifierKey.ed25519("test.example/other"))
    #expect(SurvivingCounts.objection(to: cells, key: other)?.contains("another log") == true)
    #expect(SurvivingCounts.objection(to: Array(cells.dropLast()), key: Self.key) != nil)
    // Whatever it holds, nobody ends.
    for (value, end) in [(UInt64.max, cells.count - 128 * 32), (UInt64.max, cells.count), (1, cells.count)] {
      for word in 2..<end { cells[word] = value }
      _ = SurvivingCounts.account(of: cells, size: .max).entries(size: .max)
      _ = SurvivingCounts.account(of: cells, size: 0).entries(size: 0)
    }
  }

  @Test func noTwoPathsHaveOneName() {
    let paths = ["/a/b", "/a-b", "/a--b", "/a/-b", "/a-/b", #"/a\x2db"#, #"/a\x5cx2db"#]
    #expect(
      Set(paths.flatMap(SurvivingCounts.paths)).count == SurvivingCounts.paths("/a").count * paths.count)
  }
}

extension VerifierKey {
  /// One that nobody has the private key of.
  fileprivate static func ed25519(_ name: String) -> VerifierKey {
    guard let name = KeyName(name), let key = [UInt8](repeating: 7, count: 32).withView({ PublicKey($0) })
    else {
      preconditionFailure("a name and 32 bytes are a key")
    }
    return VerifierKey(name: name, publicKey: key)
  }
}
