import Bytes
import Cryptography
import Inspect
import MerkleLog
import Platform
import SegmentReader
import Segments
import TestSupport
import Testing
import Witness

/// What nothing in the directory can tell, because it is a history that the log could have had: the whole of
/// an older copy, and anything that somebody writes who had every key. Without an anchor outside `verify`
/// finds nothing, which is tested too; with one it does.
@Suite struct AnchorTests {
  /// What the operator makes of the log.
  enum Fiction: CaseIterable, Sendable {
    case rolledBack, cutOff, otherLog, modified, deleted, backdated

    func files(_ log: GenuineLog) throws -> [String: [UInt8]] {
      var forger = try Forger(log, log.everyKey)
      switch self {
      case .rolledBack: return log.files(4)
      case .otherLog: return try GenuineLog.other().files
      case .cutOff: forger.cut(at: 29)
      case .modified: Operation.modify.apply(to: &forger)
      case .deleted: Operation.deleteEntry.apply(to: &forger)
      case .backdated: Operation.backdate.apply(to: &forger)
      }
      return try forger.publish()
    }

    var isOlder: Bool { self == .rolledBack || self == .cutOff }
  }

  @Test(arguments: Fiction.allCases) func withoutAnAnchorItIsNotFound(_ fiction: Fiction) throws {
    let log = try GenuineLog.shared()
    let files = try fiction.files(log)
    let verdict = try log.judge(files)
    #expect(files != log.files)
    #expect(verdict.report.findings == [])
    #expect(verdict.status == .fine)
  }

  /// A checkpoint that an auditor kept, of any time behind the change.
  @Test(arguments: Fiction.allCases) func aKeptCheckpointFindsIt(_ fiction: Fiction) throws {
    let log = try GenuineLog.shared()
    let verdict = try log.judge(fiction.files(log), checkpoint: log.checkpoint(6))
    #expect(verdict.status == .damage)
    let finding = try #require(verdict.damage.first)
    #expect(verdict.damage.count == 1)
    #expect(finding.kind == (fiction.isOlder || fiction == .deleted ? .rollback : .break))
    #expect(finding.entries?.upperBound == 56)
  }

  /// The witness's own memory, which the operator cannot reach.
  @Test func aWitnessRefusesAnOlderLogAndAnotherHistory() throws {
    let log = try GenuineLog.shared()
    try withTemporaryDirectory { path in
      let witness = try makeWitness(path + "/state", [log.keys.origin])
      let leaves = try Leaves(log.files)
      #expect(witness.addCheckpoint(try leaves.request(0, 29, log.checkpoint(3))).status == 200)
      #expect(witness.addCheckpoint(try leaves.request(29, 56, log.checkpoint(6))).status == 200)
      // Rolled back: it goes on from a size that it had before.
      let conflict = witness.addCheckpoint(try leaves.request(29, 38, log.checkpoint(4)))
      #expect(conflict.status == 409)
      #expect(conflict.body == Array("56\n".utf8))
      // The same size and another root, then a larger tree that does not continue it.
      let files = try Fiction.modified.files(log)
      let fork = try Leaves(files)
      let forged = try #require(files[FileNames.checkpoint])
      #expect(witness.addCheckpoint(try fork.request(56, 56, forged)).status == 422)
      let second = try makeWitness(path + "/second", [log.keys.origin])
      #expect(second.addCheckpoint(try leaves.request(0, 29, log.checkpoint(3))).status == 200)
      #expect(second.addCheckpoint(try fork.request(29, 56, forged)).status == 422)
      // What it had seen before the change holds for both.
      let third = try makeWitness(path + "/third", [log.keys.origin])
      #expect(third.addCheckpoint(try leaves.request(0, 20, log.checkpoint(2))).status == 200)
      #expect(third.addCheckpoint(try fork.request(20, 56, forged)).status == 200)
    }
  }

  /// `verify --policy`: the cosigned checkpoint must be there, and be of this history.
  @Test func aPolicyAsksForTheCosignedCheckpoint() throws {
    let log = try GenuineLog.shared()
    let key = try cosigner()
    var note = try log.checkpoint(6).withView { try SignedNote($0) }
    note.append(try key.cosign(note.text, at: 1_700_000_000))
    let text = Array("log \(log.keys.origin)\nwitness w \(key.verifier)\nquorum w\n".utf8)
    let policy = try text.withView { try WitnessPolicy($0) }
    func judge(_ files: [String: [UInt8]], isCosigned: Bool) throws -> Verdict {
      var files = files
      if isCosigned { files[FileNames.cosigned] = note.bytes }
      return try log.judge(files) { $0.policy = policy }
    }
    let genuine = try judge(log.files, isCosigned: true)
    #expect(genuine.report.findings == [] && genuine.status == .fine)
    for fiction in Fiction.allCases {
      let files = try fiction.files(log)
      let verdict = try judge(files, isCosigned: true)
      #expect(verdict.status == .damage, "\(fiction)")
      #expect(!verdict.damageKinds.isDisjoint(with: [.break, .rollback, .missingSegment]), "\(fiction)")
      // Taken away together with the history that it was of.
      let silent = try judge(files, isCosigned: false)
      #expect(silent.kinds == [.unwitnessed] && silent.status == .incomplete, "\(fiction)")
    }
  }

  /// A token over an earlier checkpoint: what it is over existed then, and is gone.
  @Test func aTimestampTokenFindsIt() throws {
    let authority = try TimestampAuthority()
    let log = try GenuineLog.shared()
    let text = try log.checkpoint(5).withView { try SignedNote($0).text }
    let token = try authority.token(over: text.withView { SHA256.hash($0).array })
    let name = TimestampName.checkpoint(size: 47).file
    func judge(_ files: [String: [UInt8]]) throws -> Verdict {
      try log.judge(files.merging([name: token]) { $1 }) { $0.timestampAuthorities = authority.certificates }
    }
    let genuine = try judge(log.files)
    #expect(genuine.report.findings == [] && genuine.report.times.existed?.index == 47)
    for fiction in Fiction.allCases {
      let verdict = try judge(fiction.files(log))
      #expect(verdict.status == .damage, "\(fiction)")
      #expect(verdict.damageKinds == [fiction.isOlder ? .rollback : .badTimestamp], "\(fiction)")
      #expect(verdict.damage.first?.file == name)
    }
    // Nobody's word for when: the token is asked for, and is not there.
    let silent = try log.judge(Fiction.backdated.files(log)) {
      $0.timestampAuthorities = authority.certificates
    }
    #expect(silent.kinds == [.untrustedTime] && silent.status == .incomplete)
  }

  // MARK: A witness

  private func cosigner() throws -> CosignerKey {
    let seed = [UInt8](repeating: 200, count: 32)
    var bytes = ByteBuffer()
    bytes.append(seed)
    return CosignerKey(
      SignerKey(name: try #require(KeyName("witness.example/one")), key: try SigningKey(seed: bytes.view)))
  }

  private func makeWitness(_ state: String, _ logs: [VerifierKey]) throws -> Witness {
    try Witness(key: cosigner(), state: state, logs: logs) { 1_700_000_000_000_000_000 }
  }

  /// The leaves of a log, which prove what they can.
  struct Leaves: HashSource {
    var leaves: [Digest]

    init(_ files: [String: [UInt8]]) throws {
      leaves = try withTemporaryDirectory { path in
        try writeTree(files, to: path + "/log")
        let reader = try LogReader(path + "/log")
        return try (0..<(try reader.endIndex())).map { try reader.entry($0).leaf }
      }
    }

    mutating func hash(level: Int, index: UInt64) throws(ProofError) -> Digest {
      var tree = CompactRange()
      for leaf in leaves[Int(index) << level..<(Int(index) + 1) << level] { tree.append(leaf) }
      return tree.root
    }

    func request(_ old: UInt64, _ size: UInt64, _ checkpoint: [UInt8]) throws -> [UInt8] {
      var source = self
      let proof = try ConsistencyProof(first: old, second: size, from: &source).hashes
      return AddCheckpoint(old: old, proof: proof, note: try checkpoint.withView { try SignedNote($0) }).bytes
    }
  }
}
