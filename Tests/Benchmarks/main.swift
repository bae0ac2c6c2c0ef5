import Bytes
import Cryptography
import Formats
import Glibc
import Platform

/// Measures the data path stage by stage, beside what other programs need for the same bytes.
///
///     benchmarks [--format NAME] [--columns] [--only STAGE] [--limit MIB] [FILE]
///
/// Without a file 200,000 lines are made. Times are processor time, the best of several runs; instructions
/// are counted where the machine lets them be.
struct Options {
  var format = "nginx/combined"
  var file: String?
  var only: String?
  var limit = 64 << 20
  var showsColumns = false

  init?(_ arguments: [String]) {
    var rest = arguments.dropFirst()
    while let argument = rest.popFirst() {
      switch argument {
      case "--format": format = rest.popFirst() ?? format
      case "--only": only = rest.popFirst()
      case "--limit": limit = (rest.popFirst().flatMap { Int($0) } ?? 64) << 20
      case "--columns": showsColumns = true
      default:
        if argument.hasPrefix("-") { return nil }
        file = argument
      }
    }
  }

  func wants(_ stage: String) -> Bool { only == nil || only == stage }
}

func run(_ options: Options) throws {
  let templates = try ShippedFormats.named(options.format)
  let lines =
    try options.file.map { file in try Lines(file: file, limit: options.limit) }
    ?? Lines(made: 200_000, options.format)
  let copy = "/tmp/stele-benchmark-\(getpid()).log"
  try write(lines.text.view, to: copy)
  defer { unsafe _ = unlink(copy) }
  let report = Report(eventCount: lines.count, byteCount: lines.text.count)
  print("\(lines.count) lines of \(options.format), \(lines.text.count / max(lines.count, 1)) bytes each")
  report.head()
  var stages = Stages(lines, templates)
  let meter = Meter()
  let yardsticks = Yardsticks(path: copy)
  try measure(&stages, options, report, meter, yardsticks)
  if options.only == nil || options.only == "replay" { replay(options, report, yardsticks) }
  if options.showsColumns {
    for column in try stages.columnSizes() {
      print(
        Report.pad(column.name, 50, left: true), Report.fixed(column.values, 4), "+",
        Report.fixed(column.filter, 4))
    }
  }
}

func measure(
  _ stages: inout Stages, _ options: Options, _ report: Report, _ meter: Meter, _ yardsticks: Yardsticks
) throws {
  let seed = try SaltKey.random()
  let scan = ("memchr", yardsticks.findLines(stages.lines.text.view, meter))
  let copied = ("memcpy", yardsticks.copy(stages.lines.text.view, meter))
  let sha256 = ("sha256sum", yardsticks.run(["sha256sum", yardsticks.path])?.processor ?? .nan)
  let lz4 = ("lz4 -1", yardsticks.run(["lz4", "-1", "-q", "-c", yardsticks.path])?.processor ?? .nan)
  if options.wants("frame") {
    report.line("framing", meter.best(of: 3) { _ = stages.frame() }, against: scan)
  }
  if options.wants("match") { report.line("match", meter.best(of: 5) { stages.match() }, against: copied) }
  var append = Double.infinity, encode = Double.infinity
  let built = meter.best(of: 3) {
    var times = (0.0, 0.0)
    stages.build(&times.0, &times.1)
    (append, encode) = (min(append, times.0), min(encode, times.1))
  }
  if options.wants("columns") {
    report.line("match, columns, encode", built, against: lz4)
    report.line("  of which match, columns", Measurement(wall: append, processor: append), against: lz4)
    report.line("  of which encode", Measurement(wall: encode, processor: encode), against: lz4)
  }
  if options.wants("lz4") {
    report.line("LZ4 of the text", meter.best(of: 3) { _ = stages.compress() }, against: lz4)
  }
  if options.wants("hash") {
    report.line(
      "commitment, leaf, node hash", try meter.best(of: 3) { try stages.hash(seed) }, against: sha256)
  }
  if options.wants("print") {
    var isSame = true
    report.line(
      "decode, print", try meter.best(of: 3) { isSame = try stages.printRows() && isSame }, against: sha256)
    if !isSame { print("PRINTED LINES DIFFER") }
  }
  if options.wants("verify") {
    report.line("decode, print, rehash", try meter.best(of: 3) { try stages.rehash(seed) }, against: sha256)
  }
  if options.wants("size") {
    let stored = stages.blocks.reduce(0) { $0 + $1.payload.count }
    print(
      "stored \(Report.fixed(Double(stored) / Double(report.eventCount), 2)) B a line, \(stages.matched) lines parsed"
    )
  }
}

/// Replays the lines into a log with the program beside this one, if it was built.
func replay(_ options: Options, _ report: Report, _ yardsticks: Yardsticks) {
  let program =
    CommandLine.arguments[0].split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(
      separator: "/") + "/stele"
  let log = yardsticks.path + ".stele"
  defer { _ = yardsticks.run(["rm", "-rf", log, log + ".key"]) }
  guard yardsticks.run([program, "init", log, "--origin", "benchmark.example/log"]) != nil else {
    return print("replay: not measured, \(program) could not be run")
  }
  guard let lz4 = yardsticks.run(["lz4", "-1", "-q", "-c", yardsticks.path]),
    let sha256 = yardsticks.run(["sha256sum", yardsticks.path])
  else { return print("replay: not measured, lz4 or sha256sum is missing") }
  guard
    let taken = yardsticks.run([
      program, "replay", yardsticks.path, "--into", log, "--format", options.format,
    ])
  else { return print("replay: failed") }
  report.line(
    "replay, wall time", taken, against: ("lz4 -1, then sha256sum", lz4.wall + sha256.wall), wall: true)
  report.line("replay, processor time", taken)
  if let taken = yardsticks.run([program, "verify", log]) {
    report.line("verify, wall time", taken, against: ("sha256sum", sha256.wall), wall: true)
  }
}

func write(_ bytes: ByteView, to path: String) throws {
  let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
  guard descriptor >= 0 else {
    throw SystemError(operation: "open", path: path, errno: Errno(rawValue: errno))
  }
  defer { _ = close(descriptor) }
  var offset = 0
  while offset < bytes.count {
    let written = unsafe bytes.dropFirst(offset).withUnsafeBytes {
      unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
    }
    if written <= 0 { throw SystemError(operation: "write", path: path, errno: Errno(rawValue: errno)) }
    offset += written
  }
}

guard let options = Options(CommandLine.arguments) else {
  print("usage: benchmarks [--format NAME] [--columns] [--only STAGE] [--limit MIB] [FILE]")
  exit(64)
}
try run(options)
