import Bytes
import Cryptography
import MerkleLog
import Platform
import Synchronization
import TestSupport
import Testing
import Witness

/// What a witness answers, word for word as C2SP tlog-witness has it.
@Suite struct WitnessTests {
  @Test func whatContinuesTheLogIsCosigned() throws {
    try withTemporaryDirectory { directory in
      let log = SmallLog(20)
      let witness = try makeWitness(directory + "/state", [try log.key()])
      for (old, size) in [(0, 3), (3, 3), (3, 8), (8, 9), (9, 20)] {
        let reply = witness.addCheckpoint(try log.request(old, size))
        #expect(reply.status == 200, "\(old) to \(size): \(reply.text)")
        let note = try (try log.note(size).bytes + reply.body).withView { try SignedNote($0) }
        #expect(note.cosignatures(by: [witness.key]) == [Cosignature(key: witness.key, time: 1_700_000_000)])
        let answer = WitnessAnswer(status: reply.status, type: reply.type, body: reply.body)
        #expect(answer == .cosigned([note.signatures[1]]))
      }
    }
  }

  @Test func whoNamesAnotherSizeIsToldTheRightOne() throws {
    try withTemporaryDirectory { directory in
      let log = SmallLog(20)
      let witness = try makeWitness(directory + "/state", [try log.key()])
      // Before the first, the size is 0.
      let first = witness.addCheckpoint(try log.request(3, 5))
      #expect(first.status == 409 && first.text == "0\n")
      #expect(witness.addCheckpoint(try log.request(0, 12)).status == 200)
      for (old, size) in [(0, 15), (11, 15), (13, 15), (5, 8), (0, 12)] {
        let reply = witness.addCheckpoint(try log.request(old, size))
        #expect(
          reply.status == 409 && reply.text == "12\n" && reply.type == "text/x.tlog.size", "\(old) \(size)")
        let answer = WitnessAnswer(status: reply.status, type: reply.type, body: reply.body)
        #expect(answer == .conflict(size: 12))
      }
    }
  }

  @Test func whatDoesNotContinueTheLogIsRefused() throws {
    try withTemporaryDirectory { directory in
      let log = SmallLog(20)
      let witness = try makeWitness(directory + "/state", [try log.key()])
      #expect(witness.addCheckpoint(try log.request(0, 12)).status == 200)
      let fork = SmallLog(20, fork: 11)
      // Another root of the same size, and a larger tree of another history.
      #expect(witness.addCheckpoint(try fork.request(12, 12)).status == 422)
      #expect(witness.addCheckpoint(try fork.request(12, 20)).status == 422)
      // A proof that is too short, too long, or wrong.
      let proof = try log.proof(12, 20)
      for wrong in [Array(proof.dropLast()), proof + [proof[0]], [], proof.reversed()] {
        let request = AddCheckpoint(old: 12, proof: wrong, note: try log.note(20))
        #expect(witness.addCheckpoint(request.bytes).status == 422)
      }
      // Nothing of that was taken over.
      #expect(witness.addCheckpoint(try log.request(12, 20)).status == 200)
    }
  }

  @Test func fromNothingTheProofMustBeEmpty() throws {
    try withTemporaryDirectory { directory in
      let log = SmallLog(8)
      let witness = try makeWitness(directory + "/state", [try log.key()])
      let request = AddCheckpoint(old: 0, proof: [log.leaves[0]], note: try log.note(8))
      #expect(witness.addCheckpoint(request.bytes).status == 422)
      #expect(witness.addCheckpoint(try log.request(0, 0)).status == 200)
      #expect(witness.addCheckpoint(request.bytes).status == 422)
      #expect(witness.addCheckpoint(try log.request(0, 8)).status == 200)
    }
  }

  @Test func aFormerKeyCountsUpToItsEnd() throws {
    try withTemporaryDirectory { directory in
      let (old, new) = (SmallLog(20), SmallLog(20, seed: 2))
      let witness = try makeWitness(
        directory + "/state", [try new.key()], former: [LogKeys.Former(try old.key(), until: 10)])
      #expect(witness.addCheckpoint(try old.request(0, 10)).status == 200)
      #expect(witness.addCheckpoint(try old.request(10, 11)).status == 403)
      #expect(witness.addCheckpoint(try new.request(10, 11)).status == 200)
      // Both for a while: neither has an end.
      let both = try makeWitness(directory + "/other", [try old.key(), try new.key()])
      #expect(both.addCheckpoint(try old.request(0, 12)).status == 200)
      #expect(both.addCheckpoint(try new.request(12, 20)).status == 200)
    }
  }

  @Test func othersAreRefused() throws {
    try withTemporaryDirectory { directory in
      let log = SmallLog(8)
      let witness = try makeWitness(directory + "/state", [try log.key()])
      #expect(witness.addCheckpoint(try SmallLog(8, origin: "log.example/two").request(0, 8)).status == 404)
      // The right name under another key: an unknown signature. The right key id with a wrong one: a bad one.
      #expect(witness.addCheckpoint(try SmallLog(8, seed: 2).request(0, 8)).status == 403)
      let other = try log.note(7).signatures
      var note = try SignedNote(text: try log.note(8).text)
      note.append(other[0])
      #expect(witness.addCheckpoint(AddCheckpoint(old: 0, proof: [], note: note).bytes).status == 403)
      let larger = AddCheckpoint(old: 9, proof: [], note: try log.note(8))
      #expect(witness.addCheckpoint(larger.bytes).status == 400)
      // Signatures by others do no harm.
      note = try log.note(8)
      for signature in try SmallLog(8, seed: 2).note(8).signatures { note.append(signature) }
      #expect(witness.addCheckpoint(AddCheckpoint(old: 0, proof: [], note: note).bytes).status == 200)
    }
  }

  @Test func aLogCanHaveSeveralKeys() throws {
    try withTemporaryDirectory { directory in
      let (old, new) = (SmallLog(8), SmallLog(8, seed: 2))
      let witness = try makeWitness(directory + "/state", [try old.key(), try new.key()])
      #expect(witness.addCheckpoint(try old.request(0, 4)).status == 200)
      #expect(witness.addCheckpoint(try new.request(4, 8)).status == 200)
    }
  }

  @Test func whatIsKnownSurvivesARestart() throws {
    try withTemporaryDirectory { directory in
      let log = SmallLog(20)
      let state = directory + "/state"
      do {
        let witness = try makeWitness(state, [try log.key()])
        #expect(witness.addCheckpoint(try log.request(0, 12)).status == 200)
        #expect(throws: WitnessStateError.self) { _ = try makeWitness(state, [try log.key()]) }
      }
      let witness = try makeWitness(state, [try log.key()])
      #expect(witness.addCheckpoint(try log.request(0, 20)).text == "12\n")
      let name = try log.key().name.bytes.withView { "\(SHA256.hash($0))" }
      let page = witness.checkpoint(name)
      #expect(page.status == 200)
      let note = try page.body.withView { try SignedNote($0) }
      #expect(try note.text == log.note(12).text)
      #expect(try note.verify(with: [try log.key(), witness.key]).count == 2)
      #expect(witness.checkpoint(String(name.dropLast())).status == 404)
    }
  }

  @Test func aStateThatTheWitnessDidNotWriteIsRefused() throws {
    try withTemporaryDirectory { directory in
      let log = SmallLog(20)
      let state = directory + "/state"
      do {
        let witness = try makeWitness(state, [try log.key()])
        #expect(witness.addCheckpoint(try log.request(0, 12)).status == 200)
      }
      let name = try log.key().name.bytes.withView { "\(SHA256.hash($0))" }
      // The log's own signature does not make it known to the witness.
      try log.note(3).bytes.withView { try Directory(state).replaceFile(name, with: $0) }
      #expect(throws: WitnessStateError.self) { _ = try makeWitness(state, [try log.key()]) }
      #expect(throws: WitnessStateError.self) { _ = try makeWitness(state, [try log.key()], seed: 201) }
    }
  }

  @Test func whatCannotBeKeptIsNotAnswered() throws {
    try withTemporaryDirectory { directory in
      let log = SmallLog(20)
      let state = directory + "/state"
      let witness = try makeWitness(state, [try log.key()])
      #expect(witness.addCheckpoint(try log.request(0, 12)).status == 200)
      try removeTree(state)
      let reply = witness.addCheckpoint(try log.request(12, 20))
      #expect(reply.status == 500)
      #expect(!reply.text.contains("—"))
      // Nobody knows what is on disk now.
      #expect(witness.addCheckpoint(try log.request(12, 20)).status == 500)
    }
  }

  @Test func ofManyAtOnceOneWins() throws {
    try withTemporaryDirectory { directory in
      let log = SmallLog(64)
      let witness = try makeWitness(directory + "/state", [try log.key()])
      var old = 0
      for round in 1...6 {
        let statuses = Statuses()
        var threads: [Thread] = []
        let sizes = (0..<8).map { old + 1 + $0 }
        for size in sizes {
          let request = try log.request(old, size)
          threads.append(
            try Thread(name: "race") {
              let status = witness.addCheckpoint(request).status
              statuses.value.withLock { $0[size] = status }
            })
        }
        for thread in threads { thread.join() }
        let outcome = statuses.value.withLock { $0 }
        let won = outcome.filter { $0.value == 200 }
        #expect(won.count == 1, "round \(round): \(outcome)")
        #expect(outcome.values.count { $0 == 409 } == 7)
        old = try #require(won.keys.first)
      }
    }
  }

  @Test func eachPeerHasItsOwnRate() {
    let limit = RateLimit(perSecond: 10, burst: 3)
    let second: Int64 = 1_000_000_000
    #expect((0..<5).map { _ in limit.allows("a", now: 0) } == [true, true, true, false, false])
    #expect(limit.allows("b", now: 0))
    #expect(limit.allows("a", now: second / 10))
    #expect(!limit.allows("a", now: second / 10))
    // However many peers there are, little is kept of them.
    for number in 0..<20_000 { _ = limit.allows("\(number)", now: second) }
    #expect(limit.allows("new", now: second))
  }
}

private final class Statuses: Sendable {
  let value = Mutex<[Int: Int]>([:])
}

/// Bodies of requests and of answers.
@Suite struct AddCheckpointTests {
  /// The example of the specification.
  static let example = """
    old 20852014
    PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
    jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
    5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
    /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

    example.com/behind-the-sofa
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
    — example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=

    """

  @Test func theExampleIsReadAndPrinted() throws {
    let bytes = Array(Self.example.utf8)
    let request = try #require(bytes.withView { AddCheckpoint($0) })
    #expect(request.old == 20_852_014 && request.proof.count == 4 && request.note.signatures.count == 2)
    #expect(request.bytes == bytes)
  }

  @Test func theProofHasAtMost63Hashes() throws {
    let log = SmallLog(3)
    let hash = log.leaves[0]
    let fits = AddCheckpoint(old: 1, proof: Array(repeating: hash, count: 63), note: try log.note(3))
    #expect(fits.bytes.withView { AddCheckpoint($0) } == fits)
    let over = AddCheckpoint(old: 1, proof: Array(repeating: hash, count: 64), note: try log.note(3))
    #expect(over.bytes.withView { AddCheckpoint($0) } == nil)
  }

  @Test(arguments: [
    ("old 20852014\n", "old 020852014\n"), ("old 20852014\n", "old  20852014\n"), ("old ", "Old "),
    ("old 20852014\n", "old \n"), ("old 20852014\n", "old -1\n"), ("old 20852014\n", "old +1\n"),
    ("old 20852014\n", "old 18446744073709551616\n"), ("old 20852014\n", "old 1 \n"),
    ("old 20852014\n", "old 20852014\r\n"), ("old 20852014\n", "\nold 20852014\n"), ("old 20852014\n", ""),
    ("PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=", "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw"),
    ("PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=", "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkax="),
    ("PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=", " PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw="),
    ("PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=", "AAAA"), ("Kj/0=\n\nexample", "Kj/0=\nexample"),
    ("qbSzm9Q=\n", "qbSzm9Q="), ("— example", "- example"),
  ])
  func anythingElseIsNoRequest(part: String, change: String) {
    let text = Self.example.replacing(part, with: change, maxReplacements: 1)
    #expect(text != Self.example)
    #expect(Array(text.utf8).withView { AddCheckpoint($0) } == nil)
  }

  @Test func cutOrGarbledRequestsAreRefused() throws {
    let log = SmallLog(20)
    try withTemporaryDirectory { directory in
      let witness = try makeWitness(directory + "/state", [try log.key()])
      let request = try log.request(0, 20)
      for end in 0..<request.count {
        let status = witness.addCheckpoint(Array(request.prefix(end))).status
        #expect(status != 200, "cut at \(end)")
      }
      for bit in 0..<request.count * 8 {
        var flipped = request
        flipped[bit / 8] ^= 1 << (bit % 8)
        #expect(witness.addCheckpoint(flipped).status != 200, "bit \(bit)")
      }
      #expect(witness.addCheckpoint([UInt8](repeating: 0x61, count: 1 << 20)).status == 400)
      #expect(witness.addCheckpoint(request).status == 200)
    }
  }

  @Test(arguments: [
    (409, "text/x.tlog.size", "12\n", WitnessAnswer.conflict(size: 12)),
    (409, "text/x.tlog.size", "12", .other(status: 409)),
    (409, "text/x.tlog.size", "012\n", .other(status: 409)),
    (409, "text/x.tlog.size", "12\n\n", .other(status: 409)), (409, "text/plain", "", .inconsistent),
    (422, "text/plain", "", .inconsistent), (404, "", "", .unknownLog), (403, "", "", .untrustedKey),
    (400, "", "", .other(status: 400)), (500, "", "", .other(status: 500)),
    (200, "", "", .other(status: 200)),
    (200, "", "nonsense\n", .other(status: 200)),
  ])
  func answersAreReadStrictly(status: Int, type: String, body: String, answer: WitnessAnswer) {
    #expect(WitnessAnswer(status: status, type: type, body: Array(body.utf8)) == answer)
  }
}
