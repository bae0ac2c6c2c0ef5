import Bytes
import Cryptography
import MerkleLog
import Platform
import SegmentReader
import Segments
import Synchronization

/// One segment on its way through the checks.
final class SegmentJob: Sendable {
  /// What the threads found, and how much is still to come.
  struct Results: Sendable {
    /// Blocks with problems, by ordinal.
    var outcomes: [Int: BlockOutcome] = [:]
    var fileHash: Digest?
    var hashFailure: SystemError?
    /// Roots that blocks gave, by tree size, with the ordinal of the block.
    var roots: [UInt64: (root: Digest, ordinal: Int)] = [:]
    var control = ControlTotals()
    /// Control entries that verification depends on, in no order.
    var items: [ControlItem] = []
    var decodedEntries: UInt64 = 0
    var pending = 0

    /// The root at a size; nil when damage of the block that gave it, or of the one before it, makes it void.
    func root(at size: UInt64) -> Digest? {
      guard let (root, ordinal) = roots[size] else { return nil }
      let isVoid = [ordinal - 1, ordinal].contains { outcomes[$0]?.isBlockFault ?? false }
      return isVoid ? nil : root
    }
  }

  let firstIndex: UInt64
  let source: SegmentSource
  let kind: FileNames.Kind
  let seal: SignedSeal?
  let header: SegmentHeader
  let context: BlockContext
  /// Where the salt table of an amended segment begins.
  let tableOffset: Int
  let results = Mutex(Results())

  init(
    firstIndex: UInt64, source: SegmentSource, kind: FileNames.Kind, seal: SignedSeal?, header: SegmentHeader,
    context: BlockContext, tableOffset: Int
  ) {
    self.firstIndex = firstIndex
    self.source = source
    self.kind = kind
    self.seal = seal
    self.header = header
    self.context = context
    self.tableOffset = tableOffset
  }

  var isDone: Bool { results.withLock { $0.pending == 0 } }

  func begin() { results.withLock { $0.pending += 1 } }

  func end(
    _ walked: WalkedBlock, _ outcome: BlockOutcome, _ roots: [UInt64: Digest], _ control: ControlTotals,
    _ items: [ControlItem]
  ) {
    results.withLock { results in
      if !outcome.problems.isEmpty { results.outcomes[walked.ordinal] = outcome }
      for (size, root) in roots { results.roots[size] = (root, walked.ordinal) }
      results.control.add(control)
      results.decodedEntries += outcome.decodedEntries
      results.items.append(contentsOf: items)
      results.pending -= 1
    }
  }

  func end(hash: Result<Digest, SystemError>) {
    results.withLock { results in
      switch hash {
      case .success(let digest): results.fileHash = digest
      case .failure(let error): results.hashFailure = error
      }
      results.pending -= 1
    }
  }
}

/// A piece of work for one thread.
enum CheckTask: Sendable {
  case block(SegmentJob, WalkedBlock)
  case file(SegmentJob)
  case signatures([SignatureCheck], SignatureChecks)

  func run(_ checker: inout BlockChecker) {
    switch self {
    case .block(let job, let walked):
      let outcome = checker.check(walked, job.context)
      job.end(walked, outcome, checker.roots, checker.control, checker.items)
    case .file(let job):
      do throws(SystemError) { job.end(hash: .success(try checker.hash(job.source))) } catch {
        job.end(hash: .failure(error))
      }
    case .signatures(let batch, let checks): checks.run(batch)
    }
  }
}
