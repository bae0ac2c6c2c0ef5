// Files and pipes that are replayed.
import Bytes
import Glibc
import Intake
import Platform
import Testing

@Suite struct FileReaderTests {
  /// A producer may write a line an hour into `stele replay -`: each must be stored when it comes, and a line
  /// that comes in two halves stays one.
  @Test func whatAPipeGaveDoesNotWaitForMore() throws {
    var ends: [Int32] = [0, 0]
    #expect(unsafe pipe(&ends) == 0)
    let (inputNumber, outputNumber) = (ends[0], ends[1])
    let queue = try SlabQueue(slabCount: 4, reserved: 0, fillTime: 1_000_000)
    let writes = ["first\nsec", "ond\n", "third"]
    let lines: [[String]] = [["first"], ["second"], ["third"]]
    try Self.write(writes[0], outputNumber)
    let reader = try Thread(name: "test-reader") {
      let input = FileDescriptor(owning: inputNumber, path: "pipe")
      guard var reader = FileReader(queue, source: 1, envelope: [6]) else { return }
      let isWhole = try? reader.read(input)
      #expect(isWhole == true && reader.messages == 3 && reader.bytes == 18)
      reader.close()
    }
    let limits = BatchLimits(age: 0)
    let late = Clock.monotonic() + 60_000_000_000
    for turn in 0..<3 {
      let batch = try required(queue.nextBatch(limits, until: late) { _, _ in 0 })
      #expect(Self.texts(batch) == lines[turn])
      queue.recycle(batch)
      if turn < 1 { try Self.write(writes[1], outputNumber) }
      if turn == 1 {
        try Self.write(writes[2], outputNumber)
        close(outputNumber)
      }
    }
    reader.join()
  }

  private static func write(_ text: String, _ output: Int32) throws {
    let bytes = Array(text.utf8)
    let written = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(output, $0.baseAddress, $0.count) }
    #expect(written == bytes.count)
  }

  private static func texts(_ batch: borrowing SlabBatch) -> [String] {
    var texts: [String] = []
    for index in 0..<batch.count {
      for message in 0..<batch[index].messageCount { texts.append(batch[index].message(message).text) }
    }
    return texts
  }
}
