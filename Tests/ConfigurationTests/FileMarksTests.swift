import Platform
import TestSupport
import Testing

@testable import stele

@Suite struct FileMarksTests {
  /// A certificate that is replaced between being read and being watched is read again.
  @Test func whatHasChangedSinceItWasReadIsDue() throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("a.crt")
    try directory.write("a.crt", Array("old".utf8))
    let read = [try? FileDescriptor(reading: path).status()]
    var same = FileMarks([path], takenAs: read)
    let isDue = same.haveChanged([path], isForced: true)
    #expect(!isDue)
    try directory.write("a.crt", Array("newer".utf8))
    var changed = FileMarks([path], takenAs: read)
    let isFirst = changed.haveChanged([path], isForced: false)
    let isSecond = changed.haveChanged([path], isForced: true)
    #expect(isFirst && !isSecond)
  }
}
