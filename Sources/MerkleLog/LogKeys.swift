import Bytes
import Cryptography

/// The verifier keys of one log, as the file `vkey` and an auditor's own file hold them, a line each:
///
///     ORIGIN+ID+BASE64                 the origin key
///     ORIGIN#0+ID+BASE64               the first one-time key, which all others follow from
///     ORIGIN+ID+BASE64 until INDEX     a former origin key, which signed only what ends at that index
public struct LogKeys: Equatable, Sendable {
  /// An origin key that another took the place of.
  public struct Former: Equatable, Sendable {
    public var key: VerifierKey
    /// Index of the entry that tells of its successor.
    public var end: UInt64

    public init(_ key: VerifierKey, until end: UInt64) {
      self.key = key
      self.end = end
    }
  }

  /// Most bytes of a file that is read.
  public static let sizeLimit = 1 << 16

  public var origin: VerifierKey
  /// Nil when only the origin key is known.
  public var first: VerifierKey?
  /// The oldest first.
  public var former: [Former] = []

  public init(origin: VerifierKey, first: VerifierKey? = nil) {
    self.origin = origin
    self.first = first
  }

  /// Reads the lines; the last need not end in a line feed.
  public init(_ text: ByteView) throws(KeyError) {
    var keys: LogKeys?
    var start = 0
    while start < text.count {
      let end = text.find(0x0A, from: start) ?? text.count
      let line = text[start, end]
      do throws(KeyError) {
        if keys == nil { keys = LogKeys(origin: try VerifierKey(line)) } else { try keys?.add(line) }
      } catch { throw KeyError(reason: error.reason, offset: start + error.offset) }
      start = end + 1
    }
    guard let keys else { throw KeyError(reason: .fields, offset: 0) }
    self = keys
  }

  private mutating func add(_ line: ByteView) throws(KeyError) {
    guard let space = line.find(UInt8(ascii: " ")) else {
      let key = try VerifierKey(line)
      guard first == nil, former.isEmpty, key.name == origin.name.checkpointKey(0), key.isSupported
      else { throw KeyError(reason: .name, offset: 0) }
      return first = key
    }
    let key = try VerifierKey(line.prefix(space))
    let words = Array(" until ".utf8)
    guard key.name == origin.name, key.isSupported, words.withView({ line.matches($0, at: space) }),
      let end = line.dropFirst(space + words.count).decimal, former.last.map({ $0.end < end }) ?? true
    else { throw KeyError(reason: .fields, offset: space) }
    former.append(Former(key, until: end))
  }

  /// The lines, each with its line feed.
  public var text: String {
    var text = "\(origin)\n"
    if let first { text += "\(first)\n" }
    for former in former { text += "\(former.key) until \(former.end)\n" }
    return text
  }
}
