import Platform
import Segments

/// Finds out which files the patterns of all sources name now, and which of them were rotated.
struct FileSurvey {
  /// A file that should be opened.
  struct Candidate {
    var target: Int
    var path: String
    var identity: FileIdentity
    /// Its name is one that the source names.
    var isCurrent: Bool
    /// How far it is stored already.
    var position: FilePosition?
    /// The source has never been looked at, and nothing of it is stored.
    var isFirst: Bool
    /// It may be a copy of a file that is followed, which must not be read again.
    var isCopyable: Bool
    fileprivate var modified: Int64

    /// Whether it was written before the other. File systems' clocks are coarse; where they say nothing, `.2` is
    /// older than `.1`, and `.10` older than `.9`.
    fileprivate func isOlder(_ other: Candidate) -> Bool {
      (isCurrent ? 1 : 0, modified, other.path.utf8.count, other.path)
        < (other.isCurrent ? 1 : 0, other.modified, path.utf8.count, path)
    }
  }

  struct Findings {
    var files: [Candidate] = []
    /// Files that are stored and not there any more.
    var gone: [FilePosition] = []
    var notices: [(target: Int, text: String)] = []
    /// Names were changed all the time while they were read: some files may not have been seen.
    var isUncertain = false
  }

  /// What was found in a directory.
  private struct Listing {
    var directory: String
    var files: [(name: String, status: FileStatus)] = []
    var problem: SystemError?
  }

  private let targets: [FileTarget]
  private let directories: [String]
  /// When the newest line of the log's past was received, nanoseconds since 1970 UTC.
  private let lastTime: Int64
  /// Files that are not open, and how far they are stored.
  private(set) var history: [FileIdentity: FilePosition]
  /// When the oldest file of the directory that is looked at, of those that the log knows, was last written.
  private var oldestKnown: Int64?
  /// Files that are nobody's, and their names: another file may get the number of one that was removed.
  private var ignored: [FileIdentity: String] = [:]
  private var watches: [Int32: String] = [:]
  /// Names, in their directories, that files got which had one that a source names.
  private var movedNames: Set<String> = []
  private var movedFrom: [UInt32: Bool] = [:]
  private var hasLostNotices = false
  /// Names have changed since the last survey.
  private var hasNotices = false
  private var isFirstRun = true
  /// What could not be read, and why, so that it is said once.
  private var problems: [String: Int32] = [:]
  private let isNew: [Bool]

  init(_ targets: [FileTarget], _ history: FileHistory) {
    self.targets = targets
    directories = Array(Set(targets.map(\.pattern.directory))).sorted()
    lastTime = history.lastTime
    self.history = [:]
    for position in history.positions { self.history[position.file] = position }
    isNew = targets.map { target in
      !history.positions.contains { position in
        let file = FilePattern(position.path)
        return file?.directory == target.pattern.directory
          && (file.map { target.pattern.matches($0.name) || target.pattern.isRotated($0.name) } ?? false)
      }
    }
  }

  // MARK: Notices

  /// Takes what happened in the directories. Whether names have changed, so that a survey is due.
  mutating func readNotices(_ watch: borrowing FileWatch) -> Bool {
    var all: [FileNotice] = []
    watch.read { if $0.change != .contents { all.append($0) } }
    for notice in all { take(notice) }
    if !all.isEmpty { hasNotices = true }
    return !all.isEmpty
  }

  /// Follows renames in their order: however often a file was renamed since the last survey, its last name is
  /// known to be that of a file which a source named.
  private mutating func take(_ notice: FileNotice) {
    switch notice.change {
    case .lost: hasLostNotices = true
    case .movedFrom(let name, let cookie):
      let path = path(name, notice.watch)
      let isOurs = isNamed(name, notice.watch) || movedNames.contains(path)
      movedNames.remove(path)
      movedFrom[cookie] = isOurs
    case .movedTo(let name, let cookie):
      guard movedFrom.removeValue(forKey: cookie) == true else { return }
      movedNames.insert(path(name, notice.watch))
    case .names, .contents: break
    }
  }

  private func path(_ name: String, _ watch: Int32) -> String { (watches[watch] ?? "") + "/" + name }

  private func isNamed(_ name: String, _ watch: Int32) -> Bool {
    targets.contains { $0.pattern.directory == watches[watch] && $0.pattern.matches(name) }
  }

  // MARK: Survey

  /// Looks at all directories; tells each open file whether it still has a name.
  mutating func run(_ open: [FollowedFile], _ watch: borrowing FileWatch) -> Findings {
    var findings = Findings()
    let followed = Dictionary(open.map { ($0.identity, $0) }, uniquingKeysWith: { first, _ in first })
    var seen: Set<FileIdentity> = []
    for file in open { file.isVisible = false }
    let listings = list(watch, &findings.isUncertain)
    for listing in listings {
      let path = listing.directory
      if let error = listing.problem {
        guard let text = problem(path, error) else { continue }
        for (target, settings) in targets.enumerated() where settings.pattern.directory == path {
          findings.notices.append((target, text))
        }
        continue
      }
      problems[path] = nil
      seen.formUnion(listing.files.map { FileIdentity($0.status) })
      oldestKnown = listing.files.filter { file in
        let identity = FileIdentity(file.status)
        return history[identity] != nil || followed[identity] != nil
      }.map(\.status.modified).min()
      for (name, status) in listing.files { consider(name, status, in: path, followed, &findings) }
    }
    if !findings.isUncertain, listings.allSatisfy({ $0.problem == nil }) {
      for file in open where !file.isVisible { file.isCurrent = false }
      if isFirstRun { tellMissing(open, seen, &findings) }
      ignored = ignored.filter { seen.contains($0.key) }
    }
    findings.files.sort { $0.isOlder($1) }
    return findings
  }

  /// All that was found is open.
  mutating func finish() {
    isFirstRun = false
    hasLostNotices = false
    // What was renamed while the names were read is found next time, and then its former name must be known.
    if !hasNotices {
      movedNames.removeAll()
      movedFrom.removeAll()
    }
    hasNotices = false
  }

  /// What all directories hold. A file that is renamed while names are read may be seen twice or not at all, and a
  /// newer one must not be read before an older one that was missed: after a change everything is read again.
  private mutating func list(_ watch: borrowing FileWatch, _ isUncertain: inout Bool) -> [Listing] {
    var listings: [Listing] = []
    for _ in 0..<Limits.fileLooks {
      _ = readNotices(watch)
      listings = directories.map { path in
        // Before the names are read, so that nothing comes between.
        if let number = try? watch.watch(path) { watches[number] = path }
        return list(path)
      }
      isUncertain = readNotices(watch)
      if !isUncertain { break }
    }
    return listings
  }

  private func list(_ path: String) -> Listing {
    var listing = Listing(directory: path)
    do throws(SystemError) {
      let directory = try Directory(path)
      for name in try directory.names() {
        if let status = try status(of: name, in: directory) { listing.files.append((name, status)) }
      }
    } catch {
      listing.problem = error
    }
    return listing
  }

  /// What is stored of a file: only regular files are, also where a link that a source names leads to one.
  private func status(of name: String, in directory: borrowing Directory) throws(SystemError) -> FileStatus? {
    guard let status = try directory.status(of: name) else { return nil }
    if status.kind == .file { return status }
    guard status.kind == .symbolicLink,
      targets.contains(where: { $0.pattern.directory == directory.path && $0.pattern.matches(name) }),
      let target = try? FileDescriptor(reading: directory.path + "/" + name).status(), target.kind == .file
    else { return nil }
    return target
  }

  private mutating func consider(
    _ name: String, _ status: FileStatus, in directory: String, _ followed: [FileIdentity: FollowedFile],
    _ findings: inout Findings
  ) {
    let identity = FileIdentity(status)
    let here = targets.indices.filter { targets[$0].pattern.directory == directory }
    let current = here.first { targets[$0].pattern.matches(name) }
    if let file = followed[identity] {
      // A file may have two names for a moment.
      file.isCurrent = current != nil || file.isVisible && file.isCurrent
      file.isVisible = true
      return
    }
    if findings.files.contains(where: { $0.identity == identity }) { return }
    var candidate = Candidate(
      target: current ?? 0, path: targets[current ?? here[0]].pattern.path(of: name), identity: identity,
      isCurrent: current != nil, isFirst: false, isCopyable: false, modified: status.modified)
    if let position = history[identity] {
      let known = here.first { targets[$0].pattern.isLikely(position.path) }
      guard let target = current ?? known else { return }
      // All of it is stored, and it is not one that will grow.
      if current == nil, position.offset == UInt64(status.size) { return }
      candidate.target = target
      candidate.position = position
    } else if let current {
      if ignored[identity] == name { return }
      // What is being copied shows itself after its first bytes.
      let isWild = targets[current].pattern.isWild && !isFirstRun
      if isWild, status.size < 64, Clock.realtime() - status.modified < 2 * Limits.fileScan { return }
      candidate.isFirst = isFirstRun && isNew[current]
      candidate.isCopyable = targets[current].pattern.isWild
    } else {
      guard ignored[identity] != name, let target = rotated(name, status, here, directory) else {
        if isFirstRun { ignored[identity] = name }
        return
      }
      candidate.target = target
      candidate.isCopyable = true
    }
    findings.files.append(candidate)
  }

  /// The source whose file this was, if it is one that nobody has read: it came and was rotated away between two
  /// looks, or while the daemon did not run.
  private func rotated(_ name: String, _ status: FileStatus, _ here: [Int], _ directory: String) -> Int? {
    if movedNames.contains(directory + "/" + name) {
      return here.first { targets[$0].pattern.isRotated(name) } ?? here.first
    }
    guard isFirstRun || hasLostNotices,
      let target = here.first(where: { targets[$0].pattern.isRotated(name) }), !isFirstRun || !isNew[target]
    else { return nil }
    // What is younger than a file that was followed came after it. Where none is left, the time of the last line
    // must do; the clock of file systems is a little late.
    return status.modified >= oldestKnown ?? (lastTime - 20_000_000) ? target : nil
  }

  /// Says which files are not there yet, and forgets stored ones that are not there any more.
  private mutating func tellMissing(
    _ open: [FollowedFile], _ seen: Set<FileIdentity>, _ findings: inout Findings
  ) {
    for (index, target) in targets.enumerated() {
      if findings.files.contains(where: { $0.target == index && $0.isCurrent }) { continue }
      if open.contains(where: { $0.target == index && $0.isCurrent }) { continue }
      findings.notices.append((index, "\(target.pattern) is not there yet; it is read as soon as it is"))
    }
    for position in history.values where !seen.contains(position.file) {
      guard targets.contains(where: { $0.pattern.isLikely(position.path) }) else { continue }
      history[position.file] = nil
      var position = position
      position.offset = nil
      findings.gone.append(position)
    }
  }

  // MARK: What became of files

  mutating func opened(_ candidate: Candidate) {
    history[candidate.identity] = nil
    problems[candidate.path] = nil
  }

  mutating func closed(_ position: FilePosition, isGone: Bool) {
    history[position.file] = isGone ? nil : position
  }

  mutating func ignore(_ candidate: Candidate) {
    ignored[candidate.identity] = FilePattern(candidate.path)?.name ?? candidate.path
  }

  /// What to say of a path that cannot be read; nil when it was said before.
  mutating func problem(_ path: String, _ error: SystemError) -> String? {
    guard problems[path] != error.errno.rawValue else { return nil }
    problems[path] = error.errno.rawValue
    let mend =
      switch error.errno {
      case .accessDenied, .notPermitted: "; let this user read it, for example: setfacl -m u:stele:rX \(path)"
      case .noSuchFile: "; it is read as soon as it is there"
      default: ""
      }
    return "cannot read \(path): \(error.errno)\(mend)"
  }
}

extension FilePattern {
  /// Whether a file that was called so is, or was, one of these.
  func isLikely(_ path: String) -> Bool {
    guard let other = FilePattern(path), other.directory == directory else { return false }
    return matches(other.name) || isRotated(other.name)
  }
}
