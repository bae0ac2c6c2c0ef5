import Bytes

extension Fuzzer {
  /// The seed of the runs that are part of the tests.
  public static let smokeSeed: UInt64 = 20_260_101

  /// Runs `count` inputs made from the seeds and `corpus`, the same for each seed.
  public func smoke(seed: UInt64 = smokeSeed, count: Int? = nil, corpus: [[UInt8]] = []) {
    let known = seeds() + corpus
    for input in known { input.withView { run($0) } }
    var mutator = Mutator(known, seed: seed)
    for _ in 0..<(count ?? smokeRuns) { mutator.next().withView { run($0) } }
  }
}
