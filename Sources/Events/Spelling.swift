/// Finds the known word that was probably meant.
public enum Spelling {
  /// The word with the fewest insertions, deletions, replacements and swaps of neighbours from `word`, unless
  /// even that one differs in more than a third of its bytes (at least two).
  public static func nearest(to word: String, among known: some Sequence<String>) -> String? {
    let bytes = Array(word.utf8)
    var best: (word: String, distance: Int)?
    for candidate in known {
      let limit = max(2, max(candidate.utf8.count, bytes.count) / 3)
      let distance = distance(bytes, Array(candidate.utf8))
      if distance <= limit, distance < best?.distance ?? Int.max { best = (candidate, distance) }
    }
    return best?.word
  }

  /// Optimal string alignment distance.
  static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in 0..<a.count {
      var row = [i + 1]
      for j in 0..<b.count {
        var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforeLast[j - 1] + 1) }
        row.append(cost)
      }
      beforeLast = last
      last = row
    }
    return last[b.count]
  }
}

extension Spelling {
  /// In how many insertions, deletions, replacements and swaps of neighbours two words differ.
  public static func distance(_ one: String, _ other: String) -> Int {
    distance(Array(one.utf8), Array(other.utf8))
  }
}
