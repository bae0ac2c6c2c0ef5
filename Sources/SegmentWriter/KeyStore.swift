import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments

/// The file with the private halves of one-time keys, and the keys of encrypted segments, that are still to be
/// used: fixed slots, each overwritten in place as soon as its key has done its work, so that nobody who comes
/// later can have used it.
///
///     head   magic(u32) "STLK"   version(u16) 1   0(2)      SHA-256 of the log's origin(32)
///     slot   magic(u32) "STLS"   kind(u8)   0(3)   number(u64)   secret(32)   SHA-256 of all that(32)
///
/// Head and slots have a sector of 512 bytes each to themselves, so that a write that is torn leaves the others
/// whole; a slot whose hash does not fit is empty.
public final class KeyStore: Sendable {
  /// What a secret is for.
  public enum Kind: UInt8, CaseIterable, Sendable {
    /// The seed of the key that signs the checkpoint of that number.
    case checkpoint = 1
    /// The seed of the key that signs the seal of that number.
    case seal = 2
    /// The key that encrypts the segment whose first index is the number.
    case segment = 3

    /// The slots for secrets of this kind.
    var slots: Range<Int> {
      switch self {
      case .checkpoint: 1..<3
      case .seal: 3..<5
      case .segment: 5..<13
      }
    }
  }

  public static let secretSize = 32
  private static let headMagic: UInt32 = 0x4B4C_5453
  private static let magic: UInt32 = 0x534C_5453
  private static let sector = 512
  private static let signedSize = 16 + secretSize
  private static let slotSize = signedSize + Digest.size
  private static let size = 13 * sector

  private let file: FileDescriptor
  private let lock = Lock()

  /// Makes the file at `path` for the log of that origin, with every slot empty and durable; fails with
  /// `.exists` when there is one.
  public init(creating path: String, origin: KeyName) throws(SystemError) {
    file = try FileDescriptor(creating: path, mode: 0o600)
    try empty(origin, path)
  }

  /// Makes every slot empty, durably.
  private func empty(_ origin: KeyName, _ path: String) throws(SystemError) {
    var bytes = Self.head(origin)
    bytes.append([UInt8](repeating: 0, count: Self.size - bytes.count))
    try file.write(bytes.view, at: 0)
    try file.synchronize()
    try Directory.synchronizeParent(of: path)
  }

  /// Opens the file at `path`, which is made when there is none: the keys that it held are then lost. That of
  /// another log is refused, for its keys would be erased.
  public static func open(_ path: String, origin: KeyName) throws(WriteError) -> KeyStore {
    let head = head(origin)
    var bytes = ByteBuffer()
    do throws(SystemError) {
      let store = try KeyStore(path)
      try store.file.read(head.count, at: 0, appendingTo: &bytes)
      if bytes.view == head.view { return store }
      if bytes.count < head.count || bytes.view.array.allSatisfy({ $0 == 0 }) {
        // Its making was cut off.
        try store.empty(origin, path)
        return store
      }
    } catch {
      guard error.errno == .noSuchFile else { throw .system(error) }
      return try system { () throws(SystemError) in try KeyStore(creating: path, origin: origin) }
    }
    throw .wrongKeyStore(path: path, origin: "\(origin)")
  }

  /// The store of that log at `path`, for reading beside its owner; nil when it is not there, or not for us.
  public static func reading(_ path: String, origin: KeyName) -> KeyStore? {
    let head = head(origin)
    var bytes = ByteBuffer()
    guard let file = try? FileDescriptor(reading: path),
      (try? file.read(head.count, at: 0, appendingTo: &bytes)) != nil, bytes.view == head.view
    else { return nil }
    return KeyStore(file)
  }

  private init(_ file: consuming FileDescriptor) { self.file = file }
  private init(_ path: String) throws(SystemError) { file = try FileDescriptor(updating: path) }

  private static func head(_ origin: KeyName) -> ByteBuffer {
    var bytes = ByteBuffer(capacity: size)
    bytes.append(littleEndian: headMagic)
    bytes.append(littleEndian: UInt32(1))
    bytes.append(origin.bytes.withView { SHA256.hash($0) })
    return bytes
  }

  /// Keeps a secret of 32 bytes, durable when this returns. False when every slot of that kind is taken.
  @discardableResult public func keep(_ secret: ByteView, _ kind: Kind, _ number: UInt64)
    throws(SystemError) -> Bool
  {
    precondition(secret.count == Self.secretSize)
    var bytes = ByteBuffer(capacity: Self.slotSize)
    defer { bytes.wipe() }
    bytes.append(littleEndian: Self.magic)
    bytes.append(littleEndian: UInt32(kind.rawValue))
    bytes.append(littleEndian: number)
    bytes.append(secret)
    bytes.append(SHA256.hash(bytes.view))
    return try lock.withLock { () throws(SystemError) -> Bool in
      guard let slot = try slot(for: kind, number) else { return false }
      try write(bytes.view, to: slot)
      return true
    }
  }

  /// Calls `body` with the secret, or with nil when it is not here.
  public func withSecret<R: ~Copyable>(
    _ kind: Kind, _ number: UInt64, _ body: (ByteView?) throws(WriteError) -> R
  ) throws(WriteError) -> R {
    var bytes = ByteBuffer(capacity: Self.slotSize)
    defer { bytes.wipe() }
    var isFound = false
    do throws(SystemError) {
      isFound = try lock.withLock { () throws(SystemError) -> Bool in
        for slot in kind.slots where try read(slot, kind, &bytes) == number { return true }
        return false
      }
    } catch { throw .system(error) }
    return try body(isFound ? bytes.view[16, Self.signedSize] : nil)
  }

  /// The one-time key with that number, if it is here and its public half is `expected`.
  func signingKey(_ kind: Kind, _ number: UInt64, _ expected: PublicKey) throws(WriteError) -> SigningKey? {
    try withSecret(kind, number) { (seed) throws(WriteError) -> SigningKey? in
      guard let seed else { return nil }
      let key = try crypto { () throws(CryptoError) in try SigningKey(seed: seed) }
      if key.publicKey != expected { return nil }
      return consume key
    }
  }

  /// Makes a one-time key, and keeps it.
  func makeKey(_ kind: Kind, _ number: UInt64) throws(WriteError) -> SigningKey {
    let key = try crypto { () throws(CryptoError) in try SigningKey.generate() }
    var seed = ByteBuffer(capacity: SigningKey.seedSize)
    defer { seed.wipe() }
    do throws(CryptoError) { try key.appendSeed(to: &seed) } catch { throw .crypto(error) }
    do throws(SystemError) { try keep(seed.view, kind, number) } catch { throw .system(error) }
    return key
  }

  /// Numbers of the secrets of that kind that are here.
  public func numbers(_ kind: Kind) throws(SystemError) -> [UInt64] {
    var bytes = ByteBuffer(capacity: Self.slotSize)
    defer { bytes.wipe() }
    return try lock.withLock { () throws(SystemError) -> [UInt64] in
      var numbers: [UInt64] = []
      for slot in kind.slots { if let number = try read(slot, kind, &bytes) { numbers.append(number) } }
      return numbers
    }
  }

  /// Overwrites the secrets of that kind whose numbers `isDone` picks with zeros, durable when this returns.
  public func erase(_ kind: Kind, where isDone: (UInt64) -> Bool) throws(SystemError) {
    var bytes = ByteBuffer(capacity: Self.slotSize)
    defer { bytes.wipe() }
    try lock.withLock { () throws(SystemError) in
      for slot in kind.slots {
        guard let number = try read(slot, kind, &bytes), isDone(number) else { continue }
        try [UInt8](repeating: 0, count: Self.slotSize).withView { (zeros) throws(SystemError) in
          try write(zeros, to: slot)
        }
      }
    }
  }

  // MARK: Slots

  /// The slot that holds that number, or may be overwritten with it. One-time keys follow one another: of two
  /// neighbours each has its own slot, and what stands there from the number two before is no more needed.
  private func slot(for kind: Kind, _ number: UInt64) throws(SystemError) -> Int? {
    if kind != .segment { return kind.slots.lowerBound + Int(number % 2) }
    var bytes = ByteBuffer(capacity: Self.slotSize)
    defer { bytes.wipe() }
    var free: Int?
    for slot in kind.slots {
      let found = try read(slot, kind, &bytes)
      if found == number { return slot }
      if found == nil, free == nil { free = slot }
    }
    return free
  }

  private func write(_ bytes: ByteView, to slot: Int) throws(SystemError) {
    try file.write(bytes, at: slot * Self.sector)
    try file.synchronizeData()
  }

  /// Reads a slot into `bytes`; returns the number of its secret, or nil when it is empty.
  private func read(_ slot: Int, _ kind: Kind, _ bytes: inout ByteBuffer) throws(SystemError) -> UInt64? {
    bytes.wipe()
    try file.read(Self.slotSize, at: slot * Self.sector, appendingTo: &bytes)
    let view = bytes.view
    guard view.count == Self.slotSize, view.load32(at: 0) == Self.magic,
      view.load32(at: 4) == UInt32(kind.rawValue),
      SHA256.hash(view.prefix(Self.signedSize)) == Digest(view, at: Self.signedSize)
    else { return nil }
    return view.load64(at: 8)
  }
}
