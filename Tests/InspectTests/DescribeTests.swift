import Bytes
import Inspect
import MerkleLog
import SegmentReader
import Segments
import TestSupport
import Testing

@Suite struct DescribeTests {
  @Test func everyFileOfALogIsRecognised() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path, [.finished, .open])
      let proof = try Prover(try LogReader(path)).prove(5, disclose: true).bytes
      try log.write(proof, to: "5.tlog-proof")
      let types = [
        "": "log", "/vkey": "key", "/checkpoint": "checkpoint", "/5.tlog-proof": "proof",
        "/" + FileNames.name(0, .segment): "segment", "/" + FileNames.name(0, .seal): "seal",
        "/" + FileNames.name(20, .open): "segment",
      ]
      for (name, type) in types {
        let description = try Description(path + name)
        #expect(description.json.text.hasPrefix(#"{"type":"\#(type)","#), "\(name)")
        #expect(description.text.hasSuffix("\n"))
      }
    }
  }

  @Test func aLogIsSummedUp() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path, [.finished, .open])
      let raw = log.entries.reduce(0) { $0 + $1.raw.count }
      let json = try Description(path).json.text
      #expect(json.contains(#""entries":40,"checkpoint_size":40,"raw_bytes":\#(raw),"#))
      #expect(json.contains(#""first":20,"end":40,"blocks":2,"#))
    }
  }

  @Test func aSegmentShowsItsTemplatesAndTheBytesOfTheirColumns() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path, [.finished])
      let encoded = try LogBuilder.encode(log.segments[0], origin: "\(log.origin)")
      let description = try Description(path + "/" + FileNames.name(0, .segment))
      #expect(description.text.contains("Template test, 13 rows"))
      #expect(description.text.contains("Template request, 13 rows"))
      #expect(
        description.json.text.contains(#""offset":\#(encoded.blockOffsets[1]),"first":10,"entries":10,"#))
      for name in ["client.ip", "http.status", "bytes.out", "url.target", "unparsed lines"] {
        #expect(description.json.text.contains(#"{"name":"\#(name)","#), "\(name)")
      }
    }
  }

  /// What a writer that starts would cut off is not even mapped: a block whose bytes are not those of its chain.
  @Test func ofAnOpenSegmentOnlyWholeBlocksAreRead() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path, [.open])
      let encoded = try LogBuilder.encode(log.segments[0], origin: "\(log.origin)")
      let name = FileNames.name(0, .open)
      var bytes = try #require(try LogDirectory(path).read(name, limit: 1 << 20))
      let last = try #require(encoded.blockOffsets.last)
      bytes[bytes.count - 40] ^= 1
      try log.write(bytes, to: name)
      let description = try Description(path + "/" + name)
      #expect(description.json.text.contains(#""torn_at":\#(last),"#), "\(description.json.text)")
      #expect(description.json.text.contains(#""stored_bytes":\#(bytes.count),"#))
    }
  }

  @Test func whatIsNoFileOfALogIsRefused() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path, [.finished])
      for bytes in [
        [], [1, 2, 3], Array("hello\n".utf8), [UInt8](repeating: 0, count: 5000),
        [UInt8](repeating: 9, count: 5 << 20),
      ] {
        try log.write(bytes, to: "x")
        #expect(throws: DescriptionError.unknown(path: path + "/x")) { try Description(path + "/x") }
      }
      try log.write(Array("STLS".utf8), to: "x")
      #expect(throws: DescriptionError.self) { try Description(path + "/x") }
      #expect(throws: DescriptionError.self) { try Description(path + "/none") }
    }
  }

  /// A message may hold anything: what is shown of it is safe for a terminal.
  @Test func aHostileMessageIsShownWithoutControlBytes() throws {
    try withTemporaryDirectory { path in
      let log = try LogBuilder(path)
      var entry = LogBuilder.lines(1)[0]
      entry.raw = [0x1B, 0x5B, 0x32, 0x4A, 0xFF, 0x0A, 0x41, 0x22]
      try log.append([entry])
      try log.finish()
      try log.writeCheckpoint()
      let file = try Prover(try LogReader(path)).prove(0, disclose: true).bytes
      let proof = try file.withView { try CheckedProof($0, key: log.key) }
      #expect(proof.text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 })
      #expect(proof.text.contains("A\""))
      #expect(proof.json.text.contains(#""raw":null,"raw_base64":"G1sySv8KQSI=""#))
      #expect(proof.json.text.contains(#""peer_address":"192.0.2.0""#))
    }
  }

  @Test func jsonIsWrittenAsTheStandardSays() {
    #expect(JSONValue.text("a\"b\\c\n\r\t\u{1}é").text == #""a\"b\\c\n\r\t\u0001é""#)
    #expect(JSONValue.integer(.min).text == "-170141183460469231731687303715884105728")
    #expect(JSONValue.decimal(3.14159, digits: 2).text == "3.14")
    #expect(JSONValue.decimal(-0.005, digits: 3).text == "-0.005")
    #expect(JSONValue.decimal(7, digits: 0).text == "7")
    #expect(JSONValue.decimal(.infinity, digits: 2).text == "null")
    #expect(JSONValue.decimal(.nan, digits: 2).text == "null")
    let value: JSONValue = ["a": .null, "b": .list([.flag(true), .flag(false)]), "c": [:]]
    #expect(value.text == #"{"a":null,"b":[true,false],"c":{}}"#)
  }

  @Test func aReportNamesEveryFindingInJSONAndCollapsesThemForPeople() throws {
    try withTemporaryDirectory { path in
      let log = try LogBuilder(path)
      for number in 0..<12 { try log.append(LogBuilder.lines(5, from: number * 5)) }
      try log.finish()
      try log.writeCheckpoint()
      let encoded = try LogBuilder.encode(log.segments[0], origin: "\(log.origin)")
      var bytes = encoded.file
      for offset in encoded.blockOffsets { bytes[offset + 180] ^= 1 }
      try log.write(bytes, to: FileNames.name(0, .segment))
      let report = try verify(path)
      #expect(report.findings.count == 12)
      #expect(report.counts == [.corruption: 12])
      #expect(report.text.contains("and 9 more of this kind"))
      #expect(report.text.contains("DAMAGED: 12 findings."))
      #expect(report.text.contains("byte \(encoded.blockOffsets[2]), entries 10 to 14"))
      let json = report.json.text
      #expect(json.split(separator: #""kind":"corruption""#).count == 13)
      #expect(json.contains(#""result":"damaged","exit_status":2,"#))
      #expect(json.contains(#""offset":\#(encoded.blockOffsets[11]),"first":55,"end":60,"#))
    }
  }
}
