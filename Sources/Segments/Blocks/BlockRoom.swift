import Bytes
import Templates

/// How much of a block's bounds on templates and columns is used up.
///
/// A source that tries many templates (every format behind every form of syslog header) has more columns than
/// a block may have. Ordinary senders use a few of them; one who uses all must not make a block that no
/// reader takes.
struct BlockRoom: ~Copyable, Sendable {
  /// What templates take up.
  struct Need: Sendable, BitwiseCopyable {
    var columns = 0
    var roots = 0
    var metadataBytes = 0

    mutating func add(_ other: Need) {
      columns += other.columns
      roots += other.roots
      metadataBytes += other.metadataBytes
    }
  }

  /// Left for the sources' names and the structure.
  private static let metadataLimit = Limits.metadataBytes / 2

  private let needs: HeapArray<Need>
  /// The most that one line can need.
  private let widest: Need
  private let mayOverflow: Bool
  private var used = Need()
  /// Whether the next line may not fit.
  private(set) var isScarce = false

  init(_ matcher: borrowing Matcher) {
    var needs = [Need](repeating: Need(), count: matcher.nodeCount)
    var all = Need(columns: 0, roots: 0, metadataBytes: 0)
    var text = ByteBuffer()
    let isRoot = Set(matcher.roots.joined())
    for node in needs.indices {
      text.removeAll()
      TemplateCoding.encode(matcher.templates[node], to: &text)
      let columns = matcher.templates[node].slots.count
      needs[node] = Need(
        columns: columns, roots: isRoot.contains(node) ? 1 : 0, metadataBytes: text.count + 8)
      all.columns += columns
      all.roots += needs[node].roots
      all.metadataBytes += needs[node].metadataBytes
    }
    self.needs = HeapArray(count: needs.count) { needs[$0] }
    var widest = Need()
    for root in isRoot { widest.widen(Self.widest(root, matcher, needs)) }
    self.widest = widest
    mayOverflow = !Self.fits(all)
  }

  /// Whether a block has room for all templates of `matcher` at once.
  static func fitsAll(of matcher: borrowing Matcher) -> Bool {
    let room = BlockRoom(matcher)
    return !room.mayOverflow
  }

  /// The most that a line of `node` can need: of each slot's alternatives, the widest.
  private static func widest(_ node: Int, _ matcher: borrowing Matcher, _ needs: [Need]) -> Need {
    var need = needs[node]
    let first = matcher.firstSlot(of: node)
    for slot in first..<first + matcher.templates[node].slots.count {
      var nested = Need()
      for alternative in matcher.alternatives(of: slot) { nested.widen(widest(alternative, matcher, needs)) }
      need.add(nested)
    }
    return need
  }

  private static func fits(_ need: Need) -> Bool {
    need.columns <= Limits.columns - BlockLayout.fixedColumns && need.roots <= Limits.alternatives
      && need.metadataBytes <= metadataLimit
  }

  mutating func reset() {
    used = Need()
    isScarce = false
  }

  /// Takes the room of a node that is used for the first time.
  @inline(never) mutating func take(_ node: Int) {
    used.add(needs[node])
    if !mayOverflow { return }
    var next = used
    next.add(widest)
    isScarce = !Self.fits(next)
  }

  /// What a node takes up when it is used for the first time.
  func need(of node: Int) -> Need { needs[node] }

  /// Whether `need` fits beside what is used.
  func has(_ need: Need) -> Bool {
    var all = used
    all.add(need)
    return Self.fits(all)
  }
}

extension BlockRoom.Need {
  fileprivate mutating func widen(_ other: BlockRoom.Need) {
    columns = max(columns, other.columns)
    roots = max(roots, other.roots)
    metadataBytes = max(metadataBytes, other.metadataBytes)
  }
}

extension BlockBuilder {
  /// Whether a block has room for lines of all templates of `matcher` at once. Where it has not, lines whose
  /// templates come too late are kept as bytes.
  public static func hasRoomForAll(of matcher: borrowing Matcher) -> Bool { BlockRoom.fitsAll(of: matcher) }
}
