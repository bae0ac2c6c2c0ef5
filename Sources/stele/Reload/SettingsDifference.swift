import Bytes

/// What two configurations have different, key by key, as `stele config show` prints them.
struct SettingsDifference: Equatable, Sendable {
  struct Change: Equatable, Sendable {
    /// `sources.haproxy.format`.
    var key: String
    /// The name of the source whose key it is.
    var source: String?
    /// Nil where the key was not there, or is no more.
    var old: String?
    var new: String?

    /// `commit: 1s, was 100ms`.
    var text: String {
      switch (old, new) {
      case (_?, nil): "\(key) is gone"
      case (let old?, let new?): "\(key): \(new), was \(old)"
      case (nil, let new?): "\(key): \(new)"
      case (nil, nil): "\(key) has changed"
      }
    }

    var json: JSONValue { ["key": .text(key), "old": .optional(old), "new": .optional(new)] }
  }

  private(set) var changes: [Change] = []
  /// Something is different that no key tells.
  private(set) var isIncomplete = false

  init(_ old: Settings, _ new: Settings) {
    let before = Self.flat(old.json), after = Self.flat(new.json)
    let values = Dictionary(before.map { ($0.key, $0.new) }) { first, _ in first }
    let present = Set(after.map(\.key))
    for var change in after where values[change.key] != change.new {
      change.old = values[change.key] ?? nil
      changes.append(change)
    }
    for var change in before where !present.contains(change.key) {
      (change.old, change.new) = (change.new, nil)
      changes.append(change)
    }
    // What a file holds that a source names is of its settings as well.
    let files = Dictionary(old.withoutTests.sources.map { ($0.name, $0) }) { first, _ in first }
    for source in new.withoutTests.sources {
      guard let before = files[source.name], before != source, !sources.contains(source.name) else {
        continue
      }
      changes.append(Change(key: "sources.\(source.name)", source: source.name))
    }
    isIncomplete = changes.isEmpty && old.ordered != new.ordered
  }

  /// Names of the sources with a difference.
  var sources: Set<String> { Set(changes.compactMap(\.source)) }

  /// Groups whose every key can change while the daemon runs.
  private static let live = [
    "commit", "segment", "retention", "timestamps", "scrub", "witnesses", "http",
    "sources",
  ]

  /// Those for which the daemon must be started anew.
  var unchangeable: [Change] {
    changes.filter { change in
      let group = change.key.split(separator: ".").first.map(String.init) ?? change.key
      if change.key == "log.reserve" { return false }
      if !Self.live.contains(group) { return true }
      // Of a source that stays where it is: the kernel does not let sockets share a port later.
      return group == "sources" && change.key.hasSuffix(".sockets") && change.old != nil && change.new != nil
        && !changes.contains { $0.key == change.key.dropLast(7) + "listen" }
    }
  }

  /// Every key with its value as the new one. A list of sources goes by their names.
  private static func flat(_ value: JSONValue, _ key: String = "", _ source: String? = nil) -> [Change] {
    switch value {
    case .object(let members):
      return members.flatMap { flat($0.value, key.isEmpty ? $0.name : "\(key).\($0.name)", source) }
    case .list(let items) where key == "sources":
      return items.flatMap { item in
        let name = item["name"]?.string ?? ""
        return flat(item, "\(key).\(name)", name)
      }
    case .null: return []
    case .text(let text): return [Change(key: key, source: source, new: text)]
    default: return [Change(key: key, source: source, new: value.text)]
    }
  }
}

extension Settings {
  /// The same for the daemon, whatever the order of the sources.
  fileprivate var ordered: Settings {
    var settings = withoutTests
    settings.sources.sort { $0.name < $1.name }
    return settings
  }

  /// The same for the daemon: it runs no tests.
  var withoutTests: Settings {
    var settings = self
    for place in settings.sources.indices { settings.sources[place].tests = [] }
    return settings
  }
}
