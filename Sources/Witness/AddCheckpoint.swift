import Bytes
import Cryptography
import MerkleLog

/// The body of a request to `add-checkpoint` (C2SP tlog-witness).
public struct AddCheckpoint: Equatable, Sendable {
  /// Most hashes of a proof: more would prove a tree of more than 2^63 leaves.
  public static let maximumHashes = 63
  /// Most bytes of a request. Ed25519 signatures take some 100 each.
  public static let sizeLimit = 64 << 10

  /// Size of the tree that the witness is thought to know.
  public var old: UInt64
  /// Proof of consistency from there.
  public var proof: [Digest]
  public var note: SignedNote

  public init(old: UInt64, proof: [Digest], note: SignedNote) {
    self.old = old
    self.proof = proof
    self.note = note
  }

  /// Reads a body; nil when it is not exactly what it should be.
  public init?(_ body: ByteView) {
    guard body.count <= Self.sizeLimit else { return nil }
    var reader = LineReader(body)
    guard let first = reader.line(), first.count > 4,
      Array("old ".utf8).withView({ first.matches($0, at: 0) }),
      let old = first.dropFirst(4).decimalNumber
    else { return nil }
    proof = []
    while let line = reader.line() {
      if line.isEmpty {
        guard let note = try? SignedNote(reader.rest) else { return nil }
        self.old = old
        self.note = note
        return
      }
      guard proof.count < Self.maximumHashes, let decoded = try? Base64.decode(line),
        let hash = decoded.withView({ Digest($0) })
      else { return nil }
      proof.append(hash)
    }
    return nil
  }

  /// The body's bytes.
  public var bytes: [UInt8] {
    var text = "old \(old)\n"
    for hash in proof { text += hash.withView { Base64.encode($0) } + "\n" }
    return Array((text + "\n").utf8) + note.bytes
  }
}

/// What a witness answers to `add-checkpoint`.
public enum WitnessAnswer: Equatable, Sendable {
  /// 200: its lines of signature.
  case cosigned([NoteSignature])
  /// 409: the size of the tree that it knows, which is not the one that was named.
  case conflict(size: UInt64)
  /// 422: the checkpoint does not continue the tree that it knows.
  case inconsistent
  /// 404: the log's name.
  case unknownLog
  /// 403: the log's key.
  case untrustedKey
  /// Something else, or something that cannot be understood.
  case other(status: Int)

  /// The media type of a `conflict`.
  public static let sizeType = "text/x.tlog.size"

  /// Reads an answer.
  public init(status: Int, type: String?, body: [UInt8]) {
    self =
      switch status {
      case 200: Self.signatures(body).map { .cosigned($0) } ?? .other(status: status)
      // Without that type it is an answer of the specification before 2026: same size, other root.
      case 409 where type != Self.sizeType: .inconsistent
      case 409: Self.size(body).map { .conflict(size: $0) } ?? .other(status: status)
      case 422: .inconsistent
      case 404: .unknownLog
      case 403: .untrustedKey
      default: .other(status: status)
      }
  }

  private static func size(_ body: [UInt8]) -> UInt64? {
    body.withView { body in
      var reader = LineReader(body)
      let size = reader.line()?.decimalNumber
      return reader.rest.isEmpty ? size : nil
    }
  }

  private static func signatures(_ body: [UInt8]) -> [NoteSignature]? {
    body.withView { body in
      var reader = LineReader(body)
      var signatures: [NoteSignature] = []
      while let line = reader.line() {
        guard signatures.count < SignedNote.maximumSignatures, let signature = NoteSignature(line: line)
        else { return nil }
        signatures.append(signature)
      }
      return reader.rest.isEmpty && !signatures.isEmpty ? signatures : nil
    }
  }
}

/// Lines, each of which must be ended.
struct LineReader {
  private(set) var rest: ByteView

  init(_ text: ByteView) { rest = text }

  /// The next line without its LF; nil when there is none.
  mutating func line() -> ByteView? {
    guard let end = rest.find(0x0A) else { return nil }
    defer { rest = rest.dropFirst(end + 1) }
    return rest.prefix(end)
  }
}

extension ByteView {
  /// A decimal number without sign and leading zeros.
  var decimalNumber: UInt64? {
    guard count > 0, count <= 20, count == 1 || self[0] != UInt8(ascii: "0"),
      array.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") })
    else { return nil }
    return UInt64(text)
  }
}
