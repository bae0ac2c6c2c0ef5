/// A hole in what a load balancer logs: requests that leave no record, or records that cannot tell what an
/// auditor will ask.
public struct CoverageFinding: Hashable, Sendable, Comparable {
  /// How much is lost.
  public enum Severity: String, Sendable, CaseIterable, Comparable {
    /// Requests or connections leave no record at all.
    case hole
    /// Records can be lost or cut without anybody noticing.
    case risk
    /// Records lack what would let them be counted, joined or read with certainty.
    case gap

    public static func < (a: Severity, b: Severity) -> Bool {
      (allCases.firstIndex(of: a) ?? 0) < (allCases.firstIndex(of: b) ?? 0)
    }
  }

  /// A short name that stays the same from version to version: `haproxy-dontlognull`.
  public var rule: String
  public var severity: Severity
  /// The line that is to be changed, or the section that lacks one.
  public var place: Place
  /// What is concerned: `frontend web`.
  public var subjects: [String]
  /// What is lost.
  public var lost: String
  /// The change that closes the hole.
  public var mend: String

  init(
    _ rule: String, _ severity: Severity, _ place: Place, _ subject: String, lost: String, mend: String
  ) {
    self.rule = rule
    self.severity = severity
    self.place = place
    subjects = [subject]
    self.lost = lost
    self.mend = mend
  }

  public static func < (a: CoverageFinding, b: CoverageFinding) -> Bool {
    (a.place, a.severity, a.rule, a.lost) < (b.place, b.severity, b.rule, b.lost)
  }
}

/// Gathers findings; what many sections inherit from one line is one finding.
struct FindingList {
  private(set) var findings: [CoverageFinding] = []
  private struct Key: Hashable {
    var rule: String
    var place: Place
  }
  private var known: [Key: Int] = [:]

  mutating func add(_ finding: CoverageFinding) {
    let key = Key(rule: finding.rule, place: finding.place)
    guard let index = known[key] else {
      known[key] = findings.count
      return findings.append(finding)
    }
    for subject in finding.subjects where findings[index].subjects.last != subject {
      findings[index].subjects.append(subject)
    }
  }
}
