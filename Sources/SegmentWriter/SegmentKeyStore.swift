import Bytes
import Cryptography
import Platform
import Segments

/// Keeps the keys of encrypted segments from before a segment's header is written until it is sealed, and no
/// longer: who takes over the host later cannot read what it collected before. Used by several threads.
public protocol SegmentKeyStore: AnyObject, Sendable {
  /// Makes the key of the segment with that first index durable, in place of an older one of that index.
  /// False when every place is taken.
  func keep(_ key: SegmentKey, of firstIndex: UInt64) throws(WriteError) -> Bool
  /// The key of the segment with that first index; nil when it is not here.
  func key(of firstIndex: UInt64) throws(WriteError) -> SegmentKey?
  /// Overwrites the key of that segment, durably, if it is here.
  func forget(_ firstIndex: UInt64) throws(WriteError)
  /// Overwrites all keys but those of the segments with these first indexes.
  func forget(allBut firstIndexes: [UInt64]) throws(WriteError)
}

/// Eight slots of the key store are for the keys of segments.
extension KeyStore: SegmentKeyStore {
  public func keep(_ key: SegmentKey, of firstIndex: UInt64) throws(WriteError) -> Bool {
    do throws(SystemError) {
      return try key.withView { (key) throws(SystemError) in try keep(key, .segment, firstIndex) }
    } catch { throw .system(error) }
  }

  public func key(of firstIndex: UInt64) throws(WriteError) -> SegmentKey? {
    try withSecret(.segment, firstIndex) { (secret) throws(WriteError) in
      guard let secret else { return nil }
      return try crypto { () throws(CryptoError) in try SegmentKey(secret) }
    }
  }

  public func forget(_ firstIndex: UInt64) throws(WriteError) {
    try system { () throws(SystemError) in try erase(.segment) { $0 == firstIndex } }
  }

  public func forget(allBut firstIndexes: [UInt64]) throws(WriteError) {
    try system { () throws(SystemError) in try erase(.segment) { !firstIndexes.contains($0) } }
  }
}

extension RecoveredLog {
  /// The report, with the segments whose keys are lost. Keys that no unfinished segment needs are overwritten:
  /// a crash came between the seal and that.
  func reportWithKeys(_ keys: any SegmentKeyStore) throws(WriteError) -> RecoveryReport {
    try keys.forget(allBut: unfinished.map(\.firstIndex))
    var report = report
    for index in encrypted where try keys.key(of: index) == nil { report.unreadSegments.append(index) }
    return report
  }
}

extension RecoveryReport {
  /// What to tell of segments that could not be read before they were sealed; nil when all could.
  public var unreadSegmentsText: String? {
    if unreadSegments.isEmpty { return nil }
    let names = unreadSegments.map { FileNames.name($0, .segment) }.joined(separator: ", ")
    return "\(names): sealed without being decrypted, for the key was lost in a crash; "
      + "stele verify --decrypt checks what the recipients' keys open"
  }
}

/// The file that holds the key of an encrypted segment for those who may read it.
enum Sidecar {
  /// Writes the sidecar of the segment with that first index, durable.
  static func write(
    _ directory: borrowing Directory, _ firstIndex: UInt64, _ envelope: [UInt8]
  ) throws(WriteError) {
    do throws(SystemError) {
      try envelope.withView { (bytes) throws(SystemError) in
        try directory.replaceFile(FileNames.name(firstIndex, .cms), with: bytes, mode: 0o440)
      }
    } catch { throw .system(error) }
  }
}
