import Inspect
import MerkleLog
import Segments
import TestSupport
import Testing

/// What a verifier who has both public keys, and perhaps more, says of some files.
struct Verdict {
  var report: VerifyReport
  var status: Inspect.ExitStatus { report.exitStatus }
  var damage: [Finding] { report.findings.filter { $0.severity == .damage } }
  var kinds: Set<Finding.Kind> { Set(report.findings.map(\.kind)) }
  var damageKinds: Set<Finding.Kind> { Set(damage.map(\.kind)) }

  /// Whether a finding of damage names one of those entries, or the file of the segment that they are in.
  func names(in entries: Range<UInt64>) -> Bool {
    let first: UInt64 = [0, 2, 20, 38].last { $0 <= entries.lowerBound } ?? 0
    return blames(first) || damage.contains { $0.entries?.overlaps(entries) ?? false }
  }

  /// Whether a finding of damage names a file of the segment with that first index.
  func blames(_ first: UInt64) -> Bool {
    damage.contains { $0.file?.hasPrefix(FileNames.name(first, .segment).prefix(20)) ?? false }
  }
}

extension GenuineLog {
  /// Verifies the files in full, by one thread and by two, and quickly; the status must be the same. What
  /// somebody has sealed who has the seals' keys, only the full verification looks into.
  func judge(
    _ files: [String: [UInt8]], checkpoint: [UInt8]? = nil, isQuickToo: Bool = true,
    _ configure: (inout Verifier) -> Void = { _ in }
  ) throws -> Verdict {
    try withTemporaryDirectory { path in
      try writeTree(files, to: path + "/log")
      var reports: [VerifyReport] = []
      for (threads, isQuick) in [(1, false), (2, false), (1, true)] where isQuickToo || !isQuick {
        var verifier = Verifier(path + "/log")
        verifier.key = keys.origin
        verifier.firstKey = keys.first
        verifier.checkpoint = checkpoint
        verifier.threads = threads
        verifier.isQuick = isQuick
        configure(&verifier)
        reports.append(try verifier.run())
      }
      #expect(Set(reports.map(\.exitStatus)).count == 1, "\(reports.map(\.findings))")
      return Verdict(report: reports[0])
    }
  }
}
