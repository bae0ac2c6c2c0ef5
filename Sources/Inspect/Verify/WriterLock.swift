import Bytes
import Platform

/// Whether a writer is at work. Taking the lock to find out could keep a writer from starting, so the
/// kernel's list of locks is read instead (proc_locks(5)); where it cannot be, nobody is taken to be writing.
enum WriterLock {
  static func isHeld(_ directory: borrowing Directory) -> Bool {
    guard let status = try? directory.descriptor.status() else { return false }
    var text = ByteBuffer()
    guard let file = try? FileDescriptor(reading: "/proc/locks"),
      (try? file.readAll(limit: 1 << 20, into: &text)) != nil
    else { return false }
    // 1: FLOCK  ADVISORY  WRITE 708 08:01:2883596 0 EOF. The device is not that of stat(2) on every file
    // system.
    let inode = Array(":\(status.inode) ".utf8)
    let type = Array(" FLOCK ".utf8)
    let mode = Array(" WRITE ".utf8)
    var reader = text.view
    while let end = reader.find(0x0A) {
      let line = reader.prefix(end)
      if [type, mode, inode].allSatisfy({ $0.withView { line.find($0) != nil } }) { return true }
      reader = reader.dropFirst(end + 1)
    }
    return false
  }
}
