import Bytes
import Events
import MerkleLog

extension VerifyReport {
  /// The report, part by part, in the order in which it is read.
  public var sections: [ReportSection] {
    [logSection, rangeSection, signatureSection, timeSection, accountSection, checkSection]
  }

  private var logSection: ReportSection {
    var section = ReportSection("Log")
    section.add("Log", origin.isEmpty ? "(unknown)" : origin, isBrief: true, ["origin": .text(origin)])
    section.add(
      "Key", keyText, isBrief: true,
      ["key": .optional(key.map { "\($0)" }), "key_source": .text(keySource.rawValue)])
    let former = logKeys?.former ?? []
    let rotations: JSONValue = [
      "rotations": .list(
        (logKeys?.rotations ?? []).map {
          ["index": .number($0.index), "former": .text("\($0.old)"), "key": .text("\($0.new)")]
        })
    ]
    if let newest = logKeys?.origin, !former.isEmpty {
      section.add(
        "Now", "\(newest), after \(Quantities.plural(former.count, "rotation"))", isBrief: true, rotations)
    } else {
      section.add(rotations)
    }
    let oneTime: JSONValue = [
      "first_key": .optional(firstKey.map { "\($0)" }), "first_key_source": .text(firstKeySource.rawValue),
      "one_time_checkpoints": .number(oneTimeSignatures), "one_time_seals": .number(oneTimeSeals),
      "key_epochs": .number(keyEpochs),
    ]
    if key != nil {
      section.add("One-time", oneTimeText, isBrief: true, oneTime)
    } else {
      section.add(oneTime)
    }
    section.add("Directory", directory, ["directory": .text(directory)])
    return section
  }

  private var keyText: String {
    guard let key else { return "none could be read: no signature was checked" }
    switch keySource {
    case .given: return "\(key) (given)"
    default: return "\(key) (from the log's own directory: give --key to check against your own copy)"
    }
  }

  private var oneTimeText: String {
    let signed =
      "\(oneTimeSignatures) checkpoints and \(oneTimeSeals) seals carry their one-time signatures"
      + (isQuick ? ", as far as looked at" : "")
    let epochs = keyEpochs == 0 ? "" : "; \(Quantities.plural(keyEpochs, "new epoch"))"
    switch firstKeySource {
    case .given: return signed + epochs + " (from the first key given)"
    case .directory: return signed + epochs + " (from the first key in the log's own directory)"
    case .none: return signed + epochs + " (the first key is not known: give both lines of the log's vkey)"
    }
  }

  private var rangeSection: ReportSection {
    var section = ReportSection("What it holds")
    let count = entries.upperBound - entries.lowerBound
    let sealed = sealedSegments == segments ? "all sealed" : "\(sealedSegments) sealed"
    let range = entries.isEmpty ? "none" : "\(Quantities.entries(entries)) (\(count))"
    section.add(
      "Entries", "\(range) in \(Quantities.plural(segments, "segment")), \(sealed)", isBrief: true,
      [
        "first": .number(entries.lowerBound), "end": .number(entries.upperBound), "entries": .number(count),
        "segments": .number(segments), "sealed_segments": .number(sealedSegments), "blocks": .number(blocks),
      ])
    let from = receiveTimes.map { Timestamp.text($0.lowerBound) }
    let until = receiveTimes.map { Timestamp.text($0.upperBound) }
    let members: JSONValue = ["first_time": .optional(from), "last_time": .optional(until)]
    if let from, let until {
      section.add("Received", "\(from) to \(until), by the log host's clock", members)
    } else {
      section.add(members)
    }
    section.add(
      "Bytes", "\(rawBytes) of messages, stored in \(storedBytes)",
      ["raw_bytes": .number(rawBytes), "stored_bytes": .number(storedBytes)])
    return section
  }

  private var timeSection: ReportSection {
    var section = ReportSection("Trusted time")
    section.add(["times": times.json])
    for line in times.lines { section.add("Time", line, isBrief: true) }
    return section
  }

  private var signatureSection: ReportSection {
    var section = ReportSection("Signatures")
    func add(_ label: String, _ name: String, _ checkpoint: Checkpoint?, _ prefix: String = "") {
      guard let checkpoint else { return section.add(.object([JSONValue.Member(name, .null)])) }
      let object: JSONValue = ["size": .number(checkpoint.size), "root": .text("\(checkpoint.root)")]
      section.add(
        label, "\(prefix)size \(checkpoint.size), root \(checkpoint.root)", isBrief: true,
        .object([JSONValue.Member(name, object)]))
    }
    add("Checkpoint", "checkpoint", checkpoint)
    add("Given", "given_checkpoint", givenCheckpoint, "checkpoint of ")
    add("Since", "since_checkpoint", sinceCheckpoint, "trusted checkpoint of ")
    section.add(
      "Seals",
      "\(sealedSegments), over \(Quantities.entries(entries.lowerBound..<max(sealedEnd, entries.lowerBound)))"
    )
    let witnesses: JSONValue = ["witnessed": witnessed?.json(end: entries.upperBound) ?? .null]
    if let witnessed {
      section.add("Witnessed", witnessed.text(end: entries.upperBound), isBrief: true, witnesses)
    } else {
      section.add(witnesses)
    }
    let tail: JSONValue = ["unsigned_tail": .number(unsignedTail)]
    if unsignedTail > 0 {
      section.add("Unsigned", "\(unsignedTail) entries behind the last signature", isBrief: true, tail)
    } else {
      section.add(tail)
    }
    return section
  }

  private var accountSection: ReportSection {
    var section = ReportSection("What it says of itself")
    for (source, count) in control.losses.sorted(by: { $0.key < $1.key }) {
      section.add("Lost", "\(count) messages of \(source), as the log itself accounts", isBrief: true)
    }
    if control.losses.isEmpty { section.add("Lost", "nothing that the log accounts for") }
    for (type, count) in control.types.sorted(by: { $0.key < $1.key }) {
      section.add("Entries", "\(count) of type \(type)")
    }
    section.add(["control_entries": Self.json(control.types), "losses": Self.json(control.losses)])
    return section
  }

  static func json(_ counts: [String: some BinaryInteger]) -> JSONValue {
    .object(counts.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, .number($0.value)) })
  }

  private var checkSection: ReportSection {
    var section = ReportSection("What was checked")
    section.add(
      "Checked",
      "\(how): \(Quantities.bytes(storedBytes)) that hold \(Quantities.bytes(rawBytes)), "
        + "in \(Quantities.seconds(duration))", isBrief: true,
      ["quick": .flag(isQuick), "seconds": .decimal(Double(duration) / 1e9, digits: 3)])
    let count = entries.upperBound - entries.lowerBound
    section.add(
      "Signatures",
      key == nil ? "none, for want of a key" : "of checkpoints and seals, Ed25519, by the key above")
    section.add("Seals", "each against the one before it, and against every byte of its file (SHA-256)")
    section.add("Blocks", "\(blocks), each by the chain over its stored bytes, and its place and number")
    section.add(
      "Entries", "\(decodedEntries) of \(count) decoded, hashed anew and put into the tree that is signed",
      ["decoded_entries": .number(decodedEntries)])
    if decodedEntries < count {
      section.add("", "\(count - decodedEntries) by the chain and the seals over their stored bytes alone")
    }
    let closed: JSONValue = ["closed_entries": .number(closedEntries)]
    if closedEntries > 0 {
      section.add(
        "Encrypted", "\(closedEntries) entries, checked by the chain alone; --decrypt KEY reads them",
        isBrief: true, closed)
    } else {
      section.add(closed)
    }
    section.add("Not checked", "tiles, which are a cache and vouch for nothing")
    let members: JSONValue = ["being_written": .flag(isBeingWritten), "torn_bytes": .number(tornBytes)]
    if isBeingWritten {
      section.add("Writer", "at work", isBrief: true, members)
    } else {
      section.add(members)
    }
    return section
  }

  /// How far it went, in a few words.
  var how: String {
    if isQuick { return "stored bytes, chain and signatures" }
    guard let since = sinceCheckpoint else { return "every byte and every entry" }
    return "every byte, and every entry from \(since.size) on"
  }
}
