import Bytes
import Cryptography
import MerkleLog
import Testing

@Suite struct ProofTests {
  @Test func vectorsOfTheSmallLog() throws {
    let all = leaves(5)
    var source = LeafSource(leaves: all, size: 5)
    let inclusion = try InclusionProof(index: 3, size: 5, from: &source)
    #expect(
      inclusion.hashes
        == (try digests(
          "T7cNqgptqvfpPys3xeXfczRmMP2KUZltUPHY7v8nlCY=", "P9HVoFmrFxo0X5kSyDwt2LeTO06VDmdJvIPbsfQ8y94=",
          "rjI5dK4fR82yRuuDuHBjZtQ8ZK0Pr0gMeerLnPSn6Kc=")))
    try inclusion.verify(leaf: all[3], root: digest("C3TUMA55gFbNSHKLT7AenxWtPgp5UPvFiXT/Z1MnHSQ="))
    let consistency = try ConsistencyProof(first: 3, second: 5, from: &source)
    #expect(
      consistency.hashes
        == (try digests(
          "T7cNqgptqvfpPys3xeXfczRmMP2KUZltUPHY7v8nlCY=", "Xz5pjPk3YirKfGvyc+8hdgkuwzwWLcyuOd+HAWJdGJ8=",
          "P9HVoFmrFxo0X5kSyDwt2LeTO06VDmdJvIPbsfQ8y94=", "rjI5dK4fR82yRuuDuHBjZtQ8ZK0Pr0gMeerLnPSn6Kc=")))
    try consistency.verify(
      firstRoot: digest("2y7/5k02NSvNTCYL3g4RODEMn3e4nUxXV4ZS+bGFtjA="),
      secondRoot: digest("C3TUMA55gFbNSHKLT7AenxWtPgp5UPvFiXT/Z1MnHSQ="))
  }

  /// All that a proof of the right hashes must not become: one bit changed in each hash, one hash dropped,
  /// added or exchanged with its neighbour.
  static func spoiled(_ hashes: [Digest]) -> [[Digest]] {
    var all: [[Digest]] = []
    for index in hashes.indices {
      var bad = hashes
      bad[index] = flipped(bad[index], bit: (index * 37 + hashes.count) % 256)
      all.append(bad)
      var short = hashes
      short.remove(at: index)
      all.append(short)
      var swapped = hashes
      swapped.swapAt(index, hashes.count - 1)
      if swapped != hashes { all.append(swapped) }
    }
    let extra = leafHash([0xFF])
    all.append(hashes + [extra])
    all.append([extra] + hashes)
    if let last = hashes.last { all.append(hashes + [last]) }
    return all
  }

  @Test func everyInclusionProofTo64AcceptsAndEverySpoiledOneRejects() throws {
    let all = leaves(64)
    for size in 1...64 {
      var source = LeafSource(leaves: all, size: size)
      let root = naiveRoot(all[..<size])
      for index in 0..<size {
        let proof = try InclusionProof(index: UInt64(index), size: UInt64(size), from: &source)
        try proof.verify(leaf: all[index], root: root)
        for hashes in Self.spoiled(proof.hashes) {
          let bad = InclusionProof(index: proof.index, size: proof.size, hashes: hashes)
          #expect(throws: ProofError.self) { try bad.verify(leaf: all[index], root: root) }
        }
        #expect(throws: ProofError.self) {
          try proof.verify(leaf: flipped(all[index], bit: index), root: root)
        }
        #expect(throws: ProofError.self) {
          try proof.verify(leaf: all[index], root: flipped(root, bit: index))
        }
        for other in 0..<size where other != index {
          let moved = InclusionProof(index: UInt64(other), size: proof.size, hashes: proof.hashes)
          #expect(throws: ProofError.self) { try moved.verify(leaf: all[index], root: root) }
        }
      }
    }
  }

  @Test func inclusionOutsideTheTreeIsNamed() {
    let proof = InclusionProof(index: 5, size: 5, hashes: leaves(3))
    #expect(throws: ProofError.indexOutOfRange(index: 5, size: 5)) {
      try proof.verify(leaf: leafHash([]), root: leafHash([]))
    }
    let empty = InclusionProof(index: 0, size: 0, hashes: [])
    #expect(throws: ProofError.indexOutOfRange(index: 0, size: 0)) {
      try empty.verify(leaf: SHA256.emptyRoot, root: SHA256.emptyRoot)
    }
  }

  @Test func everyConsistencyProofTo64AcceptsAndEverySpoiledOneRejects() throws {
    let all = leaves(64)
    let roots = (0...64).map { naiveRoot(all[..<$0]) }
    for second in 0...64 {
      var source = LeafSource(leaves: all, size: second)
      for first in 0...second {
        let proof = try ConsistencyProof(first: UInt64(first), second: UInt64(second), from: &source)
        try proof.verify(firstRoot: roots[first], secondRoot: roots[second])
        for hashes in Self.spoiled(proof.hashes) {
          let bad = ConsistencyProof(first: proof.first, second: proof.second, hashes: hashes)
          #expect(throws: ProofError.self) {
            try bad.verify(firstRoot: roots[first], secondRoot: roots[second])
          }
        }
        #expect(throws: ProofError.self) {
          try proof.verify(firstRoot: flipped(roots[first], bit: second), secondRoot: roots[second])
        }
        // Any tree extends the empty one: only there the second root is free.
        if first > 0 || second == 0 {
          #expect(throws: ProofError.self) {
            try proof.verify(firstRoot: roots[first], secondRoot: flipped(roots[second], bit: first))
          }
        }
      }
    }
  }

  @Test func shrunkTreeIsNamed() {
    let proof = ConsistencyProof(first: 5, second: 4, hashes: [])
    #expect(throws: ProofError.sizesOutOfOrder(first: 5, second: 4)) {
      try proof.verify(firstRoot: leafHash([]), secondRoot: leafHash([]))
    }
  }

  /// A tree of any size whose subtree hashes depend on place only: enough to try the arithmetic at the far
  /// end.
  struct EndlessSource: HashSource {
    var asked = 0
    mutating func hash(level: Int, index: UInt64) -> Digest {
      asked += 1
      var hash = leafHash([1])
      for _ in 0..<level { hash = SHA256.node(hash, hash) }
      return hash
    }
  }

  @Test(arguments: [1_000_000_000, 1 << 40, (1 << 62) + 12_345, .max - 1, .max] as [UInt64])
  func hugeTreesStayLogarithmic(size: UInt64) throws {
    var source = EndlessSource()
    let root = try source.hash(upTo: size)
    for index in [0, 1, size / 2, size / 3, size - 2, size - 1] {
      source.asked = 0
      let proof = InclusionProof(index: index, size: size, from: &source)
      #expect(source.asked <= 128)
      #expect(proof.hashes.count <= 64)
      try proof.verify(leaf: leafHash([1]), root: root)
      if index > 0 {
        let consistency = ConsistencyProof(first: index, second: size, from: &source)
        try consistency.verify(firstRoot: source.hash(upTo: index), secondRoot: root)
      }
    }
  }
}

extension ProofTests.EndlessSource {
  mutating func hash(upTo size: UInt64) throws -> Digest {
    let levels = (0..<64).reversed().filter { size >> UInt64($0) & 1 == 1 }
    return try #require(CompactRange(size: size, hashes: levels.map { hash(level: $0, index: 0) })).root
  }
}
