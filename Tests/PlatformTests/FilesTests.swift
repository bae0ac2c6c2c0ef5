// Files and directories, on a real directory under the system's temporary one.
import Bytes
import Glibc
import Platform
import Testing

/// A directory of its own for one test.
func withTemporaryDirectory(_ body: (borrowing Directory) throws -> Void) throws {
  let path = "/tmp/stele-platform-\(getpid())-\(UInt64.random(in: 0 ... .max))"
  let directory = try Directory(making: path)
  defer {
    let parent = try? Directory("/tmp")
    for name in (try? directory.names()) ?? [] {
      _ = try? directory.remove(name)
      _ = try? directory.removeDirectory(name)
    }
    _ = try? parent?.removeDirectory(String(path.dropFirst(5)))
  }
  try body(directory)
}

@Suite struct FilesTests {
  @Test func whatIsWrittenIsReadBack() throws {
    try withTemporaryDirectory { directory in
      let file = try directory.createFile("a")
      let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      try bytes.withView { bytes throws(SystemError) in try file.write(bytes, at: 3) }
      #expect(try file.size() == 100_003)
      var buffer = ByteBuffer()
      let got = try file.read(200_000, at: 3, appendingTo: &buffer)
      #expect(got == 100_000)
      #expect(buffer.view.array == bytes)
      try file.synchronizeData()
      try file.truncate(to: 5)
      #expect(try file.size() == 5)
      try file.close()
      let mapped = try MappedFile(directory.openFile("a"))
      #expect(mapped.view.array == [0, 0, 0, bytes[0], bytes[1]])
    }
  }

  @Test func creatingWhatExistsFailsAndNamesIt() throws {
    try withTemporaryDirectory { directory in
      try directory.createFile("a").close()
      let error = #expect(throws: SystemError.self) { try directory.createFile("a").close() }
      #expect(error?.errno == .exists)
      #expect(error?.path == directory.path + "/a")
      #expect(error?.description == "cannot create \(directory.path)/a: File exists")
    }
  }

  @Test func replacingAFileLeavesNoTemporaryAndSetsTheMode() throws {
    try withTemporaryDirectory { directory in
      for text in ["first", "second, longer", ""] {
        try Array(text.utf8).withView { bytes throws(SystemError) in
          try directory.replaceFile("checkpoint", with: bytes, mode: 0o440)
        }
        let read = try directory.readFile("checkpoint", limit: 100)
        #expect(read.view.text == text)
      }
      #expect(try directory.names() == ["checkpoint"])
      #expect(try directory.status(of: "checkpoint")?.mode == 0o440)
    }
  }

  /// Without a journal, a power failure during the rename can leave both names of the one file, and the next
  /// replacement must not begin by emptying it.
  @Test func replacingAFileWhoseTemporaryIsTheSameFileLeavesItsContentsAlone() throws {
    try withTemporaryDirectory { directory in
      let old = Array("old".utf8), new = Array("new".utf8)
      try old.withView { bytes throws(SystemError) in try directory.replaceFile("a", with: bytes) }
      for name in ["a.new", "witness"] {
        #expect(unsafe link(directory.path + "/a", directory.path + "/" + name) == 0)
      }
      try new.withView { bytes throws(SystemError) in try directory.replaceFile("a", with: bytes) }
      #expect(try directory.readFile("a", limit: 100).view.text == "new")
      #expect(try directory.readFile("witness", limit: 100).view.text == "old")
      #expect(try directory.names() == ["a", "witness"])
    }
  }

  @Test func aFileOverTheLimitIsRefusedAndNothingIsRead() throws {
    try withTemporaryDirectory { directory in
      let bytes = [UInt8](repeating: 1, count: 70_000)
      try bytes.withView { bytes throws(SystemError) in try directory.replaceFile("a", with: bytes) }
      var buffer = ByteBuffer()
      buffer.append("before")
      do {
        try directory.readFile("a", limit: 69_999, into: &buffer)
        Issue.record("read")
      } catch let error as SystemError {
        #expect(error.errno == .tooBig)
      }
      #expect(buffer.view.text == "before")
      try directory.readFile("a", limit: 70_000, into: &buffer)
      #expect(buffer.count == 70_006)
    }
  }

  @Test func namesAreSortedAndGoWhenRenamedOrRemoved() throws {
    try withTemporaryDirectory { directory in
      for name in ["b", "a", "c"] { try directory.createFile(name).close() }
      try directory.makeDirectory("d")
      try directory.makeDirectory("d")
      try directory.rename("a", to: "z")
      let removed = try directory.remove("b")
      let again = try directory.remove("b")
      #expect(removed && !again)
      #expect(try directory.names() == ["c", "d", "z"])
      #expect(try directory.status(of: "d")?.kind == .directory)
      #expect(try directory.status(of: "b") == nil)
    }
  }

  @Test func theLockIsHeldByOneAndGoesWithItsDescriptor() throws {
    try withTemporaryDirectory { directory in
      #expect(try directory.tryLock())
      do {
        let other = try Directory(directory.path)
        #expect(try !other.tryLock())
      }
      let path = directory.path
      func lockAndLetGo() throws -> Bool { try Directory(path + "/d").tryLock() }
      try directory.makeDirectory("d")
      #expect(try lockAndLetGo())
      #expect(try lockAndLetGo())
    }
  }

  @Test func anEmptyFileMapsToNothing() throws {
    try withTemporaryDirectory { directory in
      try directory.createFile("a").close()
      let mapped = try MappedFile(directory.path + "/a")
      #expect(mapped.count == 0 && mapped.view.isEmpty)
    }
  }
}
