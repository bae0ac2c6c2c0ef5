import Bytes
import MerkleLog

/// The control entry with which the log's origin key gives way to another. It begins a segment, in a block of
/// its own, under the index that its note names; behind that, once its segment is to be removed, it is written
/// again as a copy, under any index.
///
///     {"type":"key_rotation","note":"stele key rotation v1\norigin …"[,"reason":"…"]}
public struct KeyRotationRecord: Equatable, Sendable {
  public static let type = "key_rotation"

  /// What the note says.
  public let rotation: KeyRotation
  /// Signed by both keys.
  public let note: SignedNote
  /// Why, as somebody wrote it; nil when nobody did.
  public let reason: String?

  /// A record of that note; throws unless both keys signed it.
  public init(_ note: SignedNote, reason: String? = nil) throws(NoteError) {
    rotation = try KeyRotation(note)
    self.note = note
    self.reason = reason
  }

  /// Nil when the object is no such entry, or both keys did not sign it.
  public init?(_ json: JSONValue) {
    guard json["type"]?.string == Self.type, let text = json["note"]?.string,
      let note = try? Array(text.utf8).withView({ try SignedNote($0) }),
      let record = try? KeyRotationRecord(note, reason: json["reason"]?.string)
    else { return nil }
    self = record
  }

  /// The entry: one line of JSON.
  public var text: String {
    var members: [JSONValue.Member] = [
      .init("type", .text(Self.type)), .init("note", .text(String(decoding: note.bytes, as: UTF8.self))),
    ]
    if let reason { members.append(.init("reason", .text(reason))) }
    return JSONValue.object(members).text
  }
}
