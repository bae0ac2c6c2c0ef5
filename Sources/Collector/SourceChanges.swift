import Intake
import TLS

/// The sources that a daemon collects from, and what counts their messages.
struct RunningSources: Sendable {
  struct One: Sendable {
    var input: DaemonPlan.Input
    var counters: SourceCounters
  }

  /// What a source gives. It outlives the source, but not what the source needs to be received.
  struct Account: Sendable {
    let id: UInt32
    let name: String
    /// What is not stored is read again.
    let isReread: Bool
    let counters: SourceCounters

    init(_ source: One) {
      id = source.input.source.id
      name = source.input.source.name
      isReread = if case .files = source.input.source.endpoint { true } else { false }
      counters = source.counters
    }
  }

  var all: [One] = []
  /// Of sources that are no more, of which something is not stored yet, or not in an account entry.
  var gone: [Account] = []
  var accounts: [Account] { all.map(Account.init) + gone }
  /// Of every number whose losses may still come.
  var names: [UInt32: String] = [:]
  /// The highest number that was given.
  var lastID: UInt32 = 0

  mutating func add(_ input: DaemonPlan.Input, _ counters: SourceCounters) {
    all.append(One(input: input, counters: counters))
    names[input.source.id] = input.source.name
    lastID = max(lastID, input.source.id)
  }
}

/// What becomes of each source when another list of them is to hold.
struct SourceChanges: Sendable {
  enum Fate: Equatable, Sendable {
    /// Nothing changes.
    case kept
    /// Another format, zone or limit; its number and its sockets stay.
    case changed
    /// A new number, with the sockets of a source that is no more.
    case takesOver(UInt32)
    case added
  }

  /// The new list, with numbers.
  private(set) var inputs: [(input: DaemonPlan.Input, fate: Fate)] = []
  /// Numbers of sources that are no more, those whose sockets are taken over among them.
  private(set) var removed: [UInt32] = []
  private(set) var lastID: UInt32

  /// `changed` names sources that have other settings than before under the same name.
  init(
    from old: [DaemonPlan.Input], to new: [DaemonPlan.Input], changed: Set<String>, lastID: UInt32
  ) {
    self.lastID = lastID
    var left = old
    for input in new {
      let same = left.firstIndex {
        $0.source.name == input.source.name && $0.source.sharesSocket(with: input.source)
          && $0.source.hasKind(of: input.source)
      }
      if let same {
        let isChanged = changed.contains(input.source.name)
        var next = isChanged ? input : left[same]
        next.source.id = left[same].source.id
        next.source.keepCertificates(of: left[same].source)
        inputs.append((next, isChanged ? .changed : .kept))
        left.remove(at: same)
      } else {
        inputs.append((input, .added))
      }
    }
    for place in inputs.indices where inputs[place].fate == .added {
      self.lastID += 1
      inputs[place].input.source.id = self.lastID
      let source = inputs[place].input.source
      guard let holder = left.firstIndex(where: { $0.source.sharesSocket(with: source) }) else { continue }
      let id = left.remove(at: holder).source.id
      inputs[place].fate = .takesOver(id)
      removed.append(id)
    }
    removed += left.map(\.source.id)
  }

  /// Numbers that are not in the pipeline's table yet.
  var hasNew: Bool { inputs.contains { $0.fate != .kept && $0.fate != .changed } }
}

extension Source {
  /// Goes on with what connections to `other` share, if its settings are the same: files that have changed under the
  /// same names are read again by whoever watches them.
  fileprivate mutating func keepCertificates(of other: Source) {
    if case .tls(let address, let new) = endpoint, let old = other.tls, old.hasSettings(of: new) {
      endpoint = .tls(address, old)
    }
  }
}
