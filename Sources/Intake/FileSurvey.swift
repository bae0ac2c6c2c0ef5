import Bytes
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
    /// Stored files that are not there any more (without an offset), or have another number.
    var changed: [FilePosition] = []
    var notices: [(target: Int, text: String)] = []
    /// Names were changed all the time while they were read: some files may not have been seen.
    var isUncertain = false
  }

  /// What was found in a directory.
  private struct Listing {
    var directory: String
    var files: [(name: String, status: FileStatus)] = []
    var problem: SystemError?
    /// What a source names and is not a file.
    var others: [(name: String, kind: FileStatus.Kind)] = []
    /// Why nothing tells of its changes.
    var silence: String?
  }

  private(set) var targets: [FileTarget] = []
  private var directories: [String] = []
  /// When the newest line of the log's past was received, nanoseconds since 1970 UTC.
  private var lastTime: Int64
  /// When all directories were looked at last.
  private var lastLook: Int64 = 0
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
  /// Directories of whose changes nothing tells.
  private var silent: Set<String> = []
  /// Sources of which something could not be looked at, so that they stay fresh.
  private var unreadable: Set<UInt32> = []
  /// What was said of a path, so that it is said once.
  private var problems: [String: String] = [:]

  init(_ targets: [FileTarget], _ history: FileHistory) {
    lastTime = history.lastTime
    self.history = [:]
    for position in history.positions { self.history[position.file] = position }
    for target in targets { add(target, besides: []) }
  }

  // MARK: Sources

  /// Begins with another source; `open` is what is read for others.
  mutating func add(_ target: FileTarget, besides open: [FollowedFile]) {
    var target = target
    let known = history.values.map(\.path) + open.map(\.path)
    target.isNew = !known.contains { target.pattern.isLikely($0) }
    targets.append(target)
    setDirectories()
    // Nobody's files so far may be the new source's.
    ignored = ignored.filter { !target.pattern.matches($0.value) && !target.pattern.isRotated($0.value) }
  }

  /// Puts a source that names the same files in the place of another.
  mutating func replace(_ index: Int, by target: FileTarget) {
    let old = targets[index]
    targets[index] = target
    targets[index].isFresh = old.isFresh
    targets[index].isNew = old.isNew
  }

  /// Ends with a source, whose files must be closed.
  mutating func remove(_ index: Int, _ watch: borrowing FileWatch) {
    targets.remove(at: index)
    setDirectories()
    lastTime = max(lastTime, lastLook)
    for (number, path) in watches where !directories.contains(path) {
      watch.unwatch(number)
      watches[number] = nil
    }
    problems = problems.filter { entry in
      directories.contains(entry.key) || targets.contains { $0.pattern.isLikely(entry.key) }
    }
  }

  private mutating func setDirectories() {
    directories = Array(Set(targets.map(\.pattern.directory))).sorted()
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
    unreadable.removeAll()
    lastLook = Clock.realtime()
    let followed = Dictionary(open.map { ($0.identity, $0) }, uniquingKeysWith: { first, _ in first })
    var seen: Set<FileIdentity> = []
    for file in open { file.isVisible = false }
    let listings = list(watch, &findings.isUncertain)
    for listing in listings {
      let path = listing.directory
      note(listing, &findings)
      if listing.problem != nil { continue }
      seen.formUnion(listing.files.map { FileIdentity($0.status) })
      recognise(listing, followed, &findings)
      oldestKnown = listing.files.filter { file in
        let identity = FileIdentity(file.status)
        return history[identity] != nil || followed[identity] != nil
      }.map(\.status.modified).min()
      for (name, status) in listing.files { consider(name, status, in: path, followed, &findings) }
    }
    if !findings.isUncertain {
      let unseen = Set(listings.filter { $0.problem != nil }.map(\.directory))
      for file in open where !file.isVisible {
        if !unseen.contains(targets[file.target].pattern.directory) { file.isCurrent = false }
      }
      tellMissing(open, seen, unseen, &findings)
      if unseen.isEmpty { ignored = ignored.filter { seen.contains($0.key) } }
    }
    findings.files.sort { $0.isOlder($1) }
    return findings
  }

  /// All that was found is open, or cannot be.
  mutating func finish() {
    for index in targets.indices where !unreadable.contains(targets[index].source) {
      targets[index].isFresh = false
    }
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
        let problem = begin(path, watch)
        return list(path, problem)
      }
      isUncertain = readNotices(watch)
      if !isUncertain { break }
    }
    return listings
  }

  /// Why a directory cannot be watched; nil when it is.
  private mutating func begin(_ path: String, _ watch: borrowing FileWatch) -> SystemError? {
    do throws(SystemError) {
      watches[try watch.watch(path)] = path
      return nil
    } catch { return error }
  }

  private func list(_ path: String, _ unwatched: SystemError?) -> Listing {
    var listing = Listing(directory: path)
    do throws(SystemError) {
      let directory = try Directory(path)
      for name in try directory.names() {
        guard let status = try status(of: name, in: directory) else { continue }
        if status.kind == .file {
          listing.files.append((name, status))
        } else if targets.contains(where: { $0.pattern.directory == path && $0.pattern.name == name }) {
          listing.others.append((name, status.kind))
        }
      }
      listing.silence = FileTrouble.silence(unwatched, directory.remoteFileSystem())
    } catch {
      listing.problem = error
    }
    return listing
  }

  /// Of a link that a source names, what it leads to.
  private func status(of name: String, in directory: borrowing Directory) throws(SystemError) -> FileStatus? {
    guard let status = try directory.status(of: name) else { return nil }
    guard status.kind == .symbolicLink,
      targets.contains(where: { $0.pattern.directory == directory.path && $0.pattern.matches(name) })
    else { return status }
    return try? directory.status(of: name, followingLinks: true)
  }

  /// Tells what is the matter with a directory, or with what is in it.
  private mutating func note(_ listing: Listing, _ findings: inout Findings) {
    let path = listing.directory
    let text =
      listing.problem.map { FileTrouble.directory(path, $0) }
      ?? listing.silence.map { FileTrouble.isSilent(path, $0) }
    if listing.silence == nil { silent.remove(path) } else { silent.insert(path) }
    for (target, settings) in targets.enumerated() where settings.pattern.directory == path {
      // What is not there has no past that `start: end` could leave out.
      if let error = listing.problem, error.errno != .noSuchFile { unreadable.insert(settings.source) }
      if let text, problems[path] != text { findings.notices.append((target, text)) }
    }
    problems[path] = text
    for (name, kind) in listing.others {
      guard
        let target = targets.firstIndex(where: { $0.pattern.directory == path && $0.pattern.name == name })
      else { continue }
      let place = targets[target].pattern.path(of: name)
      if let text = isNews(place, FileTrouble.isNoFile(place, kind)) {
        findings.notices.append((target, text))
      }
    }
  }

  /// `text` unless the last that was said of the path is the same.
  private mutating func isNews(_ path: String, _ text: String) -> String? {
    if problems[path] == text { return nil }
    problems[path] = text
    return text
  }

  /// Finds stored files again whose device has another number than before, as it may after a reboot (device mapper,
  /// NVMe, containers): the same inode, directory and beginning tell them.
  private mutating func recognise(
    _ listing: Listing, _ followed: [FileIdentity: FollowedFile], _ findings: inout Findings
  ) {
    guard targets.contains(where: { $0.isFresh && $0.pattern.directory == listing.directory }) else { return }
    let devices = Set(listing.files.map(\.status.device))
    let strange = history.values.filter { position in
      !devices.contains(position.file.device) && position.fingerprint.count > 0
        && FilePattern(position.path)?.directory == listing.directory
    }
    if strange.isEmpty { return }
    for (name, status) in listing.files {
      let identity = FileIdentity(status)
      guard history[identity] == nil, followed[identity] == nil,
        var position = strange.first(where: { $0.file.inode == status.inode }),
        history[position.file] != nil, begins(listing.directory + "/" + name, as: position)
      else { continue }
      history[position.file] = nil
      var old = position
      old.offset = nil
      position.file = identity
      history[identity] = position
      findings.changed += [old, position]
    }
  }

  private func begins(_ path: String, as position: FilePosition) -> Bool {
    var beginning = ByteBuffer()
    do throws(SystemError) {
      try FileDescriptor(reading: path).read(
        Int(position.fingerprint.count), at: 0, appendingTo: &beginning)
    } catch { return false }
    return FileFingerprint(beginning.view) == position.fingerprint
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
      let isWild = targets[current].pattern.isWild && !targets[current].isFresh
      if isWild, status.size < 64, Clock.realtime() - status.modified < 2 * Limits.fileScan { return }
      candidate.isFirst = targets[current].isFresh && targets[current].isNew
      candidate.isCopyable = targets[current].pattern.isWild
    } else {
      guard ignored[identity] != name, let target = rotated(name, status, here, directory) else {
        if here.contains(where: { targets[$0].isFresh }) { ignored[identity] = name }
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
    guard let target = here.first(where: { targets[$0].pattern.isRotated(name) }),
      targets[target].isFresh ? !targets[target].isNew : hasLostNotices || silent.contains(directory)
    else { return nil }
    // What is younger than a file that was followed came after it. Where none is left, the time of the last line
    // must do; the clock of file systems is a little late.
    return status.modified >= oldestKnown ?? (lastTime - 20_000_000) ? target : nil
  }

  /// Says which files of fresh sources are not there yet, and forgets stored ones that are not there any more.
  private mutating func tellMissing(
    _ open: [FollowedFile], _ seen: Set<FileIdentity>, _ unseen: Set<String>, _ findings: inout Findings
  ) {
    let fresh = targets.indices.filter {
      targets[$0].isFresh && !unseen.contains(targets[$0].pattern.directory)
    }
    for index in fresh {
      if findings.files.contains(where: { $0.target == index && $0.isCurrent }) { continue }
      if open.contains(where: { $0.target == index && $0.isCurrent }) { continue }
      // Where something else is in its place, that was said.
      let path = "\(targets[index].pattern)"
      if problems[path] == nil, let text = isNews(path, FileTrouble.isMissing(path)) {
        findings.notices.append((index, text))
      }
    }
    for position in history.values where !seen.contains(position.file) {
      guard fresh.contains(where: { targets[$0].pattern.isLikely(position.path) }) else { continue }
      history[position.file] = nil
      var position = position
      position.offset = nil
      findings.changed.append(position)
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

  /// What to say of a file of a source that cannot be read; nil when it was said before.
  mutating func problem(_ path: String, _ error: SystemError, _ target: Int) -> String? {
    unreadable.insert(targets[target].source)
    return isNews(path, FileTrouble.file(path, error))
  }
}

extension FilePattern {
  /// Whether a file that was called so is, or was, one of these.
  func isLikely(_ path: String) -> Bool {
    guard let other = FilePattern(path), other.directory == directory else { return false }
    return matches(other.name) || isRotated(other.name)
  }
}
