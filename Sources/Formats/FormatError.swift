/// Why a format string cannot be compiled, and where.
public struct FormatError: Error, Equatable, Sendable {
  /// What is wrong, in one word.
  public enum Kind: String, Sendable, CaseIterable {
    /// Something begun is not finished: `%[src`, `${name`, `%START_TIME(`.
    case unfinished
    /// A byte that cannot stand where it does.
    case unexpected
    /// No such alias, type, operator argument or format.
    case unknown
    /// Understood, but lines of that form cannot be matched.
    case unsupported
    /// Nothing that could be matched.
    case empty
  }
  /// What is wrong.
  public var kind: Kind
  /// Byte offset in `string`.
  public var offset: Int
  /// What is wrong, and what is allowed there.
  public var note: String
  /// The string that was compiled.
  public var string: String

  /// An error of `kind` at byte `offset` of `string`.
  public init(_ kind: Kind, at offset: Int, in string: String, _ note: String) {
    self.kind = kind
    self.offset = offset
    self.string = string
    self.note = note
  }
}

extension FormatError: CustomStringConvertible {
  /// The string, a caret under the place, and the note; long strings are cut around the place.
  public var description: String {
    let bytes = Array(string.utf8)
    let place = min(offset, bytes.count)
    let start = max(0, place - 60)
    let end = min(bytes.count, place + 40)
    let before = visible(bytes[start..<place])
    let lead = start > 0 ? "…" : ""
    let shown = lead + before + visible(bytes[place..<end]) + (end < bytes.count ? "…" : "")
    return shown + "\n" + String(repeating: " ", count: (lead + before).count) + "^ " + note
  }

  /// Control bytes as `?`, so that the caret stands where it should.
  private func visible(_ bytes: ArraySlice<UInt8>) -> String {
    String(decoding: bytes.map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: "?") : $0 }, as: UTF8.self)
  }
}
