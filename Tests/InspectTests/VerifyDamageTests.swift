import Bytes
import Inspect
import MerkleLog
import Platform
import Segments
import Synchronization
import TestSupport
import Testing

/// Calls `body` with each number below `count`, on several threads, each with a directory of its own that
/// holds `files`. What `body` returns is a complaint.
func forEach(
  _ count: Int, _ files: [String: [UInt8]], _ path: String,
  _ body: @escaping @Sendable (Int, String) throws -> String?
) throws {
  let complaints = Mutex<[String]>([])
  let next = Atomic<Int>(0)
  try Parallel.forEach(
    count, threads: Parallel.processors,
    make: {
      let directory = "\(path)/\(next.wrappingAdd(1, ordering: .relaxed).newValue)"
      _ = try? Directory(making: directory)
      try? writeTree(files, to: directory)
      return directory
    }
  ) { number, directory in
    do {
      if let complaint = try body(number, directory) { complaints.withLock { $0.append(complaint) } }
    } catch { complaints.withLock { $0.append("\(error)") } }
    return complaints.withLock { $0.count < 20 }
  }
  let found = complaints.withLock { $0 }
  #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
}

func write(_ bytes: [UInt8], to path: String) throws {
  try bytes.withView { try FileDescriptor(writing: path).write($0) }
}

@Suite struct VerifyDamageTests {
  /// A closed log of a few entries, so that every bit can be tried.
  static func small(_ path: String) throws -> LogBuilder {
    let log = try LogBuilder(path)
    var number = 0
    for count in [2, 1] {
      for _ in 0..<2 {
        try log.append(LogBuilder.lines(count, from: number) + [LogBuilder.key])
        number += count + 1
      }
      try log.finish()
    }
    try log.writeCheckpoint()
    return log
  }

  private static func files(_ log: String) throws -> (files: [String: [UInt8]], key: VerifierKey) {
    _ = try Directory(making: log)
    let key = try small(log).key
    return (try readTree(log), key)
  }

  /// Whether the report names the file, and nothing else as damaged.
  private static func judge(_ report: VerifyReport, _ name: String, _ what: String) -> String? {
    let found = damage(report)
    if found.isEmpty { return "\(what): no damage" }
    if found.contains(where: { $0.file != name }) { return "\(what): \(found)" }
    if found.count > 1 { return "\(what): \(found.count) findings for one change: \(found)" }
    return report.exitStatus == .damage ? nil : "\(what): status \(report.exitStatus)"
  }

  @Test func everyFlippedBitIsFoundInItsFile() throws {
    try withTemporaryDirectory { path in
      let (files, key) = try Self.files(path + "/log")
      let bits = files.sorted { $0.key < $1.key }.flatMap { file in
        (0..<file.value.count * 8).map { (file.key, $0) }
      }
      try forEach(bits.count, files, path) { number, directory in
        let (name, bit) = bits[number]
        let byte = files[name]?[bit / 8] ?? 0
        let file = try Directory(directory).openFile(name, .readWrite)
        try [byte ^ 1 << UInt8(bit % 8)].withView { try file.write($0, at: bit / 8) }
        defer { try? [byte].withView { try file.write($0, at: bit / 8) } }
        // Decoding costs most, and what it adds does not depend on the bit: one of each byte is also tried
        // without.
        if bit % 8 == bit / 8 % 8, !Self.isOneTimeSignature(name, bit / 8, files) {
          let report = try verify(directory, quick: true) { $0.key = key }
          if let complaint = Self.judge(report, name, "quick \(name) bit \(bit)") { return complaint }
        }
        let report = try verify(directory) { $0.key = key }
        return Self.judge(report, name, "\(name) bit \(bit)")
      }
    }
  }

  /// Whether the byte is one of the checkpoint's one-time signature, whose key stands in an entry: without
  /// decoding, it is not known.
  private static func isOneTimeSignature(_ name: String, _ offset: Int, _ files: [String: [UInt8]]) -> Bool {
    guard name == FileNames.checkpoint, let bytes = files[name] else { return false }
    return offset >= bytes.dropLast().lastIndex(of: 0x0A) ?? 0
  }

  /// A seal is written after a checkpoint over what it seals.
  @Test func aCheckpointFromBeforeTheLastSealWasPutBack() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path, [.finished, .finished, .open])
      for size in stride(from: 10, to: 40, by: 10) {
        try log.writeCheckpoint(size)
        for quick in [false, true] {
          let found = damage(try verify(path, quick: quick) { $0.key = log.key })
          #expect(found.map(\.kind) == [.rollback], "size \(size)")
          #expect(found.first?.file == FileNames.checkpoint)
        }
      }
    }
  }

  /// Without a key from elsewhere too, as far as the directory can be believed.
  @Test func aChangedByteIsFoundWithTheKeyOfTheDirectory() throws {
    try withTemporaryDirectory { path in
      let (files, _) = try Self.files(path + "/log")
      let bytes = files.sorted { $0.key < $1.key }.flatMap { file in
        (0..<file.value.count).map { (file.key, $0) }
      }
      try forEach(bytes.count, files, path) { number, directory in
        let (name, offset) = bytes[number]
        let byte = files[name]?[offset] ?? 0
        let file = try Directory(directory).openFile(name, .readWrite)
        try [byte ^ 0x55].withView { try file.write($0, at: offset) }
        defer { try? [byte].withView { try file.write($0, at: offset) } }
        let isQuick = !Self.isOneTimeSignature(name, offset, files)
        return Self.judge(try verify(directory, quick: isQuick), name, "\(name) byte \(offset)")
      }
    }
  }

  @Test func everyTruncationIsFound() throws {
    try withTemporaryDirectory { path in
      let (files, key) = try Self.files(path + "/log")
      let sizes = files.sorted { $0.key < $1.key }.flatMap { file in
        (0..<file.value.count).map { (file.key, $0) }
      }
      try forEach(sizes.count, files, path) { number, directory in
        let (name, size) = sizes[number]
        let whole = files[name] ?? []
        let file = try Directory(directory).openFile(name, .readWrite)
        try file.truncate(to: size)
        defer { try? whole.withView { try file.write($0, at: 0) } }
        let isQuick = number % 3 > 0 && !Self.isOneTimeSignature(name, size, files)
        for key in [key, nil] {
          let report = try verify(directory, quick: isQuick) { $0.key = key }
          if let complaint = Self.judge(report, name, "\(name) cut at \(size)") { return complaint }
        }
        return nil
      }
    }
  }

  @Test func everyExtensionIsFound() throws {
    try withTemporaryDirectory { path in
      let (files, key) = try Self.files(path + "/log")
      let names = files.keys.sorted()
      try forEach(names.count * 3, files, path) { number, directory in
        let name = names[number / 3]
        let whole = files[name] ?? []
        let tail = [[0x0A], [0], whole][number % 3]
        try write(whole + tail, to: directory + "/" + name)
        defer { try? write(whole, to: directory + "/" + name) }
        return Self.judge(try verify(directory) { $0.key = key }, name, "\(name) extended by \(tail.count)")
      }
    }
  }

  @Test func everyRemovedFileIsMissed() throws {
    try withTemporaryDirectory { path in
      let (files, key) = try Self.files(path + "/log")
      for name in files.keys.sorted() {
        for key in [key, nil] {
          try writeTree(files.filter { $0.key != name }, to: path + "/cut")
          let found = damage(try verify(path + "/cut") { $0.key = key })
          #expect(found.map(\.kind) == [.missingFile], "\(name): \(found)")
          #expect(found.first?.file == name)
        }
      }
    }
  }

  @Test func aRemovedSegmentIsMissedWithItsRange() throws {
    try withTemporaryDirectory { path in
      let log = path + "/log"
      _ = try Directory(making: log)
      let key = try buildLog(log).key
      let files = try readTree(log)
      for first in [0, 20, 40] as [UInt64] {
        let prefix = FileNames.name(first, .open).prefix(20)
        try writeTree(files.filter { !$0.key.hasPrefix(prefix) }, to: path + "/cut")
        for quick in [false, true] {
          let report = try verify(path + "/cut", quick: quick) { $0.key = key }
          let found = damage(report)
          #expect(found.map(\.kind) == [.missingSegment], "\(found)")
          #expect(found.first?.entries == first..<first + 20)
          #expect(found.first?.file == FileNames.name(first, .segment))
        }
      }
    }
  }

  /// What cannot be read is not called tampering: the status says so, and the rest is verified all the same.
  @Test func aFileThatCannotBeReadIsNotCalledDamaged() throws {
    try withTemporaryDirectory { path in
      let log = path + "/log"
      _ = try Directory(making: log)
      _ = try buildLog(log)
      let files = try readTree(log)
      for name in [FileNames.name(20, .segment), FileNames.name(20, .seal), "checkpoint"] {
        try writeTree(files.filter { $0.key != name }, to: path + "/cut")
        // Reading a directory fails with EISDIR, also for root.
        _ = try Directory(making: path + "/cut/" + name)
        let report = try verify(path + "/cut")
        #expect(damage(report).map(\.kind) == [.unreadable], "\(report.findings)")
        #expect(damage(report).first?.file == name)
        #expect(report.exitStatus == .inputOutput)
        #expect(report.entries == 0..<60)
        try removeTree(path + "/cut/" + name)
      }
    }
  }

  /// Damage in one block is told apart from damage in another, and neither hides the other.
  @Test func twoDamagedBlocksAreTwoFindingsWithTheirPlaces() throws {
    try withTemporaryDirectory { path in
      let log = try LogBuilder(path)
      var number = 0
      for _ in 0..<2 {
        for _ in 0..<6 {
          try log.append(LogBuilder.lines(9, from: number) + [LogBuilder.key])
          number += 10
        }
        try log.finish()
      }
      try log.writeCheckpoint()
      let encoded = try log.segments.map { try LogBuilder.encode($0, origin: "\(log.origin)") }
      for (hasFooter, isHeader) in [(true, true), (true, false), (false, true), (false, false)] {
        for (segment, encoded) in encoded.enumerated() {
          var bytes = encoded.file
          if !hasFooter { bytes[bytes.count - 1] ^= 1 }
          for block in [1, 4] { bytes[encoded.blockOffsets[block] + (isHeader ? 0 : 300)] ^= 1 }
          try log.write(bytes, to: FileNames.name(UInt64(60 * segment), .segment))
        }
        let found = damage(try verify(path))
        let blocks = found.filter { $0.entries != nil }
        #expect(found.count == (hasFooter ? 4 : 6), "\(found)")
        #expect(blocks.map(\.kind) == [.corruption, .corruption, .corruption, .corruption])
        #expect(blocks.map(\.entries) == [10..<20, 40..<50, 70..<80, 100..<110])
        #expect(blocks.map(\.offset) == [0, 1].flatMap { s in [1, 4].map { encoded[s].blockOffsets[$0] } })
      }
    }
  }

  /// A wiped stretch over several blocks is one finding.
  @Test func aWipedStretchIsOneFinding() throws {
    try withTemporaryDirectory { path in
      let log = try LogBuilder(path)
      for number in 0..<8 { try log.append(LogBuilder.lines(9, from: number * 10) + [LogBuilder.key]) }
      try log.finish()
      try log.writeCheckpoint()
      let encoded = try LogBuilder.encode(log.segments[0], origin: "\(log.origin)")
      for hasFooter in [true, false] {
        var bytes = encoded.file
        if !hasFooter { bytes[bytes.count - 1] ^= 1 }
        for offset in encoded.blockOffsets[2]..<encoded.blockOffsets[5] + 40 { bytes[offset] = 0 }
        try log.write(bytes, to: FileNames.name(0, .segment))
        let found = damage(try verify(path)).filter { $0.entries != nil }
        #expect(found.map(\.entries) == [20..<60])
        #expect(found.map(\.offset) == [encoded.blockOffsets[2]])
      }
    }
  }
}
