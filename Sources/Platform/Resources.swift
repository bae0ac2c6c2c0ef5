import Bytes
import CLinux
import Glibc

/// What a file system holds, in bytes.
public struct FileSystemSpace: Equatable, Sendable {
  public var total: Int64
  /// What this user may still write.
  public var free: Int64

  public init(total: Int64, free: Int64) {
    self.total = total
    self.free = free
  }
}

extension Directory {
  /// The room on the file system that the directory is on (fstatvfs(3)).
  public func space() throws(SystemError) -> FileSystemSpace {
    var status = statvfs()
    try checked("look at the file system of", path) { unsafe fstatvfs(descriptor.number, &status) }
    let unit = Int64(clamping: status.f_frsize)
    return FileSystemSpace(
      total: Int64(clamping: status.f_blocks) &* unit, free: Int64(clamping: status.f_bavail) &* unit)
  }
}

extension Directory {
  /// What the directory is on when that is a file system which other hosts or programs change without this kernel
  /// (fstatfs(2)); nil for all others.
  public func remoteFileSystem() -> String? {
    switch linux_file_system(descriptor.number) {
    case 0x6969: "NFS"
    case 0x517B, 0xFF53_4D42, 0xFE53_4D42: "SMB"
    case 0x00C3_6400: "Ceph"
    case 0x0102_1997: "9P"
    case 0x6573_5546: "FUSE"
    default: nil
    }
  }
}

/// What this process uses of the machine (proc(5)). What the system does not tell is 0.
public struct ProcessResources: Equatable, Sendable {
  /// Bytes of memory in use.
  public var residentBytes: Int64
  /// Processor time used, nanoseconds.
  public var processorTime: Int64
  public var openFiles: Int
  public var openFileLimit: Int

  public static var current: ProcessResources {
    ProcessResources(
      residentBytes: residentPages * Int64(sysconf(Int32(_SC_PAGESIZE))),
      processorTime: Clock.processorTime(),
      // One of them is the listing's own.
      openFiles: max(0, ((try? Directory("/proc/self/fd").names().count) ?? 1) - 1),
      openFileLimit: Process.fileLimit)
  }

  private static var residentPages: Int64 {
    guard let proc = try? Directory("/proc/self"), let text = try? proc.readFile("statm", limit: 4096) else {
      return 0
    }
    let fields = text.view.text.split(separator: " ")
    return fields.count > 1 ? Int64(fields[1]) ?? 0 : 0
  }
}
