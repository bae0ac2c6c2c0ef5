import MerkleLog
import Platform
import SegmentReader

/// How far a verification has come.
public struct VerifyProgress: Sendable {
  /// Bytes of segment files that were looked at, and of all.
  public var done: Int
  public var total: Int
}

/// Checks a whole log: every byte of every file but the tile cache, which is derived and is never believed.
///
///     key          `vkey` can be read, and is the one given
///     checkpoint   signature; its root is that of the entries, at exactly its size
///     seals        signature, order, and every field: SHA-256 of the file, root, chain, range
///     segments     header, footer, contiguity by index, id and tree
///     blocks       chain over the stored bytes; unless quick and sealed, every entry is decoded and rehashed
///
/// One that is being written, or was left by a crash, verifies clean: only what a signature covers can be
/// damaged.
public struct Verifier {
  /// Path of the log's directory.
  public var directory: String
  /// The log's key, from a source other than the directory.
  public var key: VerifierKey?
  /// A signed checkpoint from elsewhere: a witness, a copy, the auditor's own file.
  public var checkpoint: [UInt8]?
  /// Checks the stored bytes of sealed segments, chain and signatures, without decoding. Segments that are
  /// not sealed are decoded even so: of them only the entries are signed, by the checkpoint.
  public var isQuick = false
  /// Threads that check blocks; with 1, the calling thread does all.
  public var threads = Parallel.processors
  /// Called now and then by the thread that called `run`.
  public var progress: ((VerifyProgress) -> Void)?

  /// Verifies the log in the directory at that path, by its own key unless one is given.
  public init(_ directory: String) { self.directory = directory }

  /// Verifies. Throws only when there is no log, or its directory cannot be listed: everything else is a
  /// finding.
  public func run() throws(LogError) -> VerifyReport {
    let start = Clock.monotonic()
    let log = try LogDirectory(directory)
    var check = LogCheck(log, self)
    var report = try check.run()
    report.duration = Clock.monotonic() - start
    return report
  }
}
