/// One thing that `verify` has to say about a log, with its place.
public struct Finding: Equatable, Sendable {
  public enum Kind: String, CaseIterable, Sendable {
    /// Bytes behind the last whole block that nothing signed covers: what a crash leaves.
    case tornTail = "torn_tail"
    /// Stored bytes do not give their hash, or cannot be read as what they should be.
    case corruption
    /// Bytes that are consistent in themselves, but do not continue the chain, the tree, the index or the
    /// seals.
    case `break`
    /// A newer checkpoint exists elsewhere.
    case rollback
    /// No file holds entries that a signature covers.
    case missingSegment = "missing_segment"
    /// A file that belongs to the log is not there.
    case missingFile = "missing_file"
    /// A segment without a seal before segments with one.
    case unsealed
    case badSignature = "bad_signature"
    /// The verifier key in the directory cannot be read, or is not the one that was given.
    case badKey = "bad_key"
    /// The log's origin key gave way to another, as both keys signed.
    case keyRotation = "key_rotation"
    /// A chain of one-time keys that began anew: what stands before it is vouched for by nothing but the
    /// origin key from there on.
    case keyBreak = "key_break"
    /// The system could not read a file.
    case unreadable
    /// What finishing a segment, or replacing a file, left behind when the writer died.
    case leftOver = "left_over"
    case unknownFile = "unknown_file"
    /// Encrypted entries that the key that was given does not open.
    case closed
    /// An entry whose content was erased by an authorised, recorded act.
    case erased
    /// Segments that were removed by an authorised, recorded act.
    case retention
    /// An act against a hold that was in force.
    case held
    /// Entries that no witness has cosigned.
    case unwitnessed
    /// A timestamp token that is not what it should be: changed, of another log, put in another's place.
    case badTimestamp = "bad_timestamp"
    /// No authority that the caller trusts vouches for a time.
    case untrustedTime = "untrusted_time"
    /// The log's clock, or an authority's, was wrong.
    case clock
  }

  /// Whether it speaks against the log.
  public enum Severity: String, Sendable {
    case note
    case damage
  }

  /// What it is.
  public var kind: Kind
  public var severity: Severity
  /// Name of the file in the log's directory; nil when the finding is about no file.
  public var file: String?
  /// Byte offset in the file.
  public var offset: Int?
  /// Indexes of the entries concerned.
  public var entries: Range<UInt64>?
  /// What is wrong, and what mends it, in one sentence or two.
  public var text: String

  public init(
    _ kind: Kind, _ severity: Severity = .damage, file: String? = nil, offset: Int? = nil,
    entries: Range<UInt64>? = nil, _ text: String
  ) {
    self.kind = kind
    self.severity = severity
    self.file = file
    self.offset = offset
    self.entries = entries
    self.text = text
  }
}
