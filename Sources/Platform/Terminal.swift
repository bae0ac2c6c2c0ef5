import Glibc
import Synchronization

/// The terminal that this process was started on, while it is drawn upon: keys come one by one and are not
/// shown.
@safe public final class Terminal: Sendable {
  private let before: termios
  private let drawing: termios
  private let isRestored = Atomic(false)

  /// Nil unless standard input and output are terminals.
  public init?() {
    var modes = termios()
    guard StandardStream.input.isTerminal, StandardStream.output.isTerminal,
      unsafe tcgetattr(StandardStream.input.rawValue, &modes) == 0
    else { return nil }
    before = modes
    modes.c_lflag &= ~tcflag_t(ICANON | ECHO)
    // VSUSP, to _POSIX_VDISABLE: Ctrl-Z comes as a key, so that the terminal is given back before all stops.
    modes.c_cc.10 = 0
    drawing = modes
    _ = unsafe tcsetattr(StandardStream.input.rawValue, TCSANOW, &modes)
  }

  deinit { restore() }

  /// Gives the terminal back as it was. Later calls do nothing.
  public func restore() {
    if isRestored.exchange(true, ordering: .acquiringAndReleasing) { return }
    var modes = before
    _ = unsafe tcsetattr(StandardStream.input.rawValue, TCSANOW, &modes)
  }

  /// What Ctrl-Z sends.
  public static let suspendKey: UInt8 = 26

  /// Gives the terminal back and stops this job, as Ctrl-Z does elsewhere; returns once it goes on, and may draw.
  public func suspend() {
    var modes = before
    _ = unsafe tcsetattr(StandardStream.input.rawValue, TCSANOW, &modes)
    _ = kill(0, SIGTSTP)
    modes = drawing
    _ = unsafe tcsetattr(StandardStream.input.rawValue, TCSANOW, &modes)
  }

  /// Whether what the environment says of the terminal lets one draw upon it: `TERM` is set, and not `dumb`.
  public static var canDraw: Bool { ![nil, "dumb", "unknown"].contains(Process.environment("TERM")) }

  /// The next key, if one comes within so many nanoseconds. At the input's end 4 (Ctrl-D).
  public func key(within nanoseconds: Int64) -> UInt8? {
    var descriptor = pollfd(fd: StandardStream.input.rawValue, events: Int16(POLLIN), revents: 0)
    guard unsafe poll(&descriptor, 1, Int32(nanoseconds / 1_000_000)) > 0 else { return nil }
    var byte: UInt8 = 0
    return unsafe read(StandardStream.input.rawValue, &byte, 1) == 1 ? byte : 4
  }

  /// Columns and rows; 80 and 24 when the terminal does not say.
  public static var size: (columns: Int, rows: Int) {
    var size = winsize()
    guard unsafe ioctl(StandardStream.output.rawValue, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0,
      size.ws_row > 0
    else { return (80, 24) }
    return (Int(size.ws_col), Int(size.ws_row))
  }
}
