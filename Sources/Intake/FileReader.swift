import Bytes
import Platform
import Syslog

/// Reads a file to its end and cuts it into lines: replay. The bytes are read straight into slabs and stay
/// there.
public struct FileReader: ~Copyable {
  /// Lines and bytes handed on so far.
  public private(set) var messages = 0
  public private(set) var bytes = 0

  private let queue: SlabQueue
  private let source: UInt32
  private let envelope: [UInt8]
  private var scanner: FrameScanner
  private var slab: Slab
  private var envelopeIndex: UInt32
  /// Bytes of an unfinished line at the slab's `usedBytes`.
  private var carried = 0
  private var time: Int64 = 0

  /// Reads for `source`; `envelope` is what is known of the file; lines over `limit` bytes are kept in
  /// pieces. Nil when the queue is closed.
  public init?(
    _ queue: SlabQueue, source: UInt32, envelope: [UInt8],
    limit: Int = Syslog.Limits.messageBytesAllowed.upperBound
  ) {
    guard let slab = queue.take(.streams) else { return nil }
    self.queue = queue
    self.source = source
    self.envelope = envelope
    self.slab = slab
    scanner = FrameScanner(.file, limit: limit)
    envelopeIndex = 0
    addEnvelope()
  }

  private mutating func addEnvelope() {
    let slot = envelope.withView { slab.addEnvelope($0) }
    precondition(slot != nil, "an empty slab has room for an envelope")
    envelopeIndex = slot ?? 0
  }

  /// Reads `file` from its present position until it ends. `progress` is told the bytes after each read.
  /// Returns false when the queue was closed before the end.
  public mutating func read(
    _ file: borrowing FileDescriptor, progress: (Int) -> Void = { _ in }
  ) throws(SystemError) -> Bool {
    while true {
      if slab.room - carried < Self.readBytes || slab.recordRoom == 0, !nextSlab() { return false }
      // A pipe may stay silent for long: what it gave so far must not wait for more.
      if slab.messageCount > 0, !(try file.isReadable(within: queue.fillTime)), !nextSlab() { return false }
      let count = try unsafe slab.withFreeBytes(after: carried) { (room) throws(SystemError) in
        try unsafe file.read(into: room)
      }
      time = Clock.realtime()
      if count == 0 { return finish() }
      carried += count
      bytes += count
      progress(bytes)
      guard cutLines() else { return false }
    }
  }

  /// Hands on what is left in the slab.
  public consuming func close() {
    queue.submit(slab)
  }

  /// Least bytes of a read.
  private static let readBytes = 128 << 10

  private mutating func cutLines() -> Bool {
    var start = 0
    while let frame = scanner.next(in: slab.freeView(carried), from: start) {
      guard record(frame, &start) else { return false }
    }
    slab.take(start)
    carried -= start
    return true
  }

  private mutating func record(_ frame: FrameScanner.Frame, _ start: inout Int) -> Bool {
    if slab.recordRoom == 0 {
      // The frame's bytes move with what is carried; its offsets then count from the new slab's start.
      slab.take(start)
      carried -= start
      let moved = start
      start = 0
      guard nextSlab() else { return false }
      add(frame, -moved)
      start = frame.end - moved
      return true
    }
    add(frame, 0)
    start = frame.end
    return true
  }

  private mutating func add(_ frame: FrameScanner.Frame, _ shift: Int) {
    slab.record(
      at: slab.usedBytes + frame.offset + shift, count: frame.count, time: time, source: source,
      envelope: envelopeIndex, flags: frame.flags)
    messages += 1
  }

  /// Submits the slab and goes on in another, to which what is carried is copied.
  private mutating func nextSlab() -> Bool {
    guard var next = queue.take(.streams) else { return false }
    let slot = envelope.withView { next.addEnvelope($0) }
    envelopeIndex = slot ?? 0
    next.place(slab.freeView(carried))
    swap(&slab, &next)
    queue.submit(next)
    return true
  }

  private mutating func finish() -> Bool {
    var start = 0
    while let frame = scanner.finish(in: slab.freeView(carried), from: start) {
      guard record(frame, &start) else { return false }
    }
    slab.take(start)
    carried -= start
    return true
  }
}
