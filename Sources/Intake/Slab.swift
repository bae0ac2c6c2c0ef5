import Bytes
import Platform
import Syslog

/// Where one message lies in its slab, and what is known of it.
public struct MessageRecord: BitwiseCopyable, Sendable, Equatable {
  /// Offset of the first byte in the slab.
  public var offset: UInt32
  /// Number of bytes.
  public var length: UInt32
  /// When it was received: nanoseconds since 1970 UTC.
  public var time: Int64
  /// The configured input it came from.
  public var source: UInt32
  /// Index in the slab's table of envelopes.
  public var envelope: UInt32
  /// How it was framed.
  public var flags: FrameFlags

  @inlinable public init(
    offset: UInt32, length: UInt32, time: Int64, source: UInt32, envelope: UInt32, flags: FrameFlags
  ) {
    self.offset = offset
    self.length = length
    self.time = time
    self.source = source
    self.envelope = envelope
    self.flags = flags
  }
}

/// A fixed piece of memory in which received messages travel from the network to the writer without being
/// copied again: the bytes of the messages, a table of records in the order received, and a table of
/// envelopes (what the transport knew), which many messages share. Messages of several sources may lie in one
/// slab.
///
/// One thread fills it, hands it on (`SlabQueue.submit`), and from then on it is only read. Ownership is in
/// the type: whoever has given it away cannot touch it any more.
@safe public struct Slab: ~Copyable, Sendable {
  /// Bytes for messages and envelopes, unless asked otherwise. A stream is read in pieces of up to a quarter.
  public static let defaultByteCapacity = 1 << 20
  /// Messages a slab holds at most, unless asked otherwise: small enough that lines of 128 bytes fill the
  /// bytes first.
  public static let defaultRecordCapacity = 8_192

  struct EnvelopeRecord: BitwiseCopyable {
    var offset: UInt32
    var length: UInt32
  }

  private let memory: PageRegion
  @usableFromInline nonisolated(unsafe) let bytes: UnsafeMutablePointer<UInt8>
  @usableFromInline nonisolated(unsafe) let records: UnsafeMutablePointer<MessageRecord>
  nonisolated(unsafe) let envelopes: UnsafeMutablePointer<EnvelopeRecord>
  /// Bytes for messages and envelopes.
  public let byteCapacity: Int
  /// Messages, and envelopes, it holds at most.
  public let recordCapacity: Int

  /// Bytes taken, by messages, envelopes and what framing left out.
  public private(set) var usedBytes = 0
  /// Messages in it.
  public private(set) var messageCount = 0
  /// Sum of the messages' lengths.
  public private(set) var messageBytes = 0
  /// Envelopes in it.
  public private(set) var envelopeCount = 0
  /// When the first message was put in (`Clock.monotonic()`); 0 while there is none.
  public private(set) var firstFilled: Int64 = 0
  /// Which filling of which slab this is; never the same twice in a process. A producer that keeps envelope
  /// indices for a slab compares it to see whether they still hold.
  public private(set) var generation: UInt64 = 0

  /// Takes address space; memory is used only as the slab fills.
  public init(
    byteCapacity: Int = defaultByteCapacity, recordCapacity: Int = defaultRecordCapacity
  ) throws(SystemError) {
    precondition(byteCapacity > 0 && byteCapacity <= 1 << 30 && recordCapacity > 0)
    let recordStart = (byteCapacity + 63) & ~63
    let envelopeStart = recordStart + recordCapacity * MemoryLayout<MessageRecord>.stride
    let size = envelopeStart + recordCapacity * MemoryLayout<EnvelopeRecord>.stride
    memory = try PageRegion(count: size)
    let base = unsafe memory.base
    unsafe bytes = base.bindMemory(to: UInt8.self, capacity: byteCapacity)
    unsafe records = (base + recordStart).bindMemory(to: MessageRecord.self, capacity: recordCapacity)
    unsafe envelopes = (base + envelopeStart).bindMemory(to: EnvelopeRecord.self, capacity: recordCapacity)
    self.byteCapacity = byteCapacity
    self.recordCapacity = recordCapacity
  }

  // MARK: Reading

  /// The record of a message. Traps when `index` is not below `messageCount`.
  @inlinable public subscript(index: Int) -> MessageRecord {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: messageCount))
    return unsafe records[index]
  }

  /// A message's bytes. Valid until the slab is reset or freed.
  @inlinable public func message(_ record: MessageRecord) -> ByteView {
    let end = Int(record.offset) + Int(record.length)
    precondition(end <= byteCapacity)
    return unsafe ByteView(unsafeBase: bytes + Int(record.offset), count: Int(record.length))
  }

  /// A message's bytes. Traps when `index` is not below `messageCount`.
  @inlinable public func message(_ index: Int) -> ByteView { message(self[index]) }

  /// An envelope's bytes. Traps when `index` is not below `envelopeCount`.
  public func envelope(_ index: Int) -> ByteView {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: envelopeCount))
    let record = unsafe envelopes[index]
    return unsafe ByteView(unsafeBase: bytes + Int(record.offset), count: Int(record.length))
  }

  // MARK: Filling

  /// Bytes left.
  public var room: Int { byteCapacity - usedBytes }
  /// Records left.
  public var recordRoom: Int { recordCapacity - messageCount }
  /// Envelopes left.
  public var envelopeRoom: Int { recordCapacity - envelopeCount }
  public var isEmpty: Bool { messageCount == 0 }
  /// It holds entries of Stele itself, which never share a slab with messages.
  public var isControl: Bool { messageCount > 0 && self[0].source == 0 }

  /// Copies an envelope in and returns its index; nil when there is no room.
  public mutating func addEnvelope(_ envelope: ByteView) -> UInt32? {
    guard envelope.count <= room, envelopeCount < recordCapacity else { return nil }
    copy(envelope, at: usedBytes)
    unsafe envelopes[envelopeCount] =
      EnvelopeRecord(offset: UInt32(usedBytes), length: UInt32(envelope.count))
    usedBytes += envelope.count
    envelopeCount += 1
    return UInt32(envelopeCount - 1)
  }

  /// Puts `envelope` in place of one of the same length.
  public mutating func replaceEnvelope(_ index: Int, with envelope: ByteView) {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: envelopeCount))
    let record = unsafe envelopes[index]
    precondition(Int(record.length) == envelope.count)
    copy(envelope, at: Int(record.offset))
  }

  /// Copies a message in; false, with nothing changed, when there is no room for it.
  @inline(__always) public mutating func append(
    _ message: ByteView, time: Int64, source: UInt32, envelope: UInt32, flags: FrameFlags
  ) -> Bool {
    guard message.count <= room, messageCount < recordCapacity else { return false }
    copy(message, at: usedBytes)
    record(at: usedBytes, count: message.count, time: time, source: source, envelope: envelope, flags: flags)
    usedBytes &+= message.count
    return true
  }

  /// Copies a message in that lies in two parts. There must be room (`room`, `recordRoom`).
  @inline(__always) mutating func append(
    _ head: ByteView, _ tail: ByteView, time: Int64, source: UInt32, envelope: UInt32, flags: FrameFlags
  ) {
    precondition(head.count <= room && tail.count <= room - head.count)
    copy(head, at: usedBytes)
    if !tail.isEmpty { copy(tail, at: usedBytes &+ head.count) }
    record(
      at: usedBytes, count: head.count &+ tail.count, time: time, source: source, envelope: envelope,
      flags: flags)
    usedBytes &+= head.count &+ tail.count
  }

  /// Notes a message whose bytes are already in the slab (put there by `withFreeBytes`).
  @inline(__always) mutating func record(
    at offset: Int, count: Int, time: Int64, source: UInt32, envelope: UInt32, flags: FrameFlags
  ) {
    precondition(
      messageCount < recordCapacity && offset >= 0 && count >= 0 && offset &+ count <= byteCapacity
        && Int(envelope) < envelopeCount)
    unsafe records[messageCount] = MessageRecord(
      offset: UInt32(truncatingIfNeeded: offset), length: UInt32(truncatingIfNeeded: count), time: time,
      source: source, envelope: envelope, flags: flags)
    if messageCount == 0 { firstFilled = Clock.monotonic() }
    messageCount &+= 1
    messageBytes &+= count
  }

  /// Calls `body` with the bytes from `usedBytes + skipped` to the slab's end, to be read into. Nothing is
  /// taken until `take`.
  func withFreeBytes<R, E: Error>(
    after skipped: Int, _ body: (UnsafeMutableRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    precondition(skipped >= 0 && skipped <= room)
    return try unsafe body(
      UnsafeMutableRawBufferPointer(start: bytes + usedBytes + skipped, count: room - skipped))
  }

  /// A view of `count` bytes from `usedBytes` on, which `withFreeBytes` has filled.
  func freeView(_ count: Int) -> ByteView {
    precondition(count >= 0 && count <= room)
    return unsafe ByteView(unsafeBase: bytes + usedBytes, count: count)
  }

  /// Copies `source` to `usedBytes`, without taking the bytes.
  func place(_ source: ByteView) {
    precondition(source.count <= room)
    copy(source, at: usedBytes)
  }

  /// Takes the next `count` bytes: what lies there stays.
  mutating func take(_ count: Int) {
    precondition(count >= 0 && count <= room)
    usedBytes &+= count
  }

  private func copy(_ source: ByteView, at offset: Int) {
    guard source.count > 0 else { return }
    unsafe source.withUnsafeBytes { from in
      unsafe UnsafeMutableRawBufferPointer(start: bytes + offset, count: from.count).copyMemory(from: from)
    }
  }

  /// Empties the slab for another filling.
  mutating func reset(generation: UInt64) {
    usedBytes = 0
    messageCount = 0
    messageBytes = 0
    envelopeCount = 0
    firstFilled = 0
    self.generation = generation
  }

  /// Gives the memory of an empty slab back to the kernel until it is filled again.
  func discardMemory() { memory.discard() }
}
