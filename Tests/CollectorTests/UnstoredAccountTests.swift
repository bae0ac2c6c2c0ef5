import Bytes
import Foundation
import MerkleLog
import Platform
import SegmentWriter
import TestSupport
import Testing

@testable import Collector

/// What a failed writer leaves to the next.
@Suite struct UnstoredAccountTests {
  private static let lost = #"{"type":"loss","source":"web","layer":"kernel_udp","count":7}"#
  private static let account =
    #"{"type":"account","from":"a","to":"b","sources":{"web":{"received":100,"unparsed":95},"#
    + #""file":{"received":50,"unparsed":0}}}"#

  private static func object(_ text: String) throws -> JSONValue {
    try Array(text.utf8).withView { (text) throws(JSONError) in try JSONValue(parsing: text) }
  }

  private func makeAccount(since size: UInt64) throws -> UnstoredAccount {
    let parts = """
      [{"end":\(size + 10),"messages":{"web":4,"file":5},"statements":[\(JSON.quote(Self.lost))]},
       {"end":\(size + 20),"messages":{"web":1},"statements":[]},
       {"end":null,"messages":{"web":2,"file":3},"statements":[\(JSON.quote(Self.account))]}]
      """
    let text = #"{"from":1000000000,"to":2000000000,"reread":["file"],"parts":\#(parts)}"#
    return try #require(UnstoredAccount(Self.object(text)))
  }

  @Test func onlyBlocksThatAreNotThereAreLost() throws {
    let account = try makeAccount(since: 100)
    #expect(account.lost(size: 100) == ["web": 7])
    #expect(account.lost(size: 109) == ["web": 7])
    #expect(account.lost(size: 110) == ["web": 3])
    #expect(account.lost(size: 120) == ["web": 2])
    #expect(UnstoredAccount(account.json) == account)
  }

  @Test func statementsAreSaidAndAccountsAreOfWhatIsStored() throws {
    let account = try makeAccount(since: 100)
    let texts = account.entries(size: 100)
    #expect(texts.count == 3 && texts.first == Self.lost)
    let said = try Self.object(texts[1])
    #expect(said["sources"]?["web"]?["received"] == .number(93))
    #expect(said["sources"]?["web"]?["unparsed"] == .number(93))
    // Those of files are read again, and counted then.
    #expect(said["sources"]?["file"]?["received"] == .number(42))
    let loss = try Self.object(texts[2])
    #expect(loss["source"] == "web" && loss["layer"] == "unstored" && loss["count"] == .number(7))
    #expect(
      loss["from"] == "1970-01-01T00:00:01.000000000Z" && loss["to"] == "1970-01-01T00:00:02.000000000Z")
    #expect(account.entries(size: 110).count == 2)
  }

  /// The log's own entries of a kind, in their order.
  private func said(_ log: TemporaryDirectory) throws -> Int {
    try Program.run(Program.stele, ["search", log.file("log"), "--entries", "control", "--output", "raw"])
      .text
      .split(separator: "\n").count { $0.contains("unstored") || $0.contains("kernel_udp") }
  }

  private func open(_ log: TemporaryDirectory) throws -> [UnstoredAccount.Report] {
    var told: [UnstoredAccount.Report] = []
    let writer = try LogOpening.open(directory: log.file("log"), keyPath: log.file("log.key")) {
      told.append($0)
    }
    try writer.close()
    return told
  }

  /// Wherever the next writer is cut off, its entries are there once.
  @Test func itIsSaidOnce() throws {
    let log = try TemporaryDirectory()
    _ = try LogCreation.create(
      directory: log.file("log"), origin: try #require(KeyName("test.example/log")),
      keyPath: log.file("log.key"))
    let size = try LogOpening.open(directory: log.file("log"), keyPath: log.file("log.key")).tree.size
    let path = log.file("log.unstored")
    try log.write("log.unstored", Array(try makeAccount(since: size).json.text.utf8))
    // Claimed, and cut off before the entries.
    let entries = try makeAccount(since: size).entries(size: size)
    let claimed: JSONValue = ["claimed": .number(size), "entries": .list(entries.map { .text($0) })]
    try log.write("log.unstored", Array(claimed.text.utf8))
    _ = try open(log)
    #expect(try said(log) == 2)
    #expect(try Directory(log.path).names().contains("log.unstored") == false)
    // The same, cut off behind them.
    try log.write("log.unstored", Array(claimed.text.utf8))
    #expect(try open(log).isEmpty)
    #expect(try said(log) == 2)
    #expect(try Directory(log.path).names().contains("log.unstored") == false)
    // Another failure.
    try log.write("log.unstored", Array(try makeAccount(since: size + 1000).json.text.utf8))
    let told = try open(log)
    #expect(told.count == 1 && told.first?.path == path && told.first?.lost == ["web": 7])
    #expect(try said(log) == 4)
  }

  /// Entries of whoever opens the log come behind, so that none of them is taken for these.
  @Test func itIsSaidBeforeAnythingElse() throws {
    let log = try TemporaryDirectory()
    _ = try LogCreation.create(
      directory: log.file("log"), origin: try #require(KeyName("test.example/log")),
      keyPath: log.file("log.key"))
    let size = try LogOpening.open(directory: log.file("log"), keyPath: log.file("log.key")).tree.size
    // Without one-time keys, opening appends an epoch.
    try Directory(log.path).remove("log.next")
    try log.write("log.unstored", Array(try makeAccount(since: size).json.text.utf8))
    _ = try open(log)
    let lines = try Program.run(
      Program.stele, ["search", log.file("log"), "--entries", "control", "--output", "raw"]
    ).text.split(separator: "\n")
    let epoch = try #require(lines.lastIndex { $0.contains("\"epoch\"") }, "\(lines)")
    let loss = try #require(lines.firstIndex { $0.contains("unstored") }, "\(lines)")
    #expect(loss < epoch)
  }

  @Test func whatIsNoAccountIsKeptAndTold() throws {
    let log = try TemporaryDirectory()
    _ = try LogCreation.create(
      directory: log.file("log"), origin: try #require(KeyName("test.example/log")),
      keyPath: log.file("log.key"))
    try log.write("log.unstored", Array("{".utf8))
    let told = try open(log)
    let aside = log.file("log.unstored.unread")
    #expect(told.count == 1 && told.first?.error != nil && told.first?.isAside == true)
    #expect(told.first?.path == aside)
    #expect(String(decoding: try log.read("log.unstored.unread"), as: UTF8.self) == "{")
    // It does not stand in the way of the next, nor do a directory and a pipe.
    #expect(try open(log).isEmpty)
    try FileManager.default.createDirectory(
      atPath: log.file("log.unstored"), withIntermediateDirectories: false)
    #expect(try open(log).first?.error != nil)
    try Directory(log.path).rename("log.unstored", to: "elsewhere")
    let mkfifo = try #require(Program.find("mkfifo"))
    #expect(try Program.run(mkfifo, [log.file("log.unstored")]).status == 0)
    #expect(try open(log).first?.error != nil)
  }
}
