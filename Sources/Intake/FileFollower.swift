import Bytes
import Events
import Platform
import Segments
import Synchronization
import Syslog

/// The one thread that reads all followed files.
///
/// A file is known by device and inode, so a rename changes nothing: the old file is read to its end, then the
/// new one. Lines are read straight into slabs; a last line without a line feed is not taken, but read again
/// once there is more, so nothing is carried. How far a file is stored travels with its lines
/// (`FilePosition`), and the log itself remembers it. When there is no slab, nothing is read: files wait.
struct FileFollower: ~Copyable {
  private let losses: LossLedger
  private let mailbox: Mailbox<FileOrder>
  private let record: @Sendable (String) -> Void
  private var notices: NoticeLimiter
  private var writer: SlabWriter
  private let poll: EventPoll
  private let watch: FileWatch
  private var tokens = HeapArray<UInt64>(count: 4) { _ in 0 }
  /// In the order found, older generations of a file before newer ones.
  private var files: [FollowedFile] = []
  private var survey: FileSurvey
  private var nextSurvey: Int64 = 0

  init(
    queue: SlabQueue, losses: LossLedger, targets: [FileTarget], history: FileHistory,
    mailbox: Mailbox<FileOrder>, stop: borrowing EventFlag,
    notice: @escaping @Sendable (IntakeNotice) -> Void
  ) throws(SystemError) {
    let poll = try EventPoll()
    let watch = FileWatch()
    try poll.add(stop.descriptor, token: 0)
    try poll.add(mailbox.flag.descriptor, token: 0)
    try watch.add(to: poll, token: 1)
    self.losses = losses
    self.mailbox = mailbox
    self.poll = poll
    self.watch = watch
    record = history.record
    notices = NoticeLimiter(notice)
    writer = SlabWriter(queue, .streams)
    survey = FileSurvey(targets, history)
  }

  /// Follows until `stopping`, then reads what is there. A last line without a line feed is left to the next start, which
  /// finds it whole: in pieces, neither would mean anything.
  mutating func run(_ stopping: borrowing Atomic<Bool>) {
    while !stopping.load(ordering: .acquiring) {
      if !mailbox.isEmpty { carryOutOrders() }
      if survey.readNotices(watch) || Clock.monotonic() >= nextSurvey { look() }
      guard let isBusy = round() else { return }
      let now = Clock.monotonic()
      let wait = writer.submitIfDue(now: now)
      if isBusy {
        Clock.sleep(nanoseconds: Limits.fileNap)
      } else {
        let timeout = min(wait ?? .max, max(0, nextSurvey - now))
        let found = (try? poll.wait(into: &tokens, timeout: timeout)) ?? 0
        if found > 0, mailbox.isEmpty { Clock.sleep(nanoseconds: Limits.fileNap) }
      }
    }
    let deadline = Clock.monotonic() + Limits.drain
    look()
    while let isBusy = round(), isBusy, Clock.monotonic() < deadline {}
    // What has no name any more can be read by nobody else.
    for file in files where !file.isVisible { _ = finish(file) }
    for file in files where file.size > file.offset {
      give(file.target, "\(file.path): its last \(file.size - file.offset) bytes are left to the next start")
    }
    writer.submit()
  }

  // MARK: Finding

  /// Looks which files there are, and opens those that are new.
  private mutating func look() {
    for _ in 0..<Limits.fileLooks {
      let found = survey.run(files, watch)
      for (target, text) in found.notices { give(target, text) }
      say(found.changed)
      // Where one has another name meanwhile, those that are newer must not be read before it.
      let isWhole = found.files.allSatisfy { open($0) }
      nextSurvey = Clock.monotonic() + (isWhole && !found.isUncertain ? Limits.fileScan : Limits.fileNap)
      if isWhole { break }
    }
    survey.finish()
  }

  private mutating func give(_ target: Int, _ text: String) {
    notices.give(
      IntakeNotice(source: survey.targets[target].name, peer: nil, text: text), now: Clock.monotonic())
  }

  /// Writes an entry of Stele itself, behind the lines read so far.
  private mutating func say(_ text: String) {
    writer.submit()
    record(text)
  }

  /// Says how far files are stored.
  private mutating func say(_ positions: [FilePosition]) {
    var rest = positions[...]
    while !rest.isEmpty {
      say(PositionsRecord(Array(rest.prefix(Limits.positionRun))).text)
      rest = rest.dropFirst(Limits.positionRun)
    }
  }

  /// False when the file has another name by now.
  private mutating func open(_ candidate: FileSurvey.Candidate) -> Bool {
    let target = survey.targets[candidate.target]
    do throws(SystemError) {
      let descriptor = try FileDescriptor(reading: candidate.path, waiting: false)
      let status = try descriptor.status()
      guard FileIdentity(status) == candidate.identity else { return false }
      let file = FollowedFile(candidate.target, descriptor, status, isCurrent: candidate.isCurrent)
      if let position = candidate.position {
        if try !file.resume(position) { sayCut(file, position, unread: nil) }
      } else if candidate.isCopyable, try isCopy(file) {
        survey.ignore(candidate)
        give(candidate.target, "\(candidate.path) begins as a file that is followed: a copy, not read")
        return true
      } else if target.startsAtEnd, candidate.isFirst {
        try file.skipToEnd(limit: target.messageLimit)
        // No line will tell before one comes.
        say([file.position])
      }
      survey.opened(candidate)
      files.append(file)
    } catch {
      if error.errno == .noSuchFile { return false }
      if let text = survey.problem(candidate.path, error, candidate.target) { give(candidate.target, text) }
    }
    return true
  }

  private func isCopy(_ file: FollowedFile) throws(SystemError) -> Bool {
    var beginning = ByteBuffer()
    try file.descriptor.read(FileFingerprint.limit, at: 0, appendingTo: &beginning)
    for other in files where other.isLike(beginning.view) { return true }
    for position in survey.history.values where position.fingerprint.count >= 64 {
      if try file.fingerprint(of: Int(position.fingerprint.count)) == position.fingerprint { return true }
    }
    return false
  }

  // MARK: Reading

  /// Reads every file as far as it goes, or until others must get their turn. Whether there may be more at once;
  /// nil once the queue is closed.
  private mutating func round() -> Bool? {
    var isBusy = false
    var blocked = [Bool](repeating: false, count: survey.targets.count)
    for file in files where !blocked[file.target] {
      var reads = 0
      reading: while true {
        switch read(file) {
        case .more: reads += 1
        case .end: break reading
        case .closed: return nil
        }
        if reads >= Limits.fileRun {
          // A newer file waits until this one is read to its end.
          if !file.isCurrent { blocked[file.target] = true }
          break
        }
      }
      if reads > 0 { isBusy = true }
    }
    guard settle() else { return nil }
    tellUnread()
    return isBusy
  }

  /// Tells how much of each source's files is not read yet.
  private func tellUnread() {
    for (index, target) in survey.targets.enumerated() {
      var unread = 0
      for file in files where file.target == index { unread += max(0, file.size - file.offset) }
      target.counters.unread.store(unread, ordering: .relaxed)
    }
  }

  private enum Outcome { case more, end, closed }

  /// Reads a file once. `end` also where only a part of a line is left.
  private mutating func read(_ file: FollowedFile) -> Outcome {
    let target = survey.targets[file.target]
    do throws(SystemError) {
      let before = file.size
      if try !file.look() { restart(file, size: before) }
      guard file.size > file.offset else { return .end }
      guard let envelope = prepare(file) else { return .closed }
      let count = try unsafe writer.slab.withFreeBytes(after: 0) { (room) throws(SystemError) -> Int in
        try unsafe file.descriptor.read(
          into: UnsafeMutableRawBufferPointer(rebasing: room.prefix(Limits.readBytes + target.messageLimit)),
          at: file.offset)
      }
      var scanner = FrameScanner(.file, limit: target.messageLimit, continued: file.isMidLine)
      let taken = cut(file, count, envelope, target) { scanner.next(in: $0, from: $1) }
      try file.advance(taken.bytes, isMidLine: taken.isMidLine ?? file.isMidLine)
      file.stamp(&writer.slab)
      return taken.bytes > 0 ? .more : .end
    } catch {
      if let text = survey.problem(file.path, error, file.target) { give(file.target, text) }
      return .end
    }
  }

  /// Makes room in the slab, and puts the file's envelope there.
  private mutating func prepare(_ file: FollowedFile) -> UInt32? {
    let bytes = survey.targets[file.target].messageLimit + Limits.smallestRead + Envelope.mostFileBytes
    guard writer.prepare(bytes: bytes) else { return nil }
    return file.envelope(in: &writer.slab)
  }

  /// Records the frames that `next` finds in `count` bytes of the slab's free part. Returns the bytes that they
  /// take, and whether the last one goes on; nil when there was none.
  private mutating func cut(
    _ file: FollowedFile, _ count: Int, _ envelope: UInt32, _ target: FileTarget,
    next: (ByteView, Int) -> FrameScanner.Frame?
  ) -> (bytes: Int, isMidLine: Bool?) {
    let time = Clock.realtime()
    let bytes = writer.slab.freeView(count)
    var start = 0
    var isMidLine: Bool?
    var (messages, length, overlong) = (0, 0, 0)
    while writer.slab.recordRoom > 0, let frame = next(bytes, start) {
      writer.slab.record(
        at: writer.slab.usedBytes &+ frame.offset, count: frame.count, time: time, source: target.source,
        envelope: envelope, flags: frame.flags)
      messages &+= 1
      length &+= frame.count
      if frame.flags.truncation == .collector { overlong &+= 1 }
      isMidLine = frame.flags.unterminated
      start = frame.end
    }
    writer.slab.take(start)
    target.counters.count(messages: messages)
    target.counters.bytes.add(length)
    target.counters.overlong.add(overlong)
    return (start, isMidLine)
  }

  // MARK: Orders

  private mutating func carryOutOrders() {
    let mailbox = mailbox
    mailbox.serve { order in
      switch order {
      case .add(let target): survey.add(target, besides: files)
      case .hand(let old, let target): hand(old, to: target)
      case .remove(let source): remove(source)
      }
      nextSurvey = 0
    }
  }

  /// What has been read by now is queued as it was.
  private mutating func hand(_ old: UInt32, to target: FileTarget) {
    writer.submit()
    guard let index = index(of: old) else { return }
    survey.replace(index, by: target)
  }

  /// Reads a source's files to their end, as far as that goes, and lets them go: how far they were read is known when
  /// they are followed again. Their lines are queued when this returns.
  private mutating func remove(_ source: UInt32) {
    guard let index = index(of: source) else { return }
    look()
    let deadline = Clock.monotonic() + Limits.drain
    let ended = files.filter { $0.target == index }
    reading: for file in ended {
      while Clock.monotonic() < deadline {
        switch read(file) {
        case .more: continue
        case .end: continue reading
        case .closed: break reading
        }
      }
    }
    for file in ended {
      if !file.isVisible { _ = finish(file) }
      survey.closed(file.position, isGone: !file.isVisible)
      let rest = file.size - file.offset
      if rest > 0 { give(index, "\(file.path) is let go; its last \(rest) bytes are not stored") }
    }
    files.removeAll { $0.target == index }
    for file in files where file.target > index { file.target -= 1 }
    survey.targets[index].counters.unread.store(0, ordering: .relaxed)
    survey.remove(index, watch)
    writer.submit()
    say(
      ended.map { file in
        var position = file.position
        if !file.isVisible { position.offset = nil }
        return position
      })
  }

  private func index(of source: UInt32) -> Int? { survey.targets.firstIndex { $0.source == source } }

  // MARK: Ends

  /// A file is not any more what was read of it: what it holds now is all new.
  private mutating func restart(_ file: FollowedFile, size: Int) {
    let position = file.position
    file.restart()
    sayCut(file, position, unread: max(0, size - Int(position.offset ?? 0)))
  }

  /// Tells that a file was cut, and of what is known to have been unread. What was written after the last look
  /// and cut before the next is not known, so the entry stands there in any case.
  private mutating func sayCut(_ file: FollowedFile, _ old: FilePosition, unread: Int?) {
    let target = survey.targets[file.target]
    say(
      JSONValue.object([
        .init("type", .text("file_cut")), .init("source", .text(target.name)),
        .init("path", .text(file.path)),
        .init("stored_to", .optional(old.offset)), .init("unread", .optional(unread)),
      ]).text)
    say([file.position])
    let now = Clock.realtime()
    losses.note(
      LossEvent(source: target.source, layer: .fileGap, count: UInt64(unread ?? 0), from: now, to: now))
    give(
      file.target,
      "\(file.path) was cut, or is another file now: it is read from its beginning"
        + (unread == 0
          ? "" : "; \(unread.map(String.init) ?? "an unknown number of") bytes were not read before"))
  }

  /// Ends files that were rotated away and have been silent since. False once the queue is closed.
  private mutating func settle() -> Bool {
    let now = Clock.monotonic()
    var gone: [FilePosition] = []
    var index = 0
    while index < files.count {
      let file = files[index]
      let silence = file.isVisible ? Limits.rotatedSilence : Limits.removedSilence
      guard !file.isCurrent, now - file.grown >= silence else {
        index += 1
        continue
      }
      guard finish(file) else { return false }
      var position = file.position
      survey.closed(position, isGone: !file.isVisible)
      if !file.isVisible {
        position.offset = nil
        gone.append(position)
      }
      files.remove(at: index)
    }
    say(gone)
    return true
  }

  /// Stores a last line without a line feed. False once the queue is closed.
  private mutating func finish(_ file: FollowedFile) -> Bool {
    guard file.size > file.offset, let envelope = prepare(file) else { return file.size <= file.offset }
    let target = survey.targets[file.target]
    let rest = file.size - file.offset
    // There was no time to read the lines before it; where the file has a name, the next start will.
    if rest > target.messageLimit { return true }
    do throws(SystemError) {
      let count = try unsafe writer.slab.withFreeBytes(after: 0) { (room) throws(SystemError) -> Int in
        try unsafe file.descriptor.read(
          into: UnsafeMutableRawBufferPointer(rebasing: room.prefix(rest)), at: file.offset)
      }
      var scanner = FrameScanner(.file, limit: target.messageLimit, continued: file.isMidLine)
      let taken = cut(file, count, envelope, target) { bytes, start in
        start < bytes.count ? scanner.finish(in: bytes, from: start) : nil
      }
      try file.advance(taken.bytes, isMidLine: taken.isMidLine ?? file.isMidLine)
      file.stamp(&writer.slab)
    } catch {
      if let text = survey.problem(file.path, error, file.target) { give(file.target, text) }
    }
    return true
  }
}

/// What the thread is told while it runs.
enum FileOrder: Sendable {
  case add(FileTarget)
  /// A source's files belong to another from now on, or to the same one with other settings.
  case hand(from: UInt32, to: FileTarget)
  case remove(source: UInt32)
}
