import Bytes
import Glibc

/// A file seen as memory, read-only.
///
/// Reading past the end of a file that was cut off after it was mapped kills the process (SIGBUS): map only
/// files that nobody truncates, or whose owner this process is.
@safe public struct MappedFile: ~Copyable, @unchecked Sendable {
  private let base: UnsafeMutableRawPointer?
  /// Bytes mapped.
  public let count: Int
  public let path: String

  /// How the pages will be used.
  public enum Advice: Sendable { case sequential, random, willNeed }

  /// Maps the whole of an open file, which may be closed afterwards.
  public init(_ file: borrowing FileDescriptor) throws(SystemError) {
    try self.init(file, count: file.size())
  }

  /// Maps the first bytes of an open file: those that nobody will cut off.
  public init(_ file: borrowing FileDescriptor, count: Int) throws(SystemError) {
    unsafe base = try Self.map(file, count: count)
    self.count = count
    path = file.path
  }

  private static func map(
    _ file: borrowing FileDescriptor, count: Int
  ) throws(SystemError) -> UnsafeMutableRawPointer? {
    // mmap refuses a length of zero.
    guard count > 0 else { return nil }
    let region = unsafe mmap(nil, count, PROT_READ, MAP_SHARED, file.number, 0)
    if unsafe region == MAP_FAILED {
      throw SystemError(operation: "map", path: file.path, errno: lastErrno)
    }
    return unsafe region
  }

  /// Maps the whole of the file at `path`.
  public init(_ path: String) throws(SystemError) { try self.init(FileDescriptor(reading: path)) }

  deinit {
    if let base = unsafe base { unsafe munmap(base, count) }
  }

  /// The file's bytes. Valid while this value lives.
  public var view: ByteView {
    guard let base = unsafe base else { return ByteView() }
    return unsafe ByteView(UnsafeRawBufferPointer(start: base, count: count))
  }

  /// Tells the kernel how the pages will be used.
  public func advise(_ advice: Advice) {
    guard let base = unsafe base else { return }
    let value =
      switch advice {
      case .sequential: MADV_SEQUENTIAL
      case .random: MADV_RANDOM
      case .willNeed: MADV_WILLNEED
      }
    _ = unsafe madvise(base, count, value)
  }
}
