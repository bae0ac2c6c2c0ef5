import Bytes
import Cryptography
import Formats
import MerkleLog
import Segments
import Templates
import Testing

/// Makes a small log without anything random: two sealed segments and a checkpoint, lines of several formats
/// and of none, pieces of one long line, statements of Stele itself, blocks of one entry and one that many
/// were joined into.
struct GoldenLog {
  private struct Entry {
    var raw: [UInt8]
    var metadata: EntryMetadata
    var envelope: [UInt8]
  }

  private(set) var files: [String: [UInt8]] = [:]
  private var expected: [String] = []
  private var roots: [String] = []
  private var tree = CompactRange()
  private var previousID = SegmentID(high: 0, low: 0)
  private var previousSeal: Seal?
  /// What the `key` entries need: how many there are, and the last checkpoint's one-time signature.
  private var keyCount: UInt64 = 0
  private var lastSignature: [UInt8]?
  private var time: Int64 = 1_767_225_600_000_000_000

  /// One line for each entry: what is stored of it beside its bytes, and these in hexadecimal.
  static func expectation(_ raw: ByteView, _ metadata: EntryMetadata, _ envelope: ByteView) -> String {
    "\(metadata.time) \(metadata.source) \(metadata.flags) \(metadata.kind.rawValue) \(Hex.encode(envelope)) "
      + "\(Hex.encode(raw))."
  }

  static func make() throws -> GoldenLog {
    var log = GoldenLog()
    var secret = ByteBuffer()
    for byte in 0..<32 { secret.append(UInt8(byte) &* 7) }
    let name = try #require(KeyName("golden.example/v1"))
    let signer = SignerKey(name: name, key: try SigningKey(seed: secret.view))
    let bodies = try ["haproxy/httplog", "nginx/combined", "envoy/default"].flatMap {
      try ShippedFormats.named($0)
    }
    let matcher = Matcher([SyslogHeaders.templates(around: bodies)])
    let created = log.control(#"{"type":"created","origin":"\#(name)","key":"\#(signer.verifier)"}"#)
    try log.append([[created], log.received(Self.lines), log.pieces(), [log.key()]], matcher, signer)
    // Enough rows for dictionaries, runs, shapes and a filter, as blocks have that were joined.
    try log.append(
      [
        log.received((0..<1500).map { Self.numbered($0) }), [log.control(#"{"type":"end"}"#), log.key()],
      ], matcher, signer
    )
    log.files[FileNames.verifierKey] = Array(
      LogKeys(origin: signer.verifier, first: try Self.oneTimeKey(name.checkpointKey(0)).verifier).text.utf8)
    log.files["expected.raw"] = Array(log.expected.map { $0 + "\n" }.joined().utf8)
    log.files["expected.roots"] = Array(log.roots.map { $0 + "\n" }.joined().utf8)
    return log
  }

  // MARK: Entries

  private static let lines: [String] = [
    #"192.0.2.1 - alice [24/Mar/2026:10:03:58 +0000] "GET /a/b?x=17 HTTP/1.1" 200 148 "-" "curl/8.5.0""#,
    #"<134>1 2026-11-23T05:06:15.990678+00:00 lb1 haproxy 7332 - - 127.0.0.1:55662 "#
      + "[23/Nov/2026:05:06:15.990] "
      + #"http-in~ app/srv1 0/0/1/23/24 200 312 - - ---- 1/1/0/0/0 0/0 {www.example.com|curl} "#
      + #""GET /index.html HTTP/1.1""#,
    #"<190>Nov 23 08:03:58 lb1 nginx: 2001:db8::7 - - [01/Jan/2026:00:00:00 -0530] "#
      + #""\x16\x03\x01" 400 0 "-" "-""#,
    #"[2026-04-15T20:17:00.310Z] "GET /status/418 HTTP/1.1" 418 UF,DC 0 135 4 3 "-" "curl/7.88" "#
      + #""84961386-6d84-929d-98bd-c5aee93b5c88" "httpbin:8000" "127.0.0.1:80""#,
    "no format has this", "", "\u{0}\u{1} controls \u{7F}",
  ]

  private static func numbered(_ number: Int) -> String {
    if number % 97 == 13 { return "line \(number) fits nothing" }
    let second = number % 60
    let status = number % 11 == 0 ? 503 : 200
    let time = "24/Mar/2026:10:03:\(second < 10 ? "0" : "")\(second) +0000"
    let id = String(number * 2_654_435_761 % 4_294_967_296, radix: 16)
    return "10.1.\(number % 7).\(number * 37 % 251) - - [\(time)] "
      + "\"GET /item/\(number * 7919 % 5000)?id=\(id) HTTP/1.1\" "
      + "\(status) \(number * 31 % 20_000) \"-\" \"agent/\(number % 5)\""
  }

  private mutating func control(_ text: String) -> Entry {
    time += 1_000_003
    return Entry(
      raw: Array(text.utf8), metadata: EntryMetadata(time: time, source: 0, flags: 4, kind: .control),
      envelope: [5])
  }

  /// One-time keys are made from their names.
  private static func oneTimeKey(_ name: KeyName) throws -> SignerKey {
    // The first seal is signed by the key of the first checkpoint.
    let seed = Array("\(name)".replacing("#seal-0", with: "#0").utf8)
    var secret = ByteBuffer()
    secret.append(seed.withView { SHA256.hash($0) })
    return SignerKey(name: name, key: try SigningKey(seed: secret.view))
  }

  private static func publicKey(_ name: KeyName) throws -> PublicKey {
    try #require(try oneTimeKey(name).verifier.publicKey)
  }

  /// The entry that ends the next checkpoint's tree.
  private mutating func key() throws -> Entry {
    let name = try #require(KeyName("golden.example/v1"))
    keyCount += 1
    let key = try Self.publicKey(name.checkpointKey(keyCount))
    return control(KeyRecord(number: keyCount, key: key, signature: lastSignature).text)
  }

  private mutating func received(_ lines: [String]) -> [Entry] {
    lines.enumerated().map { number, line in
      time += Int64(number % 13) * 1_000_003
      return Entry(
        raw: Array(line.utf8),
        metadata: EntryMetadata(time: time, source: 1, flags: UInt16(number % 3), kind: .received),
        envelope: [1, 1, 4, 192, 0, 2, UInt8(number % 4), 2, 2, 0x02, 0x10])
    }
  }

  /// One long line in three pieces.
  private mutating func pieces() -> [Entry] {
    [0x02 | 0x18 | 0x20, 0x02 | 0x18 | 0x20 | 0x40, 0x02 | 0x18 | 0x40].map { (flags: UInt16) in
      time += 1
      return Entry(
        raw: [UInt8](repeating: UInt8(truncatingIfNeeded: flags), count: 700),
        metadata: EntryMetadata(time: time, source: 2, flags: flags, kind: .received),
        envelope: [2, 3, 8] + [9, 0, 0, 0, 0, 0, 0, 0])
    }
  }

  // MARK: Segments

  private mutating func append(
    _ blocks: [[Entry]], _ matcher: borrowing Matcher, _ signer: borrowing SignerKey
  ) throws {
    let number = UInt8(roots.count + 1)
    let seed = SaltKey([number].withView { SHA256.hash($0) })
    let header = SegmentHeader(
      seed: seed, id: SegmentID(high: UInt64(number), low: 1), created: time, previous: previousID,
      origin: "\(signer.name)", tree: tree)
    let first = tree.size
    var out = ByteBuffer()
    header.encode(to: &out)
    var chain = try SegmentHeader.decode(out.view).chainStart
    var hasher = try EntryHasher(seed: seed)
    var index: [SegmentFooter.Block] = []
    var groups: [Digest] = []
    for (place, entries) in blocks.enumerated() {
      let start = tree.size
      for entry in entries {
        let leaf = try Self.leaf(entry, tree.size, &hasher)
        tree.append(leaf, level: 0) { if $0.level == 8 { groups.append($0.hash) } }
        expected.append(
          entry.raw.withView { raw in entry.envelope.withView { Self.expectation(raw, entry.metadata, $0) } })
      }
      let (payload, contents) = Self.encode(entries, matcher)
      let block = BlockHeader(
        segment: header.id, number: place, firstIndex: start, contents: contents,
        storedByteCount: payload.count,
        previousChain: chain, tree: tree)
      index.append(SegmentFooter.Block(block, at: out.count))
      var head = ByteBuffer()
      block.encode(to: &head)
      chain = payload.withView { BlockHeader.chain(previous: chain, header: head.view, stored: $0) }
      out.append(head.view)
      out.append(payload)
      out.append(chain)
    }
    SegmentFooter(blocks: index, firstGroup: first >> 8, groups: groups, chain: chain).encode(to: &out)
    let seal = Seal(
      origin: "\(signer.name)", segment: header.id, firstIndex: first, endIndex: tree.size, root: tree.root,
      chain: chain, byteCount: out.count, fileHash: SHA256.hash(out.view), previous: previousSeal?.textHash,
      keys: try sealKeys(signer.name))
    var note = try SignedNote(text: Array(seal.text.utf8))
    try note.sign(with: signer)
    try note.sign(with: Self.oneTimeKey(signer.name.sealKey(seal.keys.number)))
    files[FileNames.name(first, .segment)] = out.view.array
    files[FileNames.name(first, .seal)] = note.bytes
    roots.append("\(tree.size) \(tree.root)")
    previousID = header.id
    previousSeal = seal
    try signTree(signer)
  }

  private func sealKeys(_ name: KeyName) throws -> SealKeys {
    let number = previousSeal.map { $0.keys.number + 1 } ?? 0
    return SealKeys(
      number: number, next: try Self.publicKey(name.sealKey(number + 1)),
      checkpoint: NamedKey(
        number: keyCount, key: try Self.publicKey(name.checkpointKey(keyCount)), epoch: 0))
  }

  private mutating func signTree(_ signer: borrowing SignerKey) throws {
    let checkpoint = Checkpoint(origin: signer.name, size: tree.size, root: tree.root)
    var signed = try SignedCheckpoint(checkpoint, signedBy: signer)
    try signed.sign(with: Self.oneTimeKey(signer.name.checkpointKey(keyCount - 1)))
    lastSignature = signed.note.signatures.last?.bytes
    files[FileNames.checkpoint] = signed.note.bytes
  }

  private static func leaf(_ entry: Entry, _ index: UInt64, _ hasher: inout EntryHasher) throws -> Digest {
    try entry.raw.withView { raw in
      try entry.envelope.withView { try hasher.leaf(index: index, entry.metadata, envelope: $0, raw: raw) }
    }
  }

  private static func encode(_ entries: [Entry], _ matcher: borrowing Matcher) -> ([UInt8], BlockContents) {
    var builder = BlockBuilder(for: matcher)
    var result = MatchResult(for: matcher)
    for entry in entries {
      entry.raw.withView { raw in
        entry.envelope.withView { envelope in
          if entry.metadata.kind == .control || entry.metadata.source == 2 {
            builder.append(unparsed: raw, entry.metadata, envelope: envelope)
          } else {
            matcher.match(raw, list: 0, into: &result)
            builder.append(raw, result, entry.metadata, envelope: envelope, hasSameEnvelope: false)
          }
        }
      }
    }
    var out = ByteBuffer()
    let names = [SourceName(0, "stele"), SourceName(1, "edge"), SourceName(2, "long")]
    let contents = builder.finish(matcher, sourceNames: names, to: &out)
    return (out.view.array, contents)
  }
}
