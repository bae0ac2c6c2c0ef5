import Foundation
import TestSupport
import Testing

/// `stele verify` and the checker in Python, which was written from the page on the format alone, must come to
/// the same verdict on every log, sound or damaged: where they do not, one of the two or the page is wrong.
@Suite struct CheckerTests {
  private let sandbox: Sandbox

  init() throws { sandbox = try Sandbox() }

  /// A daemon that is killed twice in a row, before it could seal, leaves two segments that are not sealed yet.
  @Test(.enabled(if: CheckerTests.isRunnable, "python3-cryptography is missing"))
  func segmentsThatAreNotSealedYetAreWhole() throws {
    try sandbox.makeLog()
    try sandbox.write("lines", Sandbox.lines.joined(separator: "\n") + "\n")
    let first = sandbox.path("log/00000000000000000002")
    let files = FileManager.default
    for run in 0..<2 {
      let daemon = try DaemonProcess(sandbox, ["--log", "@log", "--listen", "tcp://127.0.0.1:0"])
      try sandbox.stele("replay", "@lines", "--to", daemon.url("tcp-0"))
      let isSigned = daemon.program.wait(30) { _ in
        daemon.source("tcp-0")["received"] as? Int == 20
          && daemon.status["checkpoint"] as? Int ?? 0 >= 22 * (run + 1)
          && daemon.status["waiting"] as? Int == 0 && (run == 0 || files.fileExists(atPath: first + ".seal"))
      }
      #expect(isSigned, "\(daemon.status)")
      daemon.program.signal(SIGKILL)
      daemon.program.wait()
      if run == 0 { try copy("log/00000000000000000002.open", to: "unsealed") }
    }
    // As if the second had not come to it.
    for kind in [".seal", ".segment"] { try files.removeItem(atPath: first + kind) }
    try files.moveItem(atPath: sandbox.path("unsealed"), toPath: first + ".open")
    let verified = try sandbox.stele("verify", "@log", "--key", "@log.vkey")
    #expect(verified.status == 0, "\(verified.text)")
    let checked = try Program.run(
      Program.find("python3") ?? "python3",
      [Sandbox.root + "/Packaging/stele-check.py", sandbox.path("log"), "--key", sandbox.path("log.vkey")])
    #expect(checked.status == 0, "\(checked.text)\(checked.errors)")
  }

  // MARK: Logs

  /// Ways in which a log comes to be, and the exit status of its verification.
  enum Kind: String, CaseIterable {
    case plain, erased, pruned, encrypted, newEpoch, restored, rotated, rotatedErasedPruned

    var status: Int {
      switch self {
      case .erased, .newEpoch, .restored, .rotatedErasedPruned: 3
      default: 0
      }
    }
  }

  private static let haproxy = (0..<15).map { number in
    "Nov 23 05:06:\(number + 10) lb1 haproxy[7332]: 192.0.2.7:\(50_000 + number) "
      + "[23/Nov/2026:05:06:\(number + 10).990] http-in~ app/srv1 0/0/1/\(number)/24 200 312 - - ---- "
      + "1/1/0/0/0 0/0 \"GET /index\(number).html HTTP/1.1\""
  }

  private func run(_ arguments: String...) throws {
    let result = try Program.run(Program.stele, arguments.map(sandbox.resolve))
    try #require(result.status == 0, "\(arguments): \(result.errors)")
  }

  private func copy(_ name: String, to other: String) throws {
    try FileManager.default.copyItem(atPath: sandbox.path(name), toPath: sandbox.path(other))
  }

  /// Makes `log`, with several segments, and `log.before`, a copy from when it was younger.
  private func make(_ kind: Kind) throws {
    try sandbox.makeLog()
    try sandbox.write("nginx", Sandbox.lines.joined(separator: "\n") + "\n")
    try sandbox.write("haproxy", (Self.haproxy + ["nothing fits this"]).joined(separator: "\n") + "\n")
    if kind == .encrypted {
      try sandbox.directory.write("crt", TestIdentity.ec.certificate)
      try run("replay", "@nginx", "--into", "@log", "--recipient", "@crt")
      try copy("log", to: "log.before")
      return try run("replay", "@haproxy", "--into", "@log", "--recipient", "@crt")
    }
    try run("replay", "@nginx", "--into", "@log", "--format", "nginx/combined")
    try run("replay", "@haproxy", "--into", "@log")
    try copy("log", to: "log.before")
    switch kind {
    case .plain, .encrypted: try run("replay", "@nginx", "--into", "@log")
    case .erased:
      for entry in ["3", "30"] {
        try run("erase", "@log", entry, "--authority", "a", "--reason", "b", "--approver", "c")
      }
    case .pruned:
      try run("replay", "@nginx", "--into", "@log")
      try run("prune", "@log", "--keep", "4KiB")
    case .rotated:
      for _ in 0..<2 {
        try run("keys", "rotate", "@log", "--reason", "test")
        try run("replay", "@nginx", "--into", "@log")
      }
    case .rotatedErasedPruned:
      for _ in 0..<2 {
        try run("keys", "rotate", "@log")
        try run("replay", "@nginx", "--into", "@log")
      }
      try run("prune", "@log", "--keep", "1B")
      try run("replay", "@nginx", "--into", "@log")
      let shown = try sandbox.stele("search", "@log", "--limit", "1", "--output", "ndjson")
      let entry = try #require(Sandbox.object(shown.text)?["seq"] as? Int, "\(shown.errors)")
      try run("erase", "@log", "\(entry)", "--authority", "a", "--reason", "b", "--approver", "c")
      try run("keys", "rotate", "@log")
    case .newEpoch:
      try FileManager.default.removeItem(atPath: sandbox.path("log.next"))
      try run("replay", "@nginx", "--into", "@log")
    case .restored:
      try run("replay", "@nginx", "--into", "@log")
      try FileManager.default.removeItem(atPath: sandbox.path("log"))
      try copy("log.before", to: "log")
      try run("replay", "@haproxy", "--into", "@log")
    }
  }

  // MARK: Damage

  /// Logs that are not quite `files`, with what was done to them. What is random follows from a seed.
  private static func damages(_ files: [String: [UInt8]], before: [String: [UInt8]], seed: UInt64)
    -> [(label: String, files: [String: [UInt8]])]
  {
    var random = SplitMix64(seed)
    var cases = [("nothing", files)]
    for name in files.keys.sorted() {
      let bytes = files[name] ?? []
      func add(_ label: String, _ changed: [UInt8]?) {
        var log = files
        log[name] = changed
        cases.append(("\(label) \(name)", log))
      }
      add("removed", nil)
      add("emptied", [])
      add("appended to", bytes + [0])
      add("halved", Array(bytes.prefix(bytes.count / 2)))
      for _ in 0..<2 {
        let count = Int.random(in: 0..<bytes.count, using: &random)
        add("cut to \(count) bytes", Array(bytes.prefix(count)))
      }
      for _ in 0..<6 {
        let bit = Int.random(in: 0..<bytes.count * 8, using: &random)
        var changed = bytes
        changed[bit / 8] ^= 1 << UInt8(bit % 8)
        add("bit \(bit % 8) of byte \(bit / 8) of", changed)
      }
      for other in files.keys where other > name && other.suffix(8) == name.suffix(8) {
        add("replaced by \(other):", files[other])
        var log = files
        (log[name], log[other]) = (files[other], bytes)
        cases.append(("swapped \(name) and \(other)", log))
      }
      if let old = before[name], old != bytes { add("put back", old) }
    }
    return cases + cuts(files, before)
  }

  /// Logs without their first or last segments, and mixtures of two times.
  private static func cuts(_ files: [String: [UInt8]], _ before: [String: [UInt8]])
    -> [(label: String, files: [String: [UInt8]])]
  {
    var cases = [("older", before)]
    for name in files.keys.sorted() where files[name] != before[name] {
      cases.append(("older but for \(name)", before.merging([name: files[name] ?? []]) { $1 }))
      if name.hasSuffix(".segment") {
        let stem = String(name.prefix(20))
        let newer = files.filter { $0.key.hasPrefix(stem) }
        cases.append(("older but for all of \(stem)", before.merging(newer) { $1 }))
      }
    }
    cases += halfway(files, before)
    let stems = Set(files.keys.filter { $0.first?.isNumber == true }.map { $0.prefix(20) }).sorted()
    for stem in stems {
      cases.append(
        ("cut off from \(stem) on", files.filter { $0.key.first?.isNumber != true || $0.key < stem }))
      cases.append(("without what is before \(stem)", files.filter { $0.key >= stem }))
      cases.append(("without \(stem)", files.filter { !$0.key.hasPrefix(stem) }))
    }
    return cases
  }

  /// What a crash leaves of an erasure that was ordered: before the amendment takes its name, and before the
  /// segment does.
  private static func halfway(_ files: [String: [UInt8]], _ before: [String: [UInt8]])
    -> [(label: String, files: [String: [UInt8]])]
  {
    var cases: [(String, [String: [UInt8]])] = []
    for name in files.keys.sorted() where name.hasSuffix(".amendment") {
      let stem = String(name.prefix(20))
      var log = files
      (log[stem + ".rewrite"], log[stem + ".segment"]) = (files[stem + ".segment"], before[stem + ".segment"])
      cases.append(("not renamed, \(stem)", log))
      (log[name + ".new"], log[name]) = (files[name], nil)
      cases.append(("ordered, \(stem)", log))
      log[stem + ".rewrite"] = nil
      cases.append(("ordered, but without the rewritten \(stem)", log))
    }
    return cases
  }

  // MARK: Judging

  /// What is said of logs by both, which must be the same; returns the first one's.
  private func judge(_ cases: [(label: String, files: [String: [UInt8]])], key: String) throws -> [Int] {
    let paths = cases.indices.map { sandbox.path("case-\($0)") }
    for (path, damaged) in zip(paths, cases) { try writeTree(damaged.files, to: path) }
    let report = try Program.run(Program.stele, ["verify"] + paths + ["--key", key, "--json"])
    let object = try #require(Sandbox.object(report.text), "\(report.errors)")
    // Of one log the object is its report.
    let logs = object["logs"] as? [[String: Any]] ?? [object]
    let verdicts = logs.map { $0["exit_status"] as? Int ?? -1 }
    let batch = try Program.run(
      Self.python, [Self.checker, "--batch", "--key", key],
      input: Array((paths.joined(separator: "\n") + "\n").utf8))
    #expect(batch.status == 0, "\(batch.errors)")
    let others = batch.text.split(separator: "\n").map { Int($0.prefix { $0 != " " }) ?? -1 }
    try #require(verdicts.count == cases.count && others.count == cases.count)
    for (number, damaged) in cases.enumerated() where verdicts[number] != others[number] {
      Issue.record(
        """
        \(damaged.label): stele verify says \(verdicts[number]), the checker \(others[number])
        \(logs[number]["findings"] ?? logs[number]["error"] ?? "")
        """)
    }
    return verdicts
  }

  private static let checker = Sandbox.root + "/Packaging/stele-check.py"
  private static let python = Program.find("python3") ?? "python3"
  /// Python with the package `cryptography`; in CI it is a failure when it is missing.
  static let isRunnable =
    ProcessInfo.processInfo.environment["CI"] == "true"
    || (try? Program.run(python, ["-c", "import cryptography"]))?.status == 0

  @Test(.enabled(if: isRunnable, "python3-cryptography is missing"), arguments: Kind.allCases)
  func bothComeToTheSameVerdict(_ kind: Kind) throws {
    try make(kind)
    let files = try readTree(sandbox.path("log"))
    let seed = UInt64(Kind.allCases.firstIndex(of: kind) ?? 0)
    let cases = Self.damages(files, before: try readTree(sandbox.path("log.before")), seed: seed)
    let verdicts = try judge(cases, key: sandbox.path("log.vkey"))
    #expect(verdicts.first == kind.status)
    #expect(verdicts.filter { $0 == 2 }.count > 100)
    if ProcessInfo.processInfo.environment["MAKE_GOLDEN"] == "1" {
      try FileManager.default.createDirectory(atPath: Self.golden, withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: sandbox.path("log"), toPath: Self.golden + "/" + kind.rawValue)
    }
  }

  /// Logs of each kind that were written when the format was fixed: `MAKE_GOLDEN=1 swift test --filter
  /// CheckerTests`, once; what is there is never replaced.
  private static let golden = Sandbox.root + "/Fixtures/segments/v1-kinds"

  @Test(
    .enabled(if: isRunnable, "python3-cryptography is missing"),
    arguments: Kind.allCases.filter { FileManager.default.fileExists(atPath: golden + "/" + $0.rawValue) })
  func logsOfTheFirstVersionAreJudgedAsTheyWere(_ kind: Kind) throws {
    let path = Self.golden + "/" + kind.rawValue
    let verdicts = try judge([(kind.rawValue, try readTree(path))], key: path + "/vkey")
    #expect(verdicts == [kind.status])
  }

  @Test(.enabled(if: isRunnable, "python3-cryptography is missing"))
  func bothComeToTheSameVerdictOnWhatACrashLeaves() throws {
    let stages: [FinishStage] = [
      .open, .partialFooter(9), .footer, .sealed, .rewriting, .rewriteSealed, .leftOver,
    ]
    for (number, stage) in stages.enumerated() {
      let path = sandbox.path("crash-\(number)")
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      let log = try LogBuilder(path)
      try log.append(LogBuilder.lines(20) + [LogBuilder.key])
      try log.finish()
      let before = try readTree(path)
      try log.append(LogBuilder.lines(30, from: 20))
      try log.append(LogBuilder.lines(3, from: 50) + [LogBuilder.key])
      try log.append([LogBuilder.key])
      if case .open = stage {
        try log.writeCheckpoint(55)
        try log.append(LogBuilder.lines(4, from: 53))
      } else {
        try log.writeCheckpoint()
      }
      try log.finish(stage)
      let files = try readTree(path)
      let key = path + ".vkey"
      try Data(files["vkey"] ?? []).write(to: URL(fileURLWithPath: key))
      let verdicts = try judge(Self.damages(files, before: before, seed: UInt64(number)), key: key)
      #expect(verdicts[0] == 0, "\(stage)")
      #expect(Set(verdicts).count > 1)
      for place in verdicts.indices { try removeTree(sandbox.path("case-\(place)")) }
    }
  }
}
