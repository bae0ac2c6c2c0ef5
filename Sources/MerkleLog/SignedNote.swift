import Bytes
import Cryptography

/// One signature line of a note. Whether it is known or valid is not said by it.
public struct NoteSignature: Hashable, Sendable {
  public let name: KeyName
  /// See `VerifierKey.id`.
  public let keyID: UInt32
  /// What follows the key id: 64 bytes for Ed25519, at least one byte for others.
  public let bytes: [UInt8]

  public init(name: KeyName, keyID: UInt32, bytes: [UInt8]) {
    self.name = name
    self.keyID = keyID
    self.bytes = bytes
  }
}

/// A text with signatures under it (C2SP signed-note).
public struct SignedNote: Hashable, Sendable {
  /// Most bytes of a note that is read.
  public static let maximumSize = 1 << 20
  /// Most signatures of a note that is read; the format asks for at least 16.
  public static let maximumSignatures = 128

  /// The signed text, UTF-8, with the LF at its end.
  public let text: [UInt8]
  /// The signatures in the order of their lines.
  public private(set) var signatures: [NoteSignature]

  /// A note to be signed: UTF-8 without control bytes but LF, and with an LF at its end.
  public init(text: [UInt8]) throws(NoteError) {
    try text.withView { (text) throws(NoteError) in try Self.check(text) }
    guard text.last == 0x0A else { throw NoteError(.noFinalLineFeed) }
    self.text = text
    signatures = []
  }

  /// Reads a note, strictly. Says nothing yet about its signatures: see `verify(with:)`.
  public init(_ note: ByteView) throws(NoteError) {
    try Self.check(note)
    guard note.count > 0, note[note.count - 1] == 0x0A else { throw NoteError(.noFinalLineFeed) }
    guard let empty = Self.lastEmptyLine(note) else { throw NoteError(.noEmptyLine) }
    text = note.prefix(empty).array
    signatures = []
    var reader = ByteReader(note, at: empty + 1)
    var number = Self.lines(note.prefix(empty)) + 1
    while let line = reader.line() {
      number += 1
      if signatures.count == Self.maximumSignatures { throw NoteError(.tooManySignatures, line: number) }
      guard let signature = Self.signature(line) else { throw NoteError(.signatureLine, line: number) }
      signatures.append(signature)
    }
    if signatures.isEmpty { throw NoteError(.signatureLine, line: number + 1) }
  }

  /// Adds the signature by `key`.
  public mutating func sign(with key: borrowing SignerKey) throws(CryptoError) {
    let bytes = try key.sign(text)
    signatures.append(NoteSignature(name: key.name, keyID: key.verifier.id, bytes: bytes))
  }

  /// Adds a signature that was made elsewhere, such as a witness's.
  public mutating func append(_ signature: NoteSignature) { signatures.append(signature) }

  /// The keys among `keys` that signed this text. Signatures by other keys, or of types that cannot be
  /// verified here, are passed over; a wrong one by a key in `keys` refuses the note, and so does the lack of
  /// any.
  public func verify(with keys: [VerifierKey]) throws(NoteError) -> [VerifierKey] {
    var verified: [VerifierKey] = []
    for (index, signature) in signatures.enumerated() {
      let named = keys.filter {
        $0.publicKey != nil && $0.id == signature.keyID && $0.name == signature.name
      }
      if named.isEmpty { continue }
      // Two keys can share name and id (32 bits): one of them must have signed.
      guard let key = named.first(where: { $0.verifies(signature: signature.bytes, of: text) }) else {
        let line = text.withView { Self.lines($0) } + 2 + index
        throw NoteError(.badSignature(signature.name), line: line)
      }
      if !verified.contains(key) { verified.append(key) }
    }
    if verified.isEmpty { throw NoteError(.noKnownSignature) }
    return verified
  }

  /// Appends the note's bytes.
  public func append(to output: inout ByteBuffer) {
    output.append(text)
    output.append(0x0A)
    for signature in signatures {
      output.append(Self.dash)
      output.append(signature.name.bytes)
      output.append(UInt8(ascii: " "))
      var decoded = ByteBuffer(capacity: 4 + signature.bytes.count)
      decoded.append(littleEndian: signature.keyID.byteSwapped)
      decoded.append(signature.bytes)
      Base64.encode(decoded.view, to: &output)
      output.append(0x0A)
    }
  }

  /// The note's bytes.
  public var bytes: [UInt8] {
    var output = ByteBuffer(capacity: text.count + 160 * signatures.count)
    append(to: &output)
    return output.view.array
  }

  /// An em dash (U+2014) and a space begin each signature line.
  private static let dash: [UInt8] = [0xE2, 0x80, 0x94, 0x20]

  static func signature(_ line: ByteView) -> NoteSignature? {
    guard dash.withView({ line.matches($0, at: 0) }) else { return nil }
    let line = line.dropFirst(dash.count)
    guard let space = line.find(UInt8(ascii: " ")), let name = KeyName(line.prefix(space)),
      let decoded = try? Base64.decode(line.dropFirst(space + 1)), decoded.count > 4
    else { return nil }
    let id = decoded.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    return NoteSignature(name: name, keyID: id, bytes: Array(decoded.dropFirst(4)))
  }

  private static func check(_ note: ByteView) throws(NoteError) {
    guard note.count <= maximumSize else { throw NoteError(.tooLarge) }
    for offset in 0..<note.count where note[offset] < 0x20 && note[offset] != 0x0A {
      throw NoteError(.controlCharacter, line: lines(note.prefix(offset)) + 1)
    }
    guard String(validating: note.array, as: UTF8.self) != nil else { throw NoteError(.notUTF8) }
  }

  /// Offset of the LF that is the last empty line.
  private static func lastEmptyLine(_ note: ByteView) -> Int? {
    var end = note.count
    while let feed = note.findLast(0x0A, before: end), feed > 0 {
      if note[feed - 1] == 0x0A { return feed }
      end = feed
    }
    return nil
  }

  private static func lines(_ text: ByteView) -> Int {
    var count = 0
    for offset in 0..<text.count where text[offset] == 0x0A { count += 1 }
    return count
  }
}
