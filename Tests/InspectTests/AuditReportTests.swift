import Bytes
import Cryptography
import Inspect
import MerkleLog
import SegmentReader
import Segments
import TestSupport
import Testing

@Suite struct AuditReportTests {
  /// Nothing in front of a trusted checkpoint is decoded, and everything behind it is.
  @Test(arguments: [0, 1, 10, 15, 20, 33, 59, 60]) func onlyWhatIsBehindATrustedCheckpointIsDecoded(
    _ size: Int
  ) throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path)
      let since = try log.checkpoint(size)
      let report = try verify(path) {
        $0.key = log.key
        $0.since = since
      }
      #expect(report.findings == [])
      #expect(report.sinceCheckpoint?.size == UInt64(size))
      // Blocks have ten entries; the one in which the checkpoint lies is decoded whole.
      #expect(report.decodedEntries == UInt64(60 - size / 10 * 10))
    }
  }

  @Test func aTrustedCheckpointOfAnotherHistoryIsABreak() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path)
      for size in [20, 25] as [UInt64] {
        let forked = try SignedCheckpoint(
          Checkpoint(origin: log.origin, size: size, root: log.leaves[0]), signedBy: log.signer)
        let report = try verify(path) {
          $0.key = log.key
          $0.since = forked.note.bytes
        }
        #expect(damage(report).map(\.kind) == [.break])
      }
    }
  }

  /// A forger who holds the key rewrites an entry behind the checkpoint, or in front of it, in a segment
  /// that no seal covers.
  @Test func entriesThatNoSealCoversAreDecodedInFrontOfATrustedCheckpointToo() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path, [.finished, .finished, .open])
      let since = try log.checkpoint(50)
      for place in [0, 1] {
        var segment = log.segments[2]
        segment.blocks[place][4].raw = Array("forged".utf8)
        let forged = try LogBuilder.encode(segment, origin: "\(log.origin)")
        try log.write(forged.bytes, to: FileNames.name(40, .open))
        let report = try verify(path) {
          $0.key = log.key
          $0.since = since
        }
        #expect(!report.isIntact, "block \(place)")
      }
    }
  }

  private func audit(_ reports: [VerifyReport]) -> AuditReport {
    var audit = AuditReport(program: "stele test", command: "stele verify a", time: 1_700_000_000_000_000_000)
    for report in reports { audit.add(report.directory, .success(report)) }
    return audit
  }

  @Test func theReportToBeFiledNamesEverything() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path)
      let report = try verify(path) { $0.key = log.key }
      let text = audit([report]).longText
      for part in [
        "stele test", "2023-11-14T22:13:20Z", "Intact.", "\(log.key) (given)", path, "entries 0 to 59 (60)",
        "Received     2023-11-14T22:13:20", "size 60, root \(log.tree.root)", "156 messages of udp-5514",
        "6 of type loss", "60 of 60 decoded", "None.", "stele verify a",
      ] { #expect(text.contains(part), "\(part)") }
      // Every line for people has its members for programs, under names that occur once.
      guard case .object(let members) = audit([report]).json else { throw DecodeError(.invalid, at: 0) }
      #expect(Set(members.map(\.name)).count == members.count)
      let names = [
        "result", "exit_status", "origin", "key", "key_source", "quick", "being_written", "first", "end",
        "entries",
        "segments", "sealed_segments", "blocks", "checkpoint", "given_checkpoint", "unsigned_tail",
        "torn_bytes",
        "raw_bytes", "stored_bytes", "control_entries", "losses", "seconds", "counts", "findings",
      ]
      for name in names { #expect(members.contains { $0.name == name }, "\(name)") }
    }
  }

  @Test func theWorstOfSeveralLogsDecides() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path)
      let good = try verify(path) { $0.key = log.key }
      try log.write([0], to: FileNames.name(20, .segment))
      let bad = try verify(path) { $0.key = log.key }
      var both = audit([good, bad, good])
      #expect(both.exitStatus == .damage)
      #expect(both.text.contains("3 logs: 2 intact, 1 damaged."))
      both.add("nowhere", .failure(.missing(path: "nowhere")))
      #expect(both.exitStatus == .damage)
      #expect(both.json.text.contains(#""directory":"nowhere","error":"#))
      var missing = audit([good])
      missing.add("nowhere", .failure(.missing(path: "nowhere")))
      #expect(missing.exitStatus == .missing)
      #expect(audit([good]).exitStatus == .fine)
    }
  }

  @Test func theNoteSaysTheEssentialsUnderTheAuditorsSignature() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path)
      let since = try log.checkpoint(20)
      var report = try verify(path) {
        $0.key = log.key
        $0.since = since
      }
      // A forged control entry cannot add a line of its own.
      report.control.losses["a\nresult forged"] = 1
      let name = try #require(KeyName("auditor.example"))
      let signer = try SignerKey.generate(name: name)
      let hash = SHA256.hash([1].withView { $0 })
      let note = try AuditNote.sign(audit([report]), hash: hash, with: signer).bytes
      let read = try note.withView { try AuditNote($0, key: signer.verifier) }
      let lines = read.text.split(separator: "\n")
      for line in [
        "stele audit v1", "program stele test", "time 2023-11-14T22:13:20Z", "log \(log.origin)",
        "result intact",
        "checked since 20", "key \(log.key)", "key-source given", "entries 0 60",
        "checkpoint 60 \(log.tree.root.withView { Base64.encode($0) })", "unsigned 0",
        "lost 1 a?result forged",
        "report \(hash.withView { Base64.encode($0) })",
      ] { #expect(lines.contains { $0 == line }, "\(line)") }
      for bit in 0..<note.count * 8 {
        var bytes = note
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        #expect((try? bytes.withView { try AuditNote($0, key: signer.verifier) }) == nil, "bit \(bit)")
      }
      #expect(throws: NoteError.self) { try note.withView { try AuditNote($0, key: log.key) } }
    }
  }
}
