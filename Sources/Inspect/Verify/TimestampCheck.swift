import Bytes
import Cryptography
import Events
import MerkleLog
import SegmentReader
import Segments

/// The timestamp tokens of a log, and what the log says of them.
struct TimestampCheck: Sendable {
  /// A token that could be read; its own signature is good.
  struct Token: Sendable {
    var name: TimestampName
    var sha256: Digest
    var imprint: Digest
    var authority: String
    /// The times between which it was made, by the authority's own accuracy.
    var earliest: Int64
    var latest: Int64
    /// One of the given authorities vouches for it; true when none was given.
    var isTrusted: Bool
  }

  /// A control entry that says that a token was there.
  struct Record: Sendable {
    var index: UInt64
    /// The log's own time, nanoseconds since 1970 UTC.
    var time: Int64
    var record: TimestampRecord
  }

  var tokens: [Token] = []
  /// In the order of the log.
  var records: [Record] = []
  /// Names of the files that no token could be read from.
  var unreadable: Set<TimestampName> = []
  /// Tokens that came while the log was being verified.
  var late: Set<TimestampName> = []
  /// Sizes of stamped checkpoints, ascending.
  private var sizes: [UInt64] = []

  mutating func note(_ names: [TimestampName]) {
    sizes = names.compactMap { if case .checkpoint(let size) = $0 { size } else { nil } }.sorted()
  }

  /// Sizes whose roots are wanted to compare them with what was stamped.
  func sizes(in range: ClosedRange<UInt64>) -> ArraySlice<UInt64> {
    let start = sizes.firstIndex { $0 >= range.lowerBound } ?? sizes.endIndex
    let end = sizes[start...].firstIndex { $0 > range.upperBound } ?? sizes.endIndex
    return sizes[start..<end]
  }
}

extension LogCheck {
  /// Reads the tokens that are there at the start, and has the given authorities vouch for them.
  mutating func readTimestamps(_ names: [TimestampName]) {
    timestamps.note(names)
    if names.isEmpty, options.timestampAuthorities != nil {
      let text =
        "there is no timestamp token in the directory: only the log itself says when its entries were made"
      return add(Finding(.untrustedTime, .note, text))
    }
    read(names)
  }

  private mutating func read(_ names: [TimestampName]) {
    report.times.tokens += names.count
    guard let path = options.timestampAuthorities else {
      for name in names { readTimestamp(name) { _ throws(TimestampError) in } }
      return
    }
    do throws(TimestampError) {
      var authorities = try TimestampAuthorities(file: path)
      report.times.isTrusted = true
      for name in names {
        readTimestamp(name) { (token) throws(TimestampError) in try authorities.verify(token) }
      }
    } catch { add(Finding(.unreadable, .damage, "\(error)")) }
  }

  private mutating func readTimestamp(
    _ name: TimestampName, _ verify: (TimestampToken) throws(TimestampError) -> Void
  ) {
    let bytes: [UInt8]
    do throws(LogError) {
      // A writer that replaces it is no reason for a finding: what it records of it is looked at later.
      guard let read = try log.read(name.file, limit: TimestampRequest.replyLimit) else { return }
      bytes = read
    } catch { return add(unreadable(name.file, error)) }
    let token: TimestampToken
    do throws(TimestampError) {
      token = try bytes.withView { (bytes) throws(TimestampError) in try TimestampToken(bytes) }
    } catch {
      timestamps.unreadable.insert(name)
      return add(Finding(.badTimestamp, file: name.file, "\(error); restore the file from a copy"))
    }
    var isTrusted = true
    do throws(TimestampError) { try verify(token) } catch {
      isTrusted = false
      add(Finding(.untrustedTime, .note, file: name.file, "\(error); signed by \(token.authority)"))
    }
    timestamps.tokens.append(
      TimestampCheck.Token(
        name: name, sha256: bytes.withView { SHA256.hash($0) }, imprint: token.imprint,
        authority: token.authority, earliest: token.time - token.accuracy,
        latest: token.time + token.accuracy, isTrusted: isTrusted))
  }

  /// Remembers which tokens the log says that there are.
  mutating func takeTimestamps(_ items: [ControlItem]) {
    for item in items where item.type == "timestamp" || item.type == "key" {
      guard let record = TimestampRecord(in: item.json) else { continue }
      timestamps.records.append(TimestampCheck.Record(index: item.index, time: item.time, record: record))
    }
  }

  // MARK: Judgement

  /// Compares tokens with what they should be over, and with what the log says of them.
  mutating func judgeTimestamps() {
    readLateTimestamps()
    var covered: [TimestampName: UInt64] = [:]
    var subjects: [Digest: TimestampName] = [:]
    var others: [TimestampCheck.Token] = []
    for token in timestamps.tokens where !timestamps.late.contains(token.name) {
      guard let subject = subject(of: token.name) else { continue }
      subjects[subject.hash] = token.name
      covered[token.name] = subject.size
      if subject.hash != token.imprint {
        others.append(token)
        continue
      }
      guard token.isTrusted,
        subject.size > report.times.existed?.index ?? 0
          || subject.size == report.times.existed?.index && token.latest < report.times.existed?.time ?? .max
      else { continue }
      report.times.existed = TimeBracket.Bound(
        index: subject.size, time: token.latest, authority: token.authority, file: token.name.file)
    }
    for token in others {
      let text =
        subjects[token.imprint].map { "it is that of \($0.file), put in this one's place" }
        ?? "the token is over other bytes: it is not this log's, or what it was over has been changed"
      add(Finding(.badTimestamp, file: token.name.file, text + "; restore the file from a copy"))
    }
    judgeRecords(covered)
    judgeClocks(covered.filter { name, _ in !others.contains { $0.name == name } })
    if report.times.existed == nil, report.times.entered == nil { report.times.isTrusted = false }
  }

  /// A writer at work may have added tokens since the start, and the log may speak of them already. What they
  /// are over is for the next time.
  private mutating func readLateTimestamps() {
    let known = Set(timestamps.tokens.map(\.sha256))
    if timestamps.records.allSatisfy({ known.contains($0.record.sha256) }) { return }
    let names = Set(timestamps.tokens.map(\.name)).union(timestamps.unreadable)
    let late = ((try? log.files())?.timestamps ?? []).filter { !names.contains($0) }
    timestamps.late = Set(late)
    read(late)
  }

  /// What a token must be over, and how many entries that covers; nil when it cannot be told.
  private mutating func subject(of name: TimestampName) -> (hash: Digest, size: UInt64)? {
    switch name {
    case .seal(let firstIndex):
      // A seal that is refused has its own finding.
      guard let signed = try? log.seal(firstIndex, report.logKeys) else {
        report.times.unchecked += 1
        return nil
      }
      return (signed.seal.textHash, signed.seal.endIndex)
    case .checkpoint(let size):
      if size > report.entries.upperBound {
        let text =
          "a checkpoint over \(size) entries was stamped, but the log ends at "
          + "\(report.entries.upperBound): it was cut off or rolled back to an earlier state; restore the files from a copy"
        add(Finding(.rollback, file: name.file, entries: report.entries.upperBound..<size, text))
        return nil
      }
      guard let root = roots[size], let origin = KeyName(report.origin) else {
        report.times.unchecked += 1
        return nil
      }
      let text = Checkpoint(origin: origin, size: size, root: root).text
      return (Array(text.utf8).withView { SHA256.hash($0) }, size)
    }
  }

  /// Whether the tokens that the log speaks of are there.
  private mutating func judgeRecords(_ covered: [TimestampName: UInt64]) {
    let tokens = Dictionary(timestamps.tokens.map { ($0.sha256, $0) }) { first, _ in first }
    let names = Dictionary(grouping: covered.keys) { covered[$0] ?? 0 }
    for entry in timestamps.records {
      let record = entry.record
      guard let token = tokens[record.sha256] else {
        // With a segment goes the token over its seal.
        if acts.removed.contains(where: { $0.seal.endIndex == record.size }) { continue }
        let what =
          "the token of \(record.time) over \(record.size) entries, which entry \(entry.index) records"
        let name =
          names[record.size]?.first ?? timestamps.unreadable.first { $0 == .checkpoint(size: record.size) }
        let finding =
          name.map {
            Finding(.badTimestamp, file: $0.file, "the file is not \(what); restore it from a copy")
          }
          ?? Finding(.missingFile, entries: 0..<record.size, "\(what), is not here; restore it from a copy")
        add(finding)
        continue
      }
      guard token.isTrusted else { continue }
      report.times.entered = TimeBracket.Bound(
        index: entry.index + 1, time: token.earliest, authority: token.authority, file: token.name.file)
    }
  }

  /// How far the log's clock may be behind an authority's before it is worth a word, nanoseconds.
  private static var clockTolerance: Int64 { 5_000_000_000 }

  /// Whether what the tokens say agrees with itself, and with the log's own times.
  private mutating func judgeClocks(_ covered: [TimestampName: UInt64]) {
    let tokens = Dictionary(timestamps.tokens.map { ($0.sha256, $0) }) { first, _ in first }
    let recorded = timestamps.records.compactMap { entry in tokens[entry.record.sha256].map { (entry, $0) } }
    for (entry, token) in recorded where entry.time < token.earliest - Self.clockTolerance {
      let behind = Quantities.seconds(token.earliest - entry.time)
      let text =
        "the log's clock was \(behind) behind that of \(token.authority): "
        + "times around this entry are too early"
      add(Finding(.clock, .note, file: token.name.file, entries: entry.index..<entry.index + 1, text))
    }
    let stamped = timestamps.tokens.compactMap { token in covered[token.name].map { (size: $0, token) } }
    var rest = recorded[...]
    var newest: TimestampCheck.Token?
    for (size, token) in stamped.sorted(by: { $0.size < $1.size }) {
      while let (entry, recorded) = rest.first, entry.index < size {
        if recorded.earliest > newest?.earliest ?? .min { newest = recorded }
        rest.removeFirst()
      }
      guard let newest, newest.earliest > token.latest else { continue }
      let text =
        "by this token the entries before \(size) existed already at "
        + "\(Timestamp.text(token.latest, digits: 3)), but one of them holds the hash of "
        + "\(newest.name.file), made after \(Timestamp.text(newest.earliest, digits: 3)): "
        + "an authority's clock was wrong"
      add(Finding(.clock, .note, file: token.name.file, text))
    }
  }
}
