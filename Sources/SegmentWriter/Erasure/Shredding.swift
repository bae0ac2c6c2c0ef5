import Bytes
import Platform
import Segments

/// The destruction of the key of an encrypted segment, and with it of what its messages said.
///
///     prepare    NNN.cms.new, empty: durable
///     (record)   a control entry names the segment, and a checkpoint covers it
///     carry out  overwrite NNN.cms with zeros              fsync
///                remove NNN.cms, then NNN.cms.new          fsync(directory) after each
///
/// A crash before the control entry is durable leaves an empty file to remove; after it, the next start carries
/// out what is left.
public enum Shredding {
  /// The name of the file that says that a key is about to be destroyed.
  public static func pendingName(_ first: UInt64) -> String { FileNames.name(first, .cms) + ".new" }

  /// What is to be destroyed.
  public struct Target: Sendable {
    public var segment: SegmentID
    /// All entries of the segment.
    public var entries: Range<UInt64>
    /// The control entry that orders it already; nil when there is none.
    public var record: UInt64?
    /// Whether the key is still here.
    public var isHere: Bool
  }

  /// Looks at the sealed segment that begins with entry `first`; nil when it is not encrypted.
  public static func target(_ path: String, first: UInt64) throws(WriteError) -> Target? {
    let directory = try system { () throws(SystemError) in try Directory(path) }
    let header = try header(directory, first)
    guard header.isEncrypted else { return nil }
    let name = FileNames.name(first, .seal)
    guard let seal = try system({ () throws(SystemError) in try Erasure.seal(directory, first) })
    else { throw .damaged(file: name, offset: 0, reason: "the seal of a finished segment is not here") }
    let status = try system { () throws(SystemError) in
      try directory.status(of: FileNames.name(first, .cms))
    }
    return Target(
      segment: header.id, entries: first..<seal.endIndex, record: try record(directory, header.id),
      isHere: status != nil)
  }

  /// Announces the destruction, so that a crash behind the record leaves a trace. Nothing is in force yet.
  public static func prepare(_ path: String, first: UInt64) throws(WriteError) {
    try system { () throws(SystemError) in
      let directory = try Directory(path)
      try directory.remove(pendingName(first))
      try directory.createFile(pendingName(first), mode: 0o440).synchronize()
      try directory.synchronize()
    }
  }

  /// Destroys the key. May be called again after a crash at any step.
  public static func carryOut(_ path: String, first: UInt64) throws(WriteError) {
    let directory = try system { () throws(SystemError) in try Directory(path) }
    try carryOut(directory, first)
  }

  private static func carryOut(_ directory: borrowing Directory, _ first: UInt64) throws(WriteError) {
    let name = FileNames.name(first, .cms)
    try system { () throws(SystemError) in
      if try directory.status(of: name) != nil {
        try directory.setMode(0o640, of: name)
        let file = try directory.openFile(name, .readWrite)
        let zeros = [UInt8](repeating: 0, count: try file.size())
        try zeros.withView { (zeros) throws(SystemError) in try file.write(zeros, at: 0) }
        try file.synchronize()
        try directory.remove(name)
        try directory.synchronize()
      }
      try directory.remove(pendingName(first))
      try directory.synchronize()
    }
  }

  /// Carries out what is recorded of a destruction that somebody did not finish, and withdraws what is not.
  /// The whole log must be durable and under a checkpoint.
  static func recover(_ directory: borrowing Directory, _ first: UInt64) throws(WriteError) {
    if try record(directory, try header(directory, first).id) != nil {
      return try carryOut(directory, first)
    }
    try system { () throws(SystemError) in
      try directory.remove(pendingName(first))
      try directory.synchronize()
    }
  }

  private static func header(
    _ directory: borrowing Directory, _ first: UInt64
  ) throws(WriteError) -> SegmentHeader {
    let name = FileNames.name(first, .segment)
    let file = try system { () throws(SystemError) in try MappedFile(try directory.openFile(name)) }
    do throws(DecodeError) { return try SegmentHeader.decode(file.view).header } catch {
      throw .damaged(file: name, offset: error.offset, reason: "the segment's header does not decode")
    }
  }

  /// The control entry that orders the destruction of a segment's key.
  private static func record(
    _ directory: borrowing Directory, _ segment: SegmentID
  ) throws(WriteError) -> UInt64? {
    var found: UInt64?
    try ControlEntries.read(directory, newestFirst: true) { entry in
      if entry.type == "shredded", entry.json["segment"]?.string == "\(segment)" { found = entry.index }
      return found == nil
    }
    return found
  }
}
