import Bytes
import Cryptography
import Events
import Inspect
import MerkleLog
import Platform
import SegmentReader
import Segments
import TestSupport
import Testing

/// Logs with timestamp tokens: over two seals and a checkpoint; the log itself speaks of some.
@Suite struct TimestampVerifyTests {
  private struct Stamped {
    var log: LogBuilder
    var path: String
    /// By name of the file.
    var tokens: [String: TimestampToken] = [:]
    /// Index of the entry that records the last token.
    var recorded: UInt64 = 0

    func rewrite(_ name: String, _ change: (inout [UInt8]) -> Void) throws {
      var bytes = tokens[name]?.bytes ?? []
      change(&bytes)
      try log.write(bytes, to: name)
    }
  }

  private static let seals = [
    TimestampName.seal(firstIndex: 0).file, TimestampName.seal(firstIndex: 21).file,
  ]
  private static let checkpoint = TimestampName.checkpoint(size: 31).file

  /// Two sealed segments, [0, 21) and [21, 42), an open one, [42, 52), and tokens over both seals and the
  /// checkpoint of size 31. Entry 20 records nothing, 41 the token over the checkpoint.
  private static func make(_ path: String, _ authority: TimestampAuthority, clock: Int64? = nil) throws
    -> Stamped
  {
    let log = try LogBuilder(path)
    var stamped = Stamped(log: log, path: path)
    func stamp(_ name: String, _ text: [UInt8]) throws {
      let bytes = try authority.token(over: text.withView { SHA256.hash($0).array })
      stamped.tokens[name] = try bytes.withView { try TimestampToken($0) }
      try log.write(bytes, to: name)
    }
    func seal(_ first: UInt64) throws -> [UInt8] {
      Array(try LogDirectory(path).seal(first, LogKeys(origin: log.key))?.seal.text.utf8 ?? "".utf8)
    }
    try log.append(LogBuilder.lines(10))
    try log.append(LogBuilder.lines(11, from: 10))
    try log.finish()
    try stamp(seals[0], try seal(0))
    try log.append(LogBuilder.lines(9, from: 21) + [LogBuilder.key])
    try stamp(
      checkpoint, Array(Checkpoint(origin: log.origin, size: 31, root: log.tree.root).text.utf8))
    let token = try #require(stamped.tokens[checkpoint])
    let record = TimestampRecord(
      sha256: token.bytes.withView { SHA256.hash($0) }, size: 31, time: Timestamp.text(token.time))
    stamped.recorded = 41
    try log.append(
      LogBuilder.lines(10, from: 31)
        + [LogBuilder.control(record.entry.text, time: clock ?? Clock.realtime())])
    try log.finish()
    try stamp(seals[1], try seal(21))
    try log.append(LogBuilder.lines(9, from: 42) + [LogBuilder.key])
    try log.finish(.open)
    try log.writeCheckpoint()
    return stamped
  }

  private static func check(_ stamped: Stamped, quick: Bool = false, _ authorities: String?) throws
    -> VerifyReport
  {
    try verify(stamped.path, quick: quick) {
      $0.key = stamped.log.key
      $0.timestampAuthorities = authorities
    }
  }

  private static func remove(_ path: String, _ name: String) throws { try Directory(path).remove(name) }

  @Test func tokensSayBetweenWhichTimesEntriesWereMade() throws {
    let authority = try TimestampAuthority()
    try withTemporaryDirectory { path in
      let stamped = try Self.make(path, authority)
      let (last, noted) = (
        try #require(stamped.tokens[Self.seals[1]]), try #require(stamped.tokens[Self.checkpoint])
      )
      for authorities in [nil, authority.certificates] {
        let report = try Self.check(stamped, authorities)
        #expect(report.findings == [])
        #expect(report.exitStatus == .fine)
        #expect(report.times.tokens == 3)
        #expect(report.times.isTrusted == (authorities != nil))
        let (existed, entered) = (try #require(report.times.existed), try #require(report.times.entered))
        #expect(
          existed.index == 42 && existed.time == last.time + 1_500_000_000 && existed.file == Self.seals[1])
        #expect(
          entered.index == 42 && entered.time == noted.time - 1_500_000_000 && entered.file == Self.checkpoint
        )
        #expect(existed.authority == "CN=Test Authority")
        #expect(report.text.contains("entries up to 41 existed at 2"))
        #expect(report.text.contains("entries from 42 on entered the log after 2"))
        #expect(report.text.contains("--tsa-ca") == (authorities == nil))
        #expect(report.json["times"]?["existed"]?["end"] == .number(42))
        let quick = try Self.check(stamped, quick: true, authorities)
        #expect(quick.findings == [])
        #expect(quick.times.existed == report.times.existed)
      }
    }
  }

  @Test func aChangedTokenIsNamed() throws {
    let authority = try TimestampAuthority()
    try withTemporaryDirectory { path in
      let stamped = try Self.make(path, authority)
      for name in Self.seals + [Self.checkpoint] {
        // Certificates that the signer's does not need, near byte 600, are under no signature: what the log
        // itself says of a token covers these bytes, too.
        let size = stamped.tokens[name]?.bytes.count ?? 0
        for place in [1, 60, 100, size - 4] + (name == Self.checkpoint ? [600] : []) {
          try stamped.rewrite(name) { $0[place] ^= 1 }
          let found = damage(try Self.check(stamped, authority.certificates))
          #expect(
            !found.isEmpty && found.allSatisfy { $0.kind == .badTimestamp && $0.file == name },
            "\(name) \(place)")
        }
        try stamped.rewrite(name) { _ in }
      }
      #expect(damage(try Self.check(stamped, nil)) == [])
    }
  }

  @Test func swappedTokensAreNamed() throws {
    let authority = try TimestampAuthority()
    try withTemporaryDirectory { path in
      let stamped = try Self.make(path, authority)
      try stamped.rewrite(Self.seals[0]) { $0 = stamped.tokens[Self.seals[1]]?.bytes ?? [] }
      let found = damage(try Self.check(stamped, nil))
      #expect(found.map(\.file) == [Self.seals[0]])
      #expect(found.first?.text.contains("it is that of \(Self.seals[1])") == true)
    }
  }

  @Test func aTokenOverOtherBytesIsNamed() throws {
    let authority = try TimestampAuthority()
    try withTemporaryDirectory { path in
      let stamped = try Self.make(path, authority)
      let other = try authority.token(over: Array(repeating: 7, count: 32))
      for name in [Self.seals[1], TimestampName.checkpoint(size: 25).file] {
        try stamped.log.write(other, to: name)
        let found = damage(try Self.check(stamped, authority.certificates))
        #expect(found.contains { $0.kind == .badTimestamp && $0.file == name })
      }
    }
  }

  @Test func aRemovedTokenIsMissed() throws {
    let authority = try TimestampAuthority()
    try withTemporaryDirectory { path in
      let stamped = try Self.make(path, authority)
      try Self.remove(path, Self.checkpoint)
      let report = try Self.check(stamped, nil)
      #expect(damage(report).map(\.kind) == [.missingFile])
      #expect(damage(report).first?.text.contains("over 31 entries, which entry 41 records") == true)
      #expect(report.times.entered == nil)
    }
  }

  /// Another token over the same checkpoint, made later, would make its entries look younger.
  @Test func aTokenThatWasMadeAgainIsNamed() throws {
    let authority = try TimestampAuthority()
    try withTemporaryDirectory { path in
      let stamped = try Self.make(path, authority)
      let imprint = try #require(stamped.tokens[Self.checkpoint]).imprint
      try stamped.log.write(try authority.token(over: imprint.array), to: Self.checkpoint)
      let found = damage(try Self.check(stamped, authority.certificates))
      #expect(found.map(\.kind) == [.badTimestamp])
      #expect(found.first?.file == Self.checkpoint)
    }
  }

  @Test func aTokenBeyondTheEndShowsThatTheLogWasCutOff() throws {
    let authority = try TimestampAuthority()
    try withTemporaryDirectory { path in
      let stamped = try Self.make(path, authority)
      let name = TimestampName.checkpoint(size: 60).file
      try stamped.log.write(try authority.token(over: Array(repeating: 7, count: 32)), to: name)
      let found = damage(try Self.check(stamped, nil))
      #expect(found.map(\.kind) == [.rollback])
      #expect(found.first?.entries == 52..<60)
    }
  }

  @Test func onlyTheGivenAuthoritiesAreBelieved() throws {
    let (authority, other) = (try TimestampAuthority(), try TimestampAuthority("Other"))
    try withTemporaryDirectory { path in
      let stamped = try Self.make(path, authority)
      let report = try Self.check(stamped, other.certificates)
      #expect(report.findings.map(\.kind) == [.untrustedTime, .untrustedTime, .untrustedTime])
      #expect(report.exitStatus == .incomplete)
      #expect(report.times.existed == nil && report.times.entered == nil)
      for name in stamped.tokens.keys { try Self.remove(path, name) }
      #expect(try Self.check(stamped, authority.certificates).findings.contains { $0.kind == .untrustedTime })
    }
  }

  @Test func aLogWhoseClockWasBehindSaysSo() throws {
    let authority = try TimestampAuthority()
    try withTemporaryDirectory { path in
      let stamped = try Self.make(path, authority, clock: Clock.realtime() - 3_600_000_000_000)
      let report = try Self.check(stamped, authority.certificates)
      #expect(report.findings.map(\.kind) == [.clock])
      #expect(report.findings.first?.entries == 41..<42)
      #expect(report.exitStatus == .fine)
    }
  }

  /// An entry that holds a token's hash cannot be older than the token.
  @Test func tokensThatContradictEachOtherAreNamed() throws {
    let authority = try TimestampAuthority()
    try withTemporaryDirectory { path in
      let log = try LogBuilder(path)
      func text(_ size: UInt64) -> Digest {
        let text = Checkpoint(origin: log.origin, size: size, root: log.tree.root).text
        return Array(text.utf8).withView { SHA256.hash($0) }
      }
      try log.append(LogBuilder.lines(9) + [LogBuilder.key])
      let first = try authority.token(over: text(10).array, year: 2049)
      let record = TimestampRecord(sha256: first.withView { SHA256.hash($0) }, size: 10, time: "2049")
      try log.append([
        LogBuilder.control(record.entry.text, time: 2_600_000_000_000_000_000), LogBuilder.key,
      ])
      let second = try authority.token(over: text(12).array)
      try log.write(first, to: TimestampName.checkpoint(size: 10).file)
      try log.write(second, to: TimestampName.checkpoint(size: 12).file)
      try log.finish(.open)
      try log.writeCheckpoint()
      let report = try verify(path) { $0.key = log.key }
      #expect(report.findings.map(\.kind) == [.clock])
      #expect(report.findings.first?.file == TimestampName.checkpoint(size: 12).file)
      #expect(report.findings.first?.text.contains("checkpoint-10.tsr, made after 2049") == true)
    }
  }
}
