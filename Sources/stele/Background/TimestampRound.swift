import Bytes
import Cryptography
import Events
import MerkleLog
import Platform
import SegmentReader
import Segments

/// Something that a log has signed and that nobody has stamped yet.
struct TimestampSubject: Equatable {
  var name: TimestampName
  /// What the token will be over.
  var text: [UInt8]
  /// Number of entries that it covers.
  var size: UInt64
}

/// A token that was stored beside what it is over.
struct StoredTimestamp: Equatable, Sendable {
  var file: String
  var token: TimestampToken
  var size: UInt64

  /// What goes into the log.
  var record: TimestampRecord {
    TimestampRecord(
      sha256: token.bytes.withView { SHA256.hash($0) }, size: size, time: Timestamp.text(token.time))
  }
}

/// What of a log is to be stamped.
enum TimestampRound {
  /// The newest seal and the newest checkpoint, unless they have tokens. They cover what is older: seals are
  /// a chain, and so a token over one of them, made later than theirs, would say nothing more. A token that is
  /// there is never replaced, for it is the older one.
  static func subjects(of log: LogDirectory) throws(LogError) -> [TimestampSubject] {
    let files = try log.files()
    // After the listing: a key is named here before it signs.
    let keys = try log.keys()
    let stamped = Set(files.timestamps)
    var subjects: [TimestampSubject] = []
    if let seal = try log.newestSeal(keys)?.seal {
      let name = TimestampName.seal(firstIndex: seal.firstIndex)
      if !stamped.contains(name) {
        subjects.append(TimestampSubject(name: name, text: Array(seal.text.utf8), size: seal.endIndex))
      }
    }
    if let checkpoint = try log.checkpoint().signed?.checkpoint, checkpoint.size > 0 {
      let name = TimestampName.checkpoint(size: checkpoint.size)
      if !stamped.contains(name) {
        subjects.append(
          TimestampSubject(name: name, text: Array(checkpoint.text.utf8), size: checkpoint.size))
      }
    }
    return subjects
  }

  /// Stores a token, durably.
  static func store(
    _ token: TimestampToken, over subject: TimestampSubject, in log: LogDirectory
  ) throws(SystemError) -> StoredTimestamp {
    try token.bytes.withView { (bytes) throws(SystemError) in
      try log.directory.replaceFile(subject.name.file, with: bytes, mode: 0o444)
    }
    return StoredTimestamp(file: subject.name.file, token: token, size: subject.size)
  }

  /// The newest token over a checkpoint that can be read.
  static func newest(in log: LogDirectory) -> StoredTimestamp? {
    let sizes = ((try? log.files())?.timestamps ?? []).compactMap { name in
      if case .checkpoint(let size) = name { size } else { nil }
    }
    guard let size = sizes.max() else { return nil }
    let file = TimestampName.checkpoint(size: size).file
    guard let bytes = (try? log.read(file, limit: TimestampRequest.replyLimit)) ?? nil,
      let token = bytes.withView({ try? TimestampToken($0) })
    else { return nil }
    return StoredTimestamp(file: file, token: token, size: size)
  }
}
