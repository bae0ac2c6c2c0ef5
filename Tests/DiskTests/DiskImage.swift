import Bytes
import Glibc
import Platform
import TestSupport

/// What is found on a disk: names, files, and which names are the same file.
struct DiskImage {
  var directories: Set<String> = []
  var files: [String: Int] = [:]
  var contents: [Int: [UInt8]] = [:]

  /// Makes `root` hold this and nothing else. Returns the file numbers by inode.
  @discardableResult func write(to root: String) throws -> [UInt64: Int] {
    try? removeTree(root)
    _ = try Directory(making: root)
    for path in directories.sorted() { _ = try Directory(making: root + "/" + path) }
    var inodes: [UInt64: Int] = [:]
    var written: [Int: String] = [:]
    for (path, number) in files.sorted(by: { $0.key < $1.key }) {
      let full = root + "/" + path
      if let other = written[number] {
        guard unsafe link(other, full) == 0 else {
          throw SystemError(operation: "link", path: full, errno: Errno(rawValue: errno))
        }
        continue
      }
      let file = try FileDescriptor(creating: full)
      try (contents[number] ?? []).withView { (bytes) throws(SystemError) in try file.write(bytes, at: 0) }
      inodes[try file.status().inode] = number
      written[number] = full
    }
    return inodes
  }
}
