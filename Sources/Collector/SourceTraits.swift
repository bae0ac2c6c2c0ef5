import Bytes
import Syslog

/// What a worker needs to know of each source besides its templates: tags that choose among lists of
/// templates, and lengths at which the sender cuts.
struct SourceTraits {
  private struct Trait {
    var tags: Range<Int>
    var lengths: Range<Int>
  }
  private struct Tag {
    var bytes: Range<Int>
    var list: Int
  }

  private var traits: [Trait] = [Trait(tags: 0..<0, lengths: 0..<0)]
  private var tags: [Tag] = []
  private var tagBytes: [UInt8] = []
  private var lengths: [Int] = []

  init(_ table: SourceTable) {
    for definition in table.definitions {
      let firstTag = tags.count
      for group in definition.groups {
        let start = tagBytes.count
        tagBytes += Array(group.tag.utf8)
        tags.append(Tag(bytes: start..<tagBytes.count, list: 1 + table.definitions.count + tags.count))
      }
      let firstLength = lengths.count
      lengths += definition.lengths
      traits.append(Trait(tags: firstTag..<tags.count, lengths: firstLength..<lengths.count))
    }
  }

  /// The list of templates for a message of `source`.
  func list(for message: ByteView, source: Int) -> Int {
    let own = traits[source].tags
    if own.isEmpty { return source }
    guard let range = SyslogTag.range(in: message) else { return source }
    for number in own where isEqual(message, range, tags[number].bytes) { return tags[number].list }
    return source
  }

  private func isEqual(_ message: ByteView, _ range: Range<Int>, _ tag: Range<Int>) -> Bool {
    guard range.count == tag.count else { return false }
    for offset in 0..<range.count
    where message[range.lowerBound + offset] != tagBytes[tag.lowerBound + offset] {
      return false
    }
    return true
  }

  /// Whether the sender has cut a message.
  ///
  /// A message that HAProxy cuts has `len` bytes and then a line feed behind a syslog header, and `len` bytes
  /// with the line feed where no header is written (`raw`), as 2.6 was measured. A message that is just as
  /// long by nature looks the same: if it fits its format to the end, it is only suspected.
  func truncation(of message: ByteView, _ flags: FrameFlags, source: Int, fits: Bool) -> FrameFlags.Truncation
  {
    let own = traits[source].lengths
    if own.isEmpty || flags.framing != .datagram || flags.truncation != .none { return flags.truncation }
    let count = message.count &+ (flags.trailingLineFeed ? 1 : 0)
    for number in own {
      if count == lengths[number] &+ 1 { return fits ? .suspected : .certain }
      if count == lengths[number], !fits {
        let hasHeader = !message.isEmpty && message[0] == UInt8(ascii: "<")
        return hasHeader ? .suspected : .certain
      }
    }
    return flags.truncation
  }
}
