import CLinux
import Glibc

/// What concerns this process as a whole.
public enum Process {
  /// Lets the process open as many files as the administrator allows (`RLIMIT_NOFILE`: soft limit to hard
  /// limit). Returns the limit that holds now.
  @discardableResult public static func raiseFileLimit() -> Int {
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard unsafe getrlimit(resource, &limit) == 0 else { return 0 }
    let soft = limit.rlim_cur
    limit.rlim_cur = limit.rlim_max
    if unsafe setrlimit(resource, &limit) != 0 { return Int(clamping: soft) }
    return Int(clamping: limit.rlim_cur)
  }

  /// How many files the process may open.
  public static var fileLimit: Int {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
    return Int(clamping: limit.rlim_cur)
  }

  /// Gives memory that was freed back to the kernel, which the allocator alone does late or never.
  public static func trimMemory() { linux_trim_memory() }

  /// Keeps the memory of this process, with its private keys, out of core dumps and from other processes of the
  /// same user (PR_SET_DUMPABLE, prctl(2)).
  public static func forbidDumps() { linux_forbid_dumps() }

  /// Opens /dev/null in the place of standard streams that are closed, before a file of the log gets such a number,
  /// and messages.
  public static func openStandardStreams() {
    while true {
      let descriptor = unsafe open("/dev/null", O_RDWR)
      if descriptor < 0 { return }
      if descriptor > 2 {
        _ = close(descriptor)
        return
      }
    }
  }

  /// Keeps libdispatch from telling the journal, in every process of an ordinary user, that it may not raise the
  /// priority of its threads. Only before anything else runs.
  public static func quietDispatch() { _ = unsafe setenv("LIBDISPATCH_LOG", "NO", 0) }

  /// What a signal does that nobody waits for.
  public enum Disposition: Sendable { case ignored, byDefault }

  /// A terminal that goes away (SIGHUP).
  public static func setHangup(_ disposition: Disposition) { set(SIGHUP, disposition) }

  /// A write to a pipe that nobody reads (SIGPIPE). By default it ends the process without a word, which is
  /// what the programs in a pipeline expect of one another; service managers start their services with it
  /// ignored.
  public static func setBrokenPipe(_ disposition: Disposition) { set(SIGPIPE, disposition) }

  private static func set(_ number: Int32, _ disposition: Disposition) {
    _ = signal(number, disposition == .ignored ? SIG_IGN : SIG_DFL)
  }

  /// The value of an environment variable; nil when it is not set or empty.
  public static func environment(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    let text = unsafe String(cString: value)
    return text.isEmpty ? nil : text
  }

  /// Who this process is, for messages: the name of its user, or the number where that has no name.
  public static var user: String {
    let number = geteuid()
    return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { room in
      guard let base = room.baseAddress else { return "\(number)" }
      var entry = unsafe passwd()
      var found: UnsafeMutablePointer<passwd>?
      let status = unsafe getpwuid_r(number, &entry, base, room.count, &found)
      guard status == 0, let name = unsafe found?.pointee.pw_name else { return "\(number)" }
      return unsafe String(cString: name)
    }
  }

  /// What a service manager says about the sockets that it hands over; nobody reads it twice.
  static func takeListenVariables() -> (process: String?, count: String?, names: String?) {
    let names = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]
    let values = names.map(environment)
    for name in names { unsafe unsetenv(name) }
    return (values[0], values[1], values[2])
  }

  /// The working directory.
  public static var workingDirectory: String {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { buffer in
      guard let base = buffer.baseAddress, unsafe getcwd(base, buffer.count) != nil else { return "." }
      return unsafe String(cString: base)
    }
  }

  /// Ends the process at once, without running anything else.
  public static func exit(_ status: Int32) -> Never { Glibc.exit(status) }
}

extension FileDescriptor {
  /// Whether it is a terminal.
  public var isTerminal: Bool { isatty(number) == 1 }
}

/// The three descriptors that every process starts with. They stay open to its end.
public enum StandardStream: Int32, Sendable {
  case input = 0
  case output = 1
  case error = 2

  public var isTerminal: Bool { isatty(rawValue) == 1 }

  /// Whether whoever read it has closed it (a pipe without a reader).
  public var isBroken: Bool {
    var descriptor = pollfd(fd: rawValue, events: 0, revents: 0)
    return unsafe poll(&descriptor, 1, 0) > 0 && descriptor.revents & Int16(POLLERR) != 0
  }

  /// Columns of the terminal; 80 when it does not say.
  public var columns: Int {
    var size = winsize()
    let request = UInt(TIOCGWINSZ)
    guard unsafe ioctl(rawValue, request, &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// A duplicate descriptor, which its owner may close.
  public func open() throws(SystemError) -> FileDescriptor {
    let path =
      switch self {
      case .input: "standard input"
      case .output: "standard output"
      case .error: "standard error"
      }
    let number = try checked("open", path) { dup(rawValue) }
    return FileDescriptor(owning: number, path: path)
  }
}
