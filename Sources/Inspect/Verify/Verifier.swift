import Cryptography
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
///     rotations    each origin key gave way to the next by an entry that both signed
///     keys         each checkpoint's one-time signature, kept in the `key` entry after the next
///     seals        signatures, order, and every field: SHA-256 of the file, root, chain, range
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
  /// The log's first one-time key, from the same source: the chain of all others begins with it.
  public var firstKey: VerifierKey?
  /// Former origin keys, from the same source: the log must have had them.
  public var formerKeys: [LogKeys.Former] = []
  /// A signed checkpoint from elsewhere: a witness, a copy, the auditor's own file.
  public var checkpoint: [UInt8]?
  /// A signed checkpoint that is trusted, of an earlier verification: entries in front of it, in sealed
  /// segments, are checked as with `isQuick`.
  public var since: [UInt8]?
  /// Which witnesses must have cosigned the log's newest cosigned checkpoint, or the one given.
  public var policy: WitnessPolicy?
  /// Checks the stored bytes of sealed segments, chain and signatures, without decoding. Segments that are
  /// not sealed are decoded even so: of them only the entries are signed, by the checkpoint.
  public var isQuick = false
  /// The private key of one to whom segments are encrypted. Without it, encrypted entries are checked by the
  /// chain over their stored bytes alone.
  public var recipient: RecipientKey?
  /// A file with the certificates of trusted timestamp authorities (PEM). Without it, tokens are only checked
  /// to be whole, and to be over what they should be.
  public var timestampAuthorities: String?
  /// First index of the one segment that is checked, by itself; nil: the whole log.
  var segment: UInt64?
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
    report.directory = directory
    report.duration = Clock.monotonic() - start
    return report
  }
}
