import Bytes
import Cryptography

/// The statement with which a log's origin key gives way to another. Signed by both, it is a C2SP signed note
/// that stands in the log itself, as entry `index`:
///
///     stele key rotation v1
///     origin ORIGIN
///     old VKEY
///     new VKEY
///     index INDEX
///
/// The old key signs what ends at `index` or before, the new one what ends behind it.
public struct KeyRotation: Hashable, Sendable {
  static let header = "stele key rotation v1"

  public let old: VerifierKey
  public let new: VerifierKey
  /// Index of the entry that holds the statement.
  public let index: UInt64

  /// Both keys have the log's name, can be a log's, and are not the same; throws `.rotation` otherwise.
  public init(old: VerifierKey, new: VerifierKey, index: UInt64) throws(NoteError) {
    guard old.name == new.name, old.isSupported, new.isSupported, old.key != new.key, old.id != new.id
    else { throw NoteError(.rotation) }
    self.old = old
    self.new = new
    self.index = index
  }

  /// Reads the text of a note, strictly. Says nothing of its signatures.
  public init(_ text: ByteView) throws(NoteError) {
    var reader = ByteReader(text)
    guard reader.line()?.text == Self.header else { throw NoteError(.rotation, line: 1) }
    let words = ["origin ", "old ", "new ", "index "].map { Array($0.utf8) }
    var values: [ByteView] = []
    for (place, word) in words.enumerated() {
      guard let line = reader.line(), word.withView({ line.matches($0, at: 0) }) else {
        throw NoteError(.rotation, line: place + 2)
      }
      values.append(line.dropFirst(word.count))
    }
    guard let old = try? VerifierKey(values[1]), let new = try? VerifierKey(values[2]),
      let index = values[3].decimal, reader.remaining == 0
    else { throw NoteError(.rotation) }
    try self.init(old: old, new: new, index: index)
    // One spelling only, and the origin is the name of both keys.
    guard Array(self.text.utf8) == text.array else { throw NoteError(.rotation) }
  }

  /// Reads a note that both keys signed.
  public init(_ note: SignedNote) throws(NoteError) {
    self = try note.text.withView { (text) throws(NoteError) in try KeyRotation(text) }
    for key in [old, new] { _ = try note.verify(with: [key]) }
  }

  /// The name of the log.
  public var origin: KeyName { old.name }

  /// The five lines, each with its LF.
  public var text: String {
    "\(Self.header)\norigin \(origin)\nold \(old)\nnew \(new)\nindex \(index)\n"
  }

  /// The note, signed by both.
  public func note(old: borrowing SignerKey, new: borrowing SignerKey) throws(NoteError) -> SignedNote {
    precondition(old.verifier == self.old && new.verifier == self.new)
    var note = try SignedNote(text: Array(text.utf8))
    do {
      try note.sign(with: old)
      try note.sign(with: new)
    } catch { throw NoteError(.crypto(error)) }
    return note
  }
}

extension LogKeys {
  /// The origin key that signs what ends at `size`: the tree of so many entries, a segment that ends there. Also
  /// that of a record of its own with that index.
  public func origin(at size: UInt64) -> VerifierKey {
    former.first { size <= $0.end }?.key ?? origin
  }

  /// Every origin key there was, the oldest first.
  public var origins: [VerifierKey] { former.map(\.key) + [origin] }

  /// Whether the rotation follows on these keys.
  public func isFollowed(by rotation: KeyRotation) -> Bool {
    rotation.old == origin && !origins.contains(rotation.new)
      && former.last.map { $0.end < rotation.index } ?? true
  }

  /// Puts the new key in the old one's place.
  public mutating func rotate(_ rotation: KeyRotation) {
    precondition(isFollowed(by: rotation))
    former.append(Former(origin, until: rotation.index))
    origin = rotation.new
  }

  /// The rotations that these keys speak of; that they took place is not said by it.
  public var rotations: [KeyRotation] {
    zip(former, origins.dropFirst()).compactMap { former, new in
      try? KeyRotation(old: former.key, new: new, index: former.end)
    }
  }
}

extension SignedNote {
  /// The keys among the log's origin key and `others` that signed this note about a tree of `size` entries.
  /// Throws unless the origin key of that time is among them; `.superseded` when it was one that had given way.
  @discardableResult public func verify(
    with keys: LogKeys, at size: UInt64, others: [VerifierKey] = []
  ) throws(NoteError) -> [VerifierKey] {
    let key = keys.origin(at: size)
    var verified: [VerifierKey] = []
    do throws(NoteError) { verified = try verify(with: [key] + others) } catch {
      guard error.reason == .noKnownSignature else { throw error }
    }
    if key.isSupported, verified.contains(key) { return verified }
    for former in keys.former where former.end < size {
      if (try? verify(with: [former.key])) != nil { throw NoteError(.superseded(index: former.end)) }
    }
    throw NoteError(.noKnownSignature)
  }
}

extension SignedCheckpoint {
  /// Reads a signed checkpoint of the log with these keys: the origin key that was in force at its size must
  /// have signed it.
  public init(_ bytes: ByteView, keys: LogKeys, others: [VerifierKey] = []) throws(NoteError) {
    let note = try SignedNote(bytes)
    let size = (try? note.text.withView { try Checkpoint($0).size }) ?? 0
    do throws(NoteError) { try self.init(bytes, key: keys.origin(at: size), others: others) } catch {
      if error.reason == .noKnownSignature { try note.verify(with: keys, at: size, others: others) }
      throw error
    }
  }
}
