import Bytes
import Cryptography
import Foundation
import Inspect
import MerkleLog
import Platform
import SegmentReader
import Segments
import TestSupport
import Testing

@Suite struct TreeExportTests {
  /// A log of segments with so many entries each, in blocks of 100; the last one is open.
  private static func build(_ path: String, _ counts: [Int]) throws -> LogBuilder {
    let log = try LogBuilder(path)
    for (number, count) in counts.enumerated() {
      for first in stride(from: 0, to: count, by: 100) {
        try log.append(LogBuilder.lines(min(100, count - first), from: log.entries.count))
      }
      try log.finish(number == counts.count - 1 ? .open : .finished)
    }
    try log.writeCheckpoint()
    return log
  }

  /// What C2SP tlog-tiles wants for the first `size` leaves, made the plain way.
  private static func wanted(_ log: LogBuilder, _ size: Int) throws -> [String: [UInt8]] {
    var files = ["checkpoint": try log.checkpoint(size)]
    var hashes = Array(log.leaves.prefix(size))
    var level = 0
    while !hashes.isEmpty {
      for start in stride(from: 0, to: hashes.count, by: 256) {
        let tile = hashes[start..<min(start + 256, hashes.count)]
        let path = TilePath(.hashes(level: level), index: UInt64(start / 256), width: tile.count)
        files["\(path)"] = tile.flatMap(\.array)
      }
      hashes = stride(from: 0, to: hashes.count / 256 * 256, by: 256).map {
        SHA256.root(of: hashes[$0..<$0 + 256])
      }
      level += 1
    }
    return files
  }

  /// The files of a tree without the bundles, and the leaves that the bundles come to.
  private static func exported(_ path: String) throws -> (
    files: [String: [UInt8]], leaves: [String: [Digest]]
  ) {
    var files = try readTree(path)
    var leaves: [String: [Digest]] = [:]
    for (name, bytes) in files where name.hasPrefix("tile/entries/") {
      #expect(bytes.count % 54 == 0)
      files[name] = nil
      leaves[name] = stride(from: 0, to: bytes.count, by: 54).map { start in
        #expect(bytes[start] == 0 && bytes[start + 1] == 52)
        return Array(bytes[start + 2..<start + 54]).withView { SHA256.leaf(entry: $0) }
      }
    }
    return (files, leaves)
  }

  private static func expect(_ path: String, _ log: LogBuilder, _ size: Int) throws {
    let (files, leaves) = try exported(path)
    var wanted = try wanted(log, size)
    // Partial tiles of earlier checkpoints may be there, until the tile is full.
    for (name, bytes) in files where name.contains(".p/") && wanted[name] == nil {
      let full = name.prefix { $0 != "." }
      #expect(wanted[String(full)] == nil, "\(name)")
      wanted[name] = bytes
    }
    #expect(files == wanted)
    for start in stride(from: 0, to: size, by: 256) {
      let count = min(256, size - start)
      let path = TilePath(.entries, index: UInt64(start / 256), width: count)
      #expect(leaves["\(path)"] == Array(log.leaves[start..<start + count]), "\(path)")
    }
  }

  @Test(arguments: [[1], [255], [256], [257], [100, 156, 300], [600, 600], [512, 0x10000 - 500]])
  func everyFileIsThereByteForByte(_ counts: [Int]) throws {
    try withTemporaryDirectory { path in
      _ = try Directory(making: path + "/log")
      let log = try Self.build(path + "/log", counts)
      let outcome = try TreeExport.run(LogReader(path + "/log"), to: path + "/out")
      #expect(outcome.size == UInt64(log.entries.count) && outcome.firstIndex == 0)
      try Self.expect(path + "/out", log, log.entries.count)
      let again = try TreeExport.run(LogReader(path + "/log"), to: path + "/out")
      #expect(again.previousSize == again.size)
    }
  }

  @Test func aTreeThatIsBroughtUpToDateIsThatOfOneGo() throws {
    try withTemporaryDirectory { path in
      _ = try Directory(making: path + "/log")
      let log = try Self.build(path + "/log", [300, 700, 300])
      for size in [0, 1, 1, 17, 255, 256, 300, 511, 513, 999, 1000, 1300] {
        try log.writeCheckpoint(size)
        let outcome = try TreeExport.run(LogReader(path + "/log"), to: path + "/out")
        #expect(outcome.size == UInt64(size))
        try Self.expect(path + "/out", log, size)
      }
    }
  }

  @Test func aTreeThatTheLogDoesNotFollowIsLeftAsItIs() throws {
    try withTemporaryDirectory { path in
      for name in ["/log", "/other"] { _ = try Directory(making: path + name) }
      let log = try Self.build(path + "/log", [300, 700])
      let out = path + "/out"
      _ = try TreeExport.run(LogReader(path + "/log"), to: out)
      let before = try readTree(out)
      // Rolled back.
      try log.writeCheckpoint(900)
      #expect(throws: ExportError.newer(size: 1000, ours: 900)) {
        try TreeExport.run(LogReader(path + "/log"), to: out)
      }
      // Another history of the same size under the same key, and a longer one.
      for count in [700, 800] {
        let other = try LogBuilder(path + "/other")
        try other.append(LogBuilder.lines(300, from: 1))
        try other.finish()
        try other.append(LogBuilder.lines(count, from: 300))
        try other.finish(.open)
        try other.writeCheckpoint()
        #expect(throws: ExportError.log(.rootMismatch(size: UInt64(300 + count)))) {
          try TreeExport.run(LogReader(path + "/other"), to: out)
        }
        #expect(try readTree(out)["checkpoint"] == before["checkpoint"])
      }
      // Another log, another exporter, a tile that was changed.
      let foreign = try LogBuilder(path + "/other", origin: "logs.example.com/foreign")
      try foreign.append(LogBuilder.lines(2000))
      try foreign.finish(.open)
      try foreign.writeCheckpoint()
      #expect(throws: ExportError.otherLog(path: out, origin: "logs.example.com/test")) {
        try TreeExport.run(LogReader(path + "/other"), to: out)
      }
      try log.writeCheckpoint(1000)
      let lock = try Directory(out)
      #expect(try lock.tryLock())
      #expect(throws: ExportError.locked(path: out)) { try TreeExport.run(LogReader(path + "/log"), to: out) }
      lock.unlock()
      for name in ["tile/0/003.p/232", "tile/1/000.p/3", "tile/entries/003.p/232"] {
        var bytes = try #require(before[name])
        bytes[40] ^= 1
        try bytes.withView { try FileDescriptor(writing: out + "/" + name).write($0) }
        #expect(throws: ExportError.damaged(path: out)) {
          try TreeExport.run(LogReader(path + "/log"), to: out)
        }
        try #require(before[name]).withView { try FileDescriptor(writing: out + "/" + name).write($0) }
      }
      _ = try TreeExport.run(LogReader(path + "/log"), to: out)
    }
  }

  /// Whose first segments were removed is exported from the first whole bundle on, by what the hash cache
  /// remembers; what was exported before goes on without a gap.
  @Test func aPrunedLogIsExportedFromWhatItHolds() throws {
    try withTemporaryDirectory { path in
      _ = try Directory(making: path + "/log")
      let log = try Self.build(path + "/log", [300, 700, 600])
      let whole = path + "/whole"
      try log.writeCheckpoint(1000)
      _ = try TreeExport.run(LogReader(path + "/log"), to: whole)
      try log.writeCheckpoint()
      // The newest tile of level 1, as the writer keeps it.
      let groups = (0..<3).map { SHA256.root(of: log.leaves[$0 * 256..<$0 * 256 + 256]) }
      for name in ["/log/tile", "/log/tile/1", "/log/tile/1/000.p"] { _ = try Directory(making: path + name) }
      try log.write(groups.flatMap(\.array), to: "tile/1/000.p/3")
      try FileManager.default.removeItem(atPath: path + "/log/" + FileNames.name(0, .segment))
      try FileManager.default.removeItem(atPath: path + "/log/" + FileNames.name(0, .seal))
      let outcome = try TreeExport.run(LogReader(path + "/log"), to: path + "/out")
      #expect(outcome.firstIndex == 512)
      let wanted = try Self.wanted(log, 1600)
      let (files, _) = try Self.exported(path + "/out")
      for (name, bytes) in wanted where !["tile/0/000", "tile/0/001"].contains(name) {
        #expect(files[name] == bytes, "\(name)")
      }
      #expect(files["tile/0/001"] == nil)
      _ = try TreeExport.run(LogReader(path + "/log"), to: whole)
      try Self.expect(whole, log, 1600)
    }
  }
}
