/// The choice of one source's format among the shipped ones, from the first line to the last.
///
/// At first every line is tried against every format. A format gets points for each line that fits it wholly:
/// the bytes of its literals and four for each value of the expected type, so that among formats that fit,
/// the more particular one wins. After 64 lines the one with most points is tried first; the others stay in
/// the order of their points, for lines that do not fit. The choice changes only on sustained evidence, so
/// that no odd line flips it.
struct FormatElection: Sendable {
  /// Lines that are tried against every format.
  static let trialLines = 64
  /// Lines after which the choice is looked at again.
  static let window = 4096

  /// One format: several templates have the same name where a format's lines come in several forms.
  private struct Candidate {
    var name: String
    var bodies: Range<Int>
    var points = 0
    var fitting = 0
  }

  let source: String
  private var candidates: [Candidate] = []
  /// The body each candidate's lines are counted under.
  private var owners: [Int] = []
  private var lines = 0
  private var totalLines = 0
  private var totalFitting = 0
  private(set) var choice: FormatChoice?
  /// Goes up with each choice.
  private(set) var version = 0
  /// The bodies that may be remembered as the one that matched last, and the order of all.
  private(set) var remembered = 0..<0
  private(set) var order: [Int]

  /// `names` are those of the bodies, in the order in which they are tried at first.
  init(source: String, names: [String]) {
    self.source = source
    order = Array(names.indices)
    for (body, name) in names.enumerated() {
      if candidates.last?.name == name {
        candidates[candidates.count - 1].bodies =
          candidates[candidates.count - 1].bodies.lowerBound..<body + 1
      } else {
        candidates.append(Candidate(name: name, bodies: body..<body + 1))
      }
      owners.append(candidates.count - 1)
    }
  }

  var isOpen: Bool { choice == nil }

  /// Takes in one line of the trial: the points of each body that it fits. Returns the choice if this line
  /// made it.
  mutating func observe(_ points: [Int?]) -> FormatChoice? {
    lines += 1
    for candidate in candidates.indices {
      guard let best = candidates[candidate].bodies.compactMap({ points[$0] }).max() else { continue }
      candidates[candidate].fitting += 1
      candidates[candidate].points += best
    }
    return lines == Self.trialLines ? choose(.firstLines) : nil
  }

  /// Chooses with what there is; nil when that is nothing, or the choice is made.
  mutating func conclude() -> FormatChoice? { isOpen && lines > 0 ? choose(.end) : nil }

  /// Takes in how many lines of one block had each body (and, at the end, how many had none).
  mutating func count(_ tally: ArraySlice<Int32>) -> FormatChoice? {
    guard let choice else { return nil }
    for (body, count) in tally.enumerated() {
      lines += Int(count)
      totalLines += Int(count)
      guard body < owners.count else { continue }
      candidates[owners[body]].fitting += Int(count)
      candidates[owners[body]].points += Int(count)
      if remembered.contains(body) { totalFitting += Int(count) }
    }
    if lines < Self.window { return nil }
    let present = candidates.first { $0.name == choice.format }?.fitting ?? 0
    let best = candidates.map(\.fitting).max() ?? 0
    if present * 2 < lines, best > present, best >= Self.trialLines { return choose(.sustained) }
    reset()
    return nil
  }

  private mutating func choose(_ reason: FormatChoice.Reason) -> FormatChoice {
    let ranking = candidates.indices.sorted {
      candidates[$0].points != candidates[$1].points ? candidates[$0].points > candidates[$1].points : $0 < $1
    }
    let winner = ranking.first.map { candidates[$0] }.flatMap { $0.fitting > 0 ? $0 : nil }
    let second = ranking.dropFirst().first.map { candidates[$0] }.flatMap { $0.fitting > 0 ? $0 : nil }
    let made = FormatChoice(
      source: source, format: winner?.name, fitting: winner?.fitting ?? 0, lines: lines,
      runnerUp: second?.name,
      runnerUpFitting: second?.fitting ?? 0, previous: choice?.format, reason: reason)
    choice = made
    version += 1
    remembered = winner?.bodies ?? 0..<0
    order = ranking.flatMap { Array(candidates[$0].bodies) }
    if reason != .sustained { (totalLines, totalFitting) = (lines, made.fitting) }
    reset()
    return made
  }

  private mutating func reset() {
    lines = 0
    for candidate in candidates.indices {
      (candidates[candidate].points, candidates[candidate].fitting) = (0, 0)
    }
  }

  var evidence: FormatEvidence {
    if choice != nil { return FormatEvidence(choice: choice, lines: totalLines, fitting: totalFitting) }
    let leader = candidates.max { $0.points < $1.points }
    return FormatEvidence(
      lines: lines, fitting: leader?.fitting ?? 0, leader: leader.flatMap { $0.fitting > 0 ? $0.name : nil })
  }
}
