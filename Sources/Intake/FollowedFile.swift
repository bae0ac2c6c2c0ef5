import Bytes
import Platform
import Segments

/// One file that is open and read as it grows. Used by one thread.
final class FollowedFile: @unchecked Sendable {
  /// Which source's it is: an index in the follower's list.
  var target: Int
  let descriptor: FileDescriptor
  let identity: FileIdentity
  let path: String
  /// It has a name that its source names, so the next lines are likely to come here.
  var isCurrent: Bool
  /// It has a name in its directory.
  var isVisible = true
  /// Everything before this byte is in slabs.
  private(set) var offset = 0
  /// That byte is not the first of a line.
  private(set) var isMidLine = false
  /// When it was last seen to grow (`Clock.monotonic()`).
  private(set) var grown = Clock.monotonic()
  /// Its size when last looked at.
  private(set) var size = 0
  /// Its first bytes, as far as they are before `offset`.
  private var beginning = ByteBuffer()
  private var fingerprint = FileFingerprint(ByteView())
  private var scratch = ByteBuffer()
  private var envelopeGeneration: UInt64 = 0
  private var envelopeIndex: UInt32 = 0

  init(_ target: Int, _ descriptor: consuming FileDescriptor, _ status: FileStatus, isCurrent: Bool) {
    self.target = target
    path = descriptor.path
    self.descriptor = descriptor
    identity = FileIdentity(status)
    size = status.size
    self.isCurrent = isCurrent
  }

  var position: FilePosition { FilePosition(identity, offset: UInt64(offset), fingerprint, path: path) }

  // MARK: Beginning

  /// Goes on where `position` says, if this is the file that it was then; else from the beginning, and false.
  func resume(_ position: FilePosition) throws(SystemError) -> Bool {
    guard let offset = position.offset.flatMap({ Int(exactly: $0) }), size >= offset,
      try fingerprint(of: Int(position.fingerprint.count)) == position.fingerprint
    else { return false }
    try move(to: offset)
    return true
  }

  /// Of the file's first `count` bytes, or of all when it has fewer.
  func fingerprint(of count: Int) throws(SystemError) -> FileFingerprint {
    scratch.removeAll()
    if count > 0 { try descriptor.read(count, at: 0, appendingTo: &scratch) }
    return FileFingerprint(scratch.view)
  }

  /// Leaves out what is there already, but for a last line that has not ended.
  func skipToEnd(limit: Int) throws(SystemError) {
    let start = max(0, size - limit)
    scratch.removeAll()
    if size > start { try descriptor.read(size - start, at: start, appendingTo: &scratch) }
    var end = scratch.count
    while end > 0, scratch.view[end - 1] != 0x0A { end -= 1 }
    try move(to: end == 0 ? start : start + end)
  }

  private func move(to offset: Int) throws(SystemError) {
    self.offset = offset
    scratch.removeAll()
    if offset > 0 { try descriptor.read(1, at: offset - 1, appendingTo: &scratch) }
    isMidLine = !scratch.isEmpty && scratch.view[0] != 0x0A
    try extendBeginning()
  }

  /// Begins at the first byte again: the file was cut.
  func restart() {
    offset = 0
    isMidLine = false
    beginning.removeAll()
    fingerprint = FileFingerprint(ByteView())
    envelopeGeneration = 0
  }

  // MARK: Growing

  /// Looks at the size. False when the file is not any more what it was: it is shorter than what was read of it,
  /// or begins otherwise.
  func look() throws(SystemError) -> Bool {
    let now = try descriptor.size()
    if now > size { grown = Clock.monotonic() }
    defer { size = now }
    if now < offset { return false }
    guard now > offset, !beginning.isEmpty else { return true }
    scratch.removeAll()
    try descriptor.read(beginning.count, at: 0, appendingTo: &scratch)
    return scratch.view == beginning.view
  }

  /// Takes it that so many bytes more are in slabs.
  func advance(_ count: Int, isMidLine: Bool) throws(SystemError) {
    offset += count
    self.isMidLine = isMidLine
    if beginning.count < FileFingerprint.limit { try extendBeginning() }
  }

  private func extendBeginning() throws(SystemError) {
    let wanted = min(offset, FileFingerprint.limit)
    guard beginning.count < wanted else { return }
    try descriptor.read(wanted - beginning.count, at: beginning.count, appendingTo: &beginning)
    fingerprint = FileFingerprint(beginning.view)
  }

  /// Whether `other` begins as this file does, as far as both go: then it is a copy.
  func isLike(_ other: ByteView) -> Bool {
    let count = min(beginning.count, other.count)
    return count >= 64 && beginning.view.prefix(count) == other.prefix(count)
  }

  // MARK: Envelope

  /// The place of its envelope in `slab`, which must have room for it.
  func envelope(in slab: inout Slab) -> UInt32? {
    if envelopeGeneration == slab.generation { return envelopeIndex }
    let envelope = Envelope(position)
    guard let index = slab.addEnvelope(envelope.view) else { return nil }
    envelopeGeneration = slab.generation
    envelopeIndex = index
    return index
  }

  /// Writes the present position into the envelope that is in `slab`.
  func stamp(_ slab: inout Slab) {
    guard envelopeGeneration == slab.generation else { return }
    let envelope = Envelope(position)
    slab.replaceEnvelope(Int(envelopeIndex), with: envelope.view)
  }
}

extension FileIdentity {
  init(_ status: FileStatus) { self.init(device: status.device, inode: status.inode) }
}
