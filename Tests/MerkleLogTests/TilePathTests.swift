import Bytes
import MerkleLog
import Testing

@Suite struct TilePathTests {
  @Test(arguments: [
    (TilePath(.hashes(level: 0), index: 0), "tile/0/000"),
    (TilePath(.hashes(level: 0), index: 0, width: 1), "tile/0/000.p/1"),
    (TilePath(.hashes(level: 0), index: 999), "tile/0/999"),
    (TilePath(.hashes(level: 0), index: 1000), "tile/0/x001/000"),
    (TilePath(.hashes(level: 3), index: 1_234_067), "tile/3/x001/x234/067"),
    (TilePath(.hashes(level: 63), index: 1_234_067, width: 8), "tile/63/x001/x234/067.p/8"),
    (TilePath(.entries, index: 273, width: 112), "tile/entries/273.p/112"),
    (TilePath(.entries, index: 1_000_000, width: 255), "tile/entries/x001/x000/000.p/255"),
    (
      TilePath(.hashes(level: 0), index: .max), "tile/0/x018/x446/x744/x073/x709/x551/615"
    ),
  ])
  func bothWays(tile: TilePath, path: String) throws {
    #expect(tile.description == path)
    #expect(try path.utf8Bytes.withView { (view) throws(DecodeError) in try TilePath(view) } == tile)
  }

  @Test(arguments: [
    "", "tile", "tile/", "tile/0", "tile/0/", "tile/00/000", "tile/64/000", "tile/100/000", "tile/-1/000",
    "tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000/001", "tile/0/x00/001", "tile/0/001/x002",
    "tile/0/x001", "tile/0/x001/", "tile/0/001/002", "tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0",
    "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/1x", "tile/0/000.p/1/", "tile/0/000/", "/tile/0/000",
    "tile/0/x018/x446/x744/x073/x709/x551/616", "tile/0/x001/x018/x446/x744/x073/x709/x551/615",
    "tile/entries", "tile/entries/1", "tile/Entries/001", "tile/0/00a", "tile/0/X001/000",
  ])
  func everyOtherSpellingIsRefused(path: String) {
    #expect(throws: DecodeError.self) {
      try path.utf8Bytes.withView { (view) throws(DecodeError) in _ = try TilePath(view) }
    }
  }

  @Test func tilesOfATreeOf70000() {
    #expect(TilePath.fullTiles(level: 0, size: 70_000) == 273)
    #expect(TilePath.partialWidth(level: 0, size: 70_000) == 112)
    #expect(TilePath.fullTiles(level: 1, size: 70_000) == 1)
    #expect(TilePath.partialWidth(level: 1, size: 70_000) == 17)
    #expect(TilePath.fullTiles(level: 2, size: 70_000) == 0)
    #expect(TilePath.partialWidth(level: 2, size: 70_000) == 1)
    #expect(TilePath.partialWidth(level: 3, size: 70_000) == 0)
    #expect(TilePath.partialWidth(level: 63, size: .max) == 0)
  }

  @Test func placeNamesTheHashesUnderASubtree() {
    let leaf = TilePath.place(level: 0, index: 70_000)
    #expect(leaf.tileLevel == 0 && leaf.tileIndex == 273 && leaf.hashes == 112..<113)
    let whole = TilePath.place(level: 8, index: 300)
    #expect(whole.tileLevel == 1 && whole.tileIndex == 1 && whole.hashes == 44..<45)
    let half = TilePath.place(level: 15, index: 3)
    #expect(half.tileLevel == 1 && half.tileIndex == 1 && half.hashes == 128..<256)
  }
}
