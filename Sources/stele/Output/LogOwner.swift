import Platform
import SegmentWriter

/// Whose a log is, where root writes to one that is not its own: what root leaves there, the log's daemon cannot
/// read.
enum LogOwner {
  /// Makes everything of a log somebody's.
  static func change(_ log: String, to user: String) -> String {
    let parts = [log, LogCreation.defaultKeyPath(log), LogCreation.defaultKeyStorePath(log)]
    return "chown -R \(user): \(parts.joined(separator: " "))"
  }

  /// Warns when this process is root, and what it has made or written belongs to another user or lies in another
  /// user's directory.
  static func warn(_ log: String) {
    guard Platform.Process.user == "root" else { return }
    for path in [log, log.parent] {
      guard let owner = FileOwner(path)?.name else { continue }
      if owner == "root" { continue }
      return StandardError.write(
        """
        note: what root writes here is root's, but \(path) is \(owner)'s, and a daemon that runs as \(owner) \
        cannot go on with it: \(change(log, to: owner)); or do it as \(owner): runuser -u \(owner) -- stele …

        """)
    }
  }
}

extension String {
  /// The directory that this path is in.
  var parent: String {
    var path = self[...]
    while path.utf8.count > 1, path.hasSuffix("/") { path.removeLast() }
    guard let cut = path.lastIndex(of: "/") else { return "." }
    return cut == path.startIndex ? "/" : String(path[..<cut])
  }
}
