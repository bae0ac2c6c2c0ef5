import Bytes
import MerkleLog
import Platform
import SegmentWriter

/// The file beside the log where word is left of what could not be stored.
///
///     left      the account
///     claimed   the entries that it amounts to, and at which index they come
///     removed   they are in the log: appended as one block, durable
///
/// So each is said once, wherever this is cut off.
struct UnstoredFile {
  private static let limit = 16 << 20

  private let parent: String
  private let name: String
  private var path: String { parent + name }

  init(_ log: String) {
    (parent, name) = Directory.split(LogCreation.unstoredPath(log))
  }

  /// Leaves an account. Returns where.
  func write(_ json: JSONValue) throws(SystemError) -> String {
    let text = Array((json.text + "\n").utf8)
    try text.withView { (text) throws(SystemError) in
      try Directory(parent).replaceFile(name, with: text, mode: 0o600)
    }
    return path
  }

  /// Nil when there is none, null when it is something else.
  private func read() throws(SystemError) -> JSONValue? {
    do throws(SystemError) {
      var bytes = ByteBuffer()
      // A pipe of that name has no writer to wait for.
      try FileDescriptor(reading: path, waiting: false).readAll(limit: Self.limit, into: &bytes)
      return (try? JSONValue(parsing: bytes.view)) ?? .null
    } catch {
      if error.errno == .noSuchFile { return nil }
      throw error
    }
  }

  private func remove() throws(SystemError) {
    let parent = try Directory(parent)
    if try parent.remove(name) { try parent.synchronize() }
  }

  // MARK: The next writer

  /// Makes entries of what was left. Before anything else is appended.
  static func settle(_ writer: LogWriter) throws(WriteError) -> [UnstoredAccount.Report] {
    let file = UnstoredFile(writer.path)
    var reports = [try file.settle(writer)]
    for path in SurvivingCounts.paths(writer.path) { reports.append(try file.settle(counts: path, writer)) }
    return reports.compactMap { $0 }
  }

  /// What a daemon whose writing failed has left, or somebody who was cut off here.
  private func settle(_ writer: LogWriter) throws(WriteError) -> UnstoredAccount.Report? {
    let claimed: Claim
    do throws(SystemError) {
      guard let json = try read() else { return nil }
      guard let claim = Claim(json, recoveredSize: writer.recoveredSize) else {
        return Self.putAside(path, "it is no account of lost messages")
      }
      // The counts say no more than that.
      if let counts = claim.counts { try SurvivingCounts.remove(counts, of: writer.path) }
      claimed = claim
    } catch { return .init(path: path, error: "\(error)") }
    return try say(claimed, writer)
  }

  /// What a daemon that was killed has left.
  private func settle(counts path: String, _ writer: LogWriter) throws(WriteError) -> UnstoredAccount.Report?
  {
    let claimed: Claim
    do throws(SystemError) {
      guard let cells = try SharedCounters.left(at: path) else { return nil }
      if let objection = SurvivingCounts.objection(to: cells, key: writer.logKeys) {
        return Self.putAside(path, objection)
      }
      claimed = Claim(
        SurvivingCounts.account(of: cells, size: writer.recoveredSize), size: writer.recoveredSize)
    } catch { return .init(path: path, error: "\(error)") }
    return try say(claimed, removing: path, writer)
  }

  /// Gives what nobody can read another name, so that it does not stand in the way of what comes.
  private static func putAside(_ path: String, _ reason: String) -> UnstoredAccount.Report {
    let (parent, name) = Directory.split(path)
    let aside = name + ".unread"
    do throws(SystemError) {
      try Directory(parent).rename(name, to: aside)
      return .init(path: parent + aside, error: reason, isAside: true)
    } catch { return .init(path: path, error: reason) }
  }

  private func say(
    _ claim: Claim, removing counts: String? = nil, _ writer: LogWriter
  ) throws(WriteError) -> UnstoredAccount.Report? {
    do throws(SystemError) {
      if !claim.entries.isEmpty { _ = try write(claim.json(at: writer.tree.size)) }
      if let counts { try SurvivingCounts.remove(counts) }
    } catch { throw .system(error) }
    if !claim.entries.isEmpty { try writer.append(control: claim.entries) }
    try? remove()
    return claim.lost.isEmpty ? nil : .init(path: counts ?? path, lost: claim.lost)
  }
}

/// What is to be said, once it is known which blocks the log has.
private struct Claim {
  /// None when they are in the log already.
  var entries: [String] = []
  /// Messages by source.
  var lost: [String: UInt64] = [:]
  /// The identity of the counts that say the same.
  var counts: UInt64?

  func json(at place: UInt64) -> JSONValue {
    [
      "claimed": .number(place), "counts": .optional(counts),
      "entries": .list(entries.map { .text($0) }),
    ]
  }
}

extension Claim {
  /// Nil when the file holds something else.
  init?(_ json: JSONValue, recoveredSize: UInt64) {
    if let place = json["claimed"]?.integer(UInt64.self), let entries = json["entries"]?.items {
      self.init(
        entries: recoveredSize <= place ? entries.compactMap(\.string) : [], counts: json["counts"]?.integer()
      )
    } else if let account = UnstoredAccount(json) {
      self.init(account, size: recoveredSize)
    } else {
      return nil
    }
  }

  init(_ account: UnstoredAccount, size: UInt64) {
    self.init(
      entries: account.entries(size: size), lost: account.lost(size: size), counts: account.identity)
  }
}
