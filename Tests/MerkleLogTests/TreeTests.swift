import Bytes
import Cryptography
import MerkleLog
import Testing

@Suite struct TreeTests {
  @Test func knownAnswersOfRFC6962() {
    #expect(
      SHA256.emptyRoot.description == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(leafHash([]).description == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d")
    #expect(
      leafHash("L123456".utf8Bytes).description
        == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56")
    // The test that this is from takes node("N123", "N456") over texts, which are no digests: hash it as
    // bytes.
    #expect(
      ([1] + "N123N456".utf8Bytes).withView { SHA256.hash($0) }.description
        == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb")
  }

  @Test func rootsOfTheSmallLog() throws {
    var range = CompactRange()
    for leaf in leaves(3) { range.append(leaf) }
    #expect(range.root == (try digest("2y7/5k02NSvNTCYL3g4RODEMn3e4nUxXV4ZS+bGFtjA=")))
    for leaf in leaves(5)[3...] { range.append(leaf) }
    #expect(range.root == (try digest("C3TUMA55gFbNSHKLT7AenxWtPgp5UPvFiXT/Z1MnHSQ=")))
  }

  @Test func compactRangeEqualsRecursion() throws {
    let all = leaves(300)
    var range = CompactRange()
    #expect(range.root == naiveRoot([]))
    for (index, leaf) in all.enumerated() {
      range.append(leaf)
      #expect(range.root == naiveRoot(all[...index]))
      let restored = try #require(CompactRange(size: range.size, hashes: range.hashes))
      #expect(restored == range)
      for subtree in range.subtrees {
        let start = Int(subtree.index) << subtree.level
        #expect(subtree.hash == naiveRoot(all[start..<(start + (1 << subtree.level))]))
        #expect(range.hash(level: subtree.level, index: subtree.index) == subtree.hash)
        #expect(range.hash(level: subtree.level, index: subtree.index + 1) == nil)
      }
      #expect(range.subtrees.map { UInt64(1) << UInt64($0.level) }.reduce(0, +) == range.size)
    }
    #expect(range.hash(level: 0, index: 299) == nil)
    #expect(range.hash(level: -1, index: 0) == nil)
    #expect(range.hash(level: 64, index: 0) == nil)
  }

  @Test func compactRangeNeedsOneHashForEachBit() {
    #expect(CompactRange(size: 5, hashes: leaves(1)) == nil)
    #expect(CompactRange(size: 5, hashes: leaves(3)) == nil)
    #expect(CompactRange(size: 5, hashes: leaves(2)) != nil)
    #expect(CompactRange(size: 0, hashes: []) == CompactRange())
  }

  @Test func appendedSubtreesReportWhatTheyComplete() {
    let all = leaves(64)
    var range = CompactRange()
    var completed: [Subtree] = []
    for leaf in all { range.append(leaf, level: 0) { completed.append($0) } }
    #expect(completed.count == 127)
    for subtree in completed {
      let start = Int(subtree.index) << subtree.level
      #expect(subtree.hash == naiveRoot(all[start..<(start + (1 << subtree.level))]))
    }
    var jumps = CompactRange()
    var closed: [Int] = []
    jumps.append(naiveRoot(all[..<32]), level: 5) { closed.append($0.level) }
    jumps.append(naiveRoot(all[32..<48]), level: 4) { closed.append($0.level) }
    jumps.append(naiveRoot(all[48...]), level: 4) { closed.append($0.level) }
    #expect(jumps == range)
    #expect(closed == [5, 4, 4, 5, 6])
  }

  @Test func runsOfAnyShapeGiveTheSameTree() {
    let all = leaves(2200)
    var reference = CompactRange()
    var wanted: [Subtree] = []
    for leaf in all { reference.append(leaf, level: 0) { if $0.level >= 8 { wanted.append($0) } } }
    for lengths in [[1, 2, 3, 250, 511], [256], [255], [257], [2200], [700, 1, 0, 513], [5, 1000, 7]] {
      var range = CompactRange()
      var run = SubtreeRun()
      var got: [Subtree] = []
      var turn = 0
      while range.size < 2200 {
        let start = Int(range.size)
        let end = min(start + lengths[turn % lengths.count], 2200)
        turn += 1
        run.replace(first: range.size, leaves: all[start..<end].span)
        #expect(run.count == end - start)
        range.append(run) { got.append($0) }
        #expect(range.size == UInt64(end))
      }
      #expect(range == reference, "\(lengths)")
      #expect(got == wanted, "\(lengths)")
    }
  }

  @Test func runCoversItsLeavesWithTheFewestSubtrees() {
    let all = leaves(1100)
    let run = SubtreeRun(first: 250, leaves: all[250..<1030].span)
    #expect(run.subtrees.map(\.level) == [1, 2, 8, 8, 8, 2, 1])
    for subtree in run.subtrees {
      let start = Int(subtree.index) << subtree.level
      #expect(subtree.hash == naiveRoot(all[start..<(start + (1 << subtree.level))]))
    }
  }
}
