import Foundation

/// A library under a program that makes chosen system calls fail, and that sets the clock that the program sees,
/// while it runs. It needs a C compiler, and a program that is linked with the system's C library.
public final class FaultShim {
  /// System calls that can fail.
  public enum Call: Int32, Sendable {
    case pwrite = 1
    case pread, fdatasync, fsync, renameat, openat
  }

  /// What the program's environment must have.
  public var environment: [String: String] {
    ["LD_PRELOAD": Self.library ?? "", "STELE_SHIM": control, "SWIFT_BACKTRACE": "enable=no"]
  }

  /// Nil where it cannot be compiled.
  public static let library: String? = compile()
  public static var isThere: Bool { library != nil }

  private let control: String
  private let file: FileHandle

  /// The control file, named `path`, is shared with the program.
  public init(_ path: String) throws {
    control = path
    try Data(count: 4096).write(to: URL(fileURLWithPath: path))
    file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
  }

  /// Sets the clock forward, or back, seconds away from the system's.
  public func setClock(_ seconds: Int64) throws { try write(seconds * 1_000_000_000, at: 0) }

  /// Has a call fail for files whose path ends with `suffix`: after `skip` calls, `times` times.
  public func fail(
    _ call: Call, of suffix: String, with error: Int32, skip: Int32 = 0, times: Int32 = .max
  ) throws {
    try file.seek(toOffset: 64)
    file.write(Data(suffix.utf8 + [0]))
    try write(error, at: 12)
    try write(skip, at: 16)
    try write(times, at: 20)
    try write(call.rawValue, at: 8)
  }

  /// Calls that have failed.
  public var failed: Int { read(at: 24) }
  /// Writes to the file that failed, and syncs of it, since then.
  public var retries: Int { read(at: 28) }

  private func write(_ value: some FixedWidthInteger, at offset: UInt64) throws {
    try file.seek(toOffset: offset)
    file.write(Data((0..<value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }))
  }

  private func read(at offset: UInt64) -> Int {
    guard (try? file.seek(toOffset: offset)) != nil else { return -1 }
    return file.readData(ofLength: 4).reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  private static func compile() -> String? {
    guard let compiler = Program.find("cc") else { return nil }
    let base = NSTemporaryDirectory() + "stele-shim-\(UUID().uuidString)"
    let arguments = ["-shared", "-fPIC", "-O1", "-w", "-x", "c", "-", "-o", base + ".so", "-ldl"]
    let made = try? Program.run(compiler, arguments, input: Array(source.utf8))
    return made?.status == 0 ? base + ".so" : nil
  }

  private static let source = #"""
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <errno.h>
    #include <fcntl.h>
    #include <stdarg.h>
    #include <stdint.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/mman.h>
    #include <sys/socket.h>
    #include <sys/stat.h>
    #include <time.h>
    #include <unistd.h>

    enum { PWRITE = 1, PREAD, FDATASYNC, FSYNC, RENAMEAT, OPENAT };

    static struct control {
      volatile int64_t offset;
      volatile int32_t call, error, skip, times, failed, retries;
      char pad[32];
      char suffix[256];
    } *control;
    static volatile uint64_t failed_inode;

    #define REAL(name) ({ static __typeof__(&name) real; if (!real) real = dlsym(RTLD_NEXT, #name); real; })

    __attribute__((constructor)) static void begin(void) {
      const char *path = getenv("STELE_SHIM");
      int fd = path ? REAL(openat)(AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
      void *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      if (page != MAP_FAILED) control = page;
      if (fd >= 0) close(fd);
    }

    static int hits(int call, const char *path) {
      if (!control || control->call != call) return 0;
      size_t length = strlen(path), end = strlen(control->suffix);
      if (length < end || strcmp(path + length - end, control->suffix)) return 0;
      if (__atomic_fetch_sub(&control->skip, 1, __ATOMIC_SEQ_CST) > 0) return 0;
      control->skip = 0;
      if (control->times <= 0) return 0;
      control->times--;
      __atomic_fetch_add(&control->failed, 1, __ATOMIC_SEQ_CST);
      errno = control->error;
      return 1;
    }

    static int fails(int call, int fd) {
      if (!control || !control->call) return 0;
      struct stat status;
      char link[64], path[4096];
      if (call != PREAD && failed_inode && !fstat(fd, &status) && status.st_ino == failed_inode)
        control->retries++;
      snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
      ssize_t count = readlink(link, path, sizeof path - 1);
      if (count < 0) return 0;
      path[count] = 0;
      if (!hits(call, path)) return 0;
      int error = errno;
      if (!fstat(fd, &status)) failed_inode = status.st_ino;
      errno = error;
      return 1;
    }

    ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
      return fails(PWRITE, fd) ? -1 : REAL(pwrite)(fd, bytes, count, at);
    }
    ssize_t pread(int fd, void *bytes, size_t count, off_t at) {
      return fails(PREAD, fd) ? -1 : REAL(pread)(fd, bytes, count, at);
    }
    int fdatasync(int fd) { return fails(FDATASYNC, fd) ? -1 : REAL(fdatasync)(fd); }
    int fsync(int fd) { return fails(FSYNC, fd) ? -1 : REAL(fsync)(fd); }
    int renameat(int from, const char *old, int to, const char *new) {
      return hits(RENAMEAT, new) ? -1 : REAL(renameat)(from, old, to, new);
    }
    int openat(int at, const char *path, int flags, ...) {
      va_list rest;
      va_start(rest, flags);
      mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
      va_end(rest);
      if (flags & (O_WRONLY | O_RDWR) && hits(OPENAT, path)) return -1;
      return REAL(openat)(at, path, flags, mode);
    }

    static void set(struct timespec *time) {
      int64_t nanoseconds = time->tv_nsec + control->offset % 1000000000;
      time->tv_sec += control->offset / 1000000000;
      if (nanoseconds < 0) nanoseconds += 1000000000, time->tv_sec--;
      if (nanoseconds >= 1000000000) nanoseconds -= 1000000000, time->tv_sec++;
      time->tv_nsec = nanoseconds;
    }
    int clock_gettime(clockid_t clock, struct timespec *time) {
      int result = REAL(clock_gettime)(clock, time);
      if (control && clock == CLOCK_REALTIME) set(time);
      return result;
    }
    time_t time(time_t *result) {
      struct timespec now;
      clock_gettime(CLOCK_REALTIME, &now);
      if (result) *result = now.tv_sec;
      return now.tv_sec;
    }
    /* The kernel's receive times too. */
    static void setAll(struct msghdr *message) {
      for (struct cmsghdr *c = CMSG_FIRSTHDR(message); control && c; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) set((struct timespec *)CMSG_DATA(c));
    }
    int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout) {
      int result = REAL(recvmmsg)(fd, messages, count, flags, timeout);
      for (int i = 0; i < result; i++) setAll(&messages[i].msg_hdr);
      return result;
    }
    ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
      ssize_t result = REAL(recvmsg)(fd, message, flags);
      if (result >= 0) setAll(message);
      return result;
    }
    """#
}
