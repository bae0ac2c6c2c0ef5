import Bytes
import Segments
import TestSupport
import Testing

/// A block that consists of some rows of another shows those rows and nothing else.
@Suite struct PickingTests {
  @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
  func pickedRowsPrintAsTheyWereReceived(seed: UInt64) throws {
    var random = SplitMix64(seed)
    let count = random.pick([1, 2, 63, 64, 65, 700, 3000])
    let formats = random.chance(3) ? SampleFormats.combined : SampleFormats.all
    let sample = SampleBlock(sampleEntries(count, formats: formats, seed: seed), formats: formats)
    try sample.withDecoded { block in
      for oneIn in [1, 2, 10, 100, 2000] {
        let rows = (0..<UInt32(count)).filter { _ in random.chance(oneIn) }
        if rows.isEmpty { continue }
        let picked = try block.picking(rows)
        #expect(picked.count == rows.count)
        for (index, row) in rows.enumerated() {
          let entry = sample.entries[Int(row)]
          var raw = ByteBuffer()
          try picked.print(index, to: &raw)
          #expect(raw.view.array == entry.raw, "seed \(seed), row \(row)")
          #expect(picked.metadata(index) == entry.metadata)
          #expect(picked.envelope(index).array == entry.envelope)
        }
      }
    }
  }

  @Test func columnsOfEveryFormCanBePicked() throws {
    var random = SplitMix64(9)
    let entries = (0..<4000).map { row in
      // Times that only rise, few distinct sizes, runs of statuses, ids of one shape, now and then an
      // outlier.
      let size = random.chance(100) ? random.below(1 << 40) : 100 + random.below(8)
      let line =
        "192.0.2.\(row % 7) - - [01/Jan/2026:00:\(10 + row / 400):\(10 + row % 400 / 8) +0000] "
        + "\"GET /item/\(random.below(1 << 20)) HTTP/1.1\" \(row < 3000 ? 200 : 404) \(size) \"-\" \"a\""
      return SampleEntry(
        raw: Array(line.utf8),
        metadata: EntryMetadata(time: Int64(row), source: 1, flags: 2, kind: .received),
        envelope: [6])
    }
    let sample = SampleBlock(entries, formats: SampleFormats.combined)
    try sample.withDecoded { block in
      let rows = (0..<UInt32(4000)).filter { _ in random.chance(37) }
      let picked = try block.picking(rows)
      for (index, row) in rows.enumerated() {
        var raw = ByteBuffer()
        try picked.print(index, to: &raw)
        #expect(raw.view.array == entries[Int(row)].raw)
      }
    }
  }

  @Test func rowsOutsideTheBlockAreRefused() throws {
    let sample = SampleBlock(
      sampleEntries(10, formats: SampleFormats.all, seed: 3), formats: SampleFormats.all)
    try sample.withDecoded { block in
      do {
        _ = try block.picking([3, 10])
        Issue.record("row 10 of 10 was picked")
      } catch {}
    }
  }
}
