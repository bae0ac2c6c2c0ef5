import Bytes

/// One property that must hold for every input, whatever its bytes.
public struct Fuzzer: Sendable {
  /// As on the command line, and the name of its folder in Fixtures/corpus.
  public let name: String
  /// Inputs that a seeded run makes: enough to find what is easily found, in about a second of a debug build.
  public let smokeRuns: Int
  /// Inputs to start from that are best made by the program itself, so that they follow the format.
  public let seeds: @Sendable () -> [[UInt8]]
  let check: @Sendable (ByteView) -> Void

  init(
    _ name: String, smokeRuns: Int, seeds: @escaping @Sendable () -> [[UInt8]] = { [] },
    check: @escaping @Sendable (ByteView) -> Void
  ) {
    self.name = name
    self.smokeRuns = smokeRuns
    self.seeds = seeds
    self.check = check
  }

  /// Runs it on one input. Traps when the property does not hold, naming fuzzer and input.
  public func run(_ input: ByteView) {
    Failure.$current.withValue(Failure.Case(fuzzer: name, input: input)) { check(input) }
  }

  /// All fuzzers, and `canary`, which fails on most inputs: it shows that failures are noticed.
  public static let all: [Fuzzer] = [
    .framing, .headers, .compile, .match, .block, .segment, .notes, .timestamps, .values, .search,
    .configurations, .canary,
  ]

  public static func named(_ name: String) -> Fuzzer? { all.first { $0.name == name } }

  /// Fails on every input that holds a byte above 0x7F.
  static let canary = Fuzzer("canary", smokeRuns: 50, seeds: { [[0x20]] }) { input in
    for index in 0..<input.count { require(input[index] < 0x80, "byte \(index) is above 0x7F") }
  }
}

/// What is being checked, for the message.
enum Failure {
  struct Case: Sendable {
    var fuzzer: String
    var input: ByteView
  }

  @TaskLocal static var current: Case?
}

/// Traps unless `condition` holds, with a message from which the failure can be replayed.
func require(_ condition: @autoclosure () -> Bool, _ message: @autoclosure () -> String) {
  if condition() { return }
  let name = Failure.current?.fuzzer ?? "?"
  let input = Failure.current.map { Hex.encode($0.input) } ?? ""
  fatalError("fuzzer \(name): \(message())\nfuzz \(name) hex:\(input)")
}
