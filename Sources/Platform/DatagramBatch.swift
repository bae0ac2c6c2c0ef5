import Bytes
import CLinux
import Glibc

/// What the kernel tells of one received datagram.
public struct Datagram: Sendable, BitwiseCopyable {
  /// Who sent it: nothing, for an unnamed unix socket.
  public var peer: Peer
  /// Bytes.
  public var length: Int
  /// The kernel's receive time, nanoseconds since 1970 UTC; 0 when it gave none.
  public var time: Int64
  /// Datagrams that this socket had dropped when this one arrived, since it was made, modulo 2^32; 0 also
  /// when the kernel did not say.
  public var drops: UInt32
  /// It was longer than what there was room for, and is cut.
  public var isTruncated: Bool

  /// Who sent a datagram. Two datagrams with equal values came from the same place.
  public struct Peer: Hashable, Sendable, BitwiseCopyable {
    /// 4 or 6; 0 when there is no address.
    public var family: UInt8
    /// Process, user and group of a sender on the same host are known.
    public var hasCredentials: Bool
    public var port: UInt16
    /// As in `IPAddress`; or process (high), user and group (low).
    public var high: UInt64
    public var low: UInt64

    public init(family: UInt8, hasCredentials: Bool, port: UInt16, high: UInt64, low: UInt64) {
      self.family = family
      self.hasCredentials = hasCredentials
      self.port = port
      self.high = high
      self.low = low
    }

    public var address: IPAddress? {
      switch family {
      case 4: IPAddress(v4: UInt32(truncatingIfNeeded: low))
      case 6: IPAddress(v6: high, low)
      default: nil
      }
    }
    public var processID: UInt32 { UInt32(truncatingIfNeeded: high) }
    public var userID: UInt32 { UInt32(truncatingIfNeeded: low &>> 32) }
    public var groupID: UInt32 { UInt32(truncatingIfNeeded: low) }
  }
}

/// Receives many datagrams with one system call (`recvmmsg(2)`), and holds them until the next.
///
/// Short datagrams lie close together, so that a batch stays in the processor's cache; what is longer
/// continues in a second area, whose pages exist only once they are needed.
@safe public struct DatagramBatch: ~Copyable, @unchecked Sendable {
  private let batch: OpaquePointer
  private let datagrams: UnsafeMutablePointer<linux_datagram>
  private let small: PageRegion
  private let large: PageRegion
  private static let smallSize = 2048
  private static let largeSize = 65_536 - smallSize
  /// Datagrams that one call receives at most.
  public let capacity: Int

  /// Room for `capacity` datagrams of up to 65,535 bytes.
  public init(capacity: Int) throws(SystemError) {
    precondition(capacity > 0 && capacity <= 1024)
    let small = try PageRegion(count: capacity * Self.smallSize)
    let large = try PageRegion(count: capacity * Self.largeSize)
    let smallBase = unsafe small.base.assumingMemoryBound(to: UInt8.self)
    let largeBase = unsafe large.base.assumingMemoryBound(to: UInt8.self)
    let made = unsafe linux_batch_create(
      UInt32(capacity), smallBase, Self.smallSize, largeBase, Self.largeSize)
    guard let made = unsafe made else {
      throw SystemError(operation: "allocate memory", path: "", errno: Errno(rawValue: ENOMEM))
    }
    unsafe batch = made
    unsafe datagrams = .allocate(capacity: capacity)
    unsafe datagrams.initialize(repeating: linux_datagram(), count: capacity)
    self.small = small
    self.large = large
    self.capacity = capacity
  }

  deinit {
    unsafe linux_batch_destroy(batch)
    unsafe datagrams.deallocate()
  }

  /// Receives what is there, over what the last call received, and returns how many datagrams; 0 when there
  /// are none.
  public func receive(from socket: borrowing Socket) throws(SystemError) -> Int {
    let number = socket.descriptor.number
    let count = uninterrupted { unsafe linux_batch_receive(batch, number, datagrams) }
    if count >= 0 { return Int(count) }
    if lastErrno == .wouldBlock { return 0 }
    throw SystemError(operation: "receive from", path: socket.path, errno: lastErrno)
  }

  /// What is known of a datagram of the last call.
  public subscript(index: Int) -> Datagram {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: capacity))
    let from = unsafe datagrams + index
    let family = unsafe from.pointee.family
    var high: UInt64 = 0
    var low: UInt64 = 0
    unsafe withUnsafeBytes(of: &from.pointee.address) { bytes in
      if family == 4 {
        low = unsafe UInt64(UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)))
      } else if family == 6 {
        high = unsafe UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
        low = unsafe UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      }
    }
    let known = unsafe from.pointee.credentials != 0 && family == 0
    if known {
      high = unsafe UInt64(from.pointee.pid)
      low = unsafe UInt64(from.pointee.uid) &<< 32 | UInt64(from.pointee.gid)
    }
    return unsafe Datagram(
      peer: .init(
        family: family, hasCredentials: known, port: from.pointee.port, high: high, low: low),
      length: min(Int(from.pointee.length), Self.smallSize + Self.largeSize), time: from.pointee.time,
      drops: from.pointee.drops, isTruncated: from.pointee.truncated != 0)
  }

  /// The first bytes (up to 2,048) of a datagram of `length` bytes. Valid until the next call of `receive`.
  public func head(_ index: Int, length: Int) -> ByteView {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: capacity))
    return unsafe ByteView(
      UnsafeRawBufferPointer(start: small.base + index * Self.smallSize, count: min(length, Self.smallSize)))
  }

  /// The bytes after `head`; usually none.
  public func tail(_ index: Int, length: Int) -> ByteView {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: capacity))
    let count = min(max(length - Self.smallSize, 0), Self.largeSize)
    return unsafe ByteView(UnsafeRawBufferPointer(start: large.base + index * Self.largeSize, count: count))
  }

  /// Gives memory that long datagrams have taken back to the kernel.
  public func discardMemory() { large.discard() }
}
