import Glibc

/// The service manager that started this process and wants to hear how it is doing (sd_notify(3)).
public struct ServiceManager: Sendable {
  private let receiver: UnixReceiver

  /// Nil when nobody wants to hear: `NOTIFY_SOCKET` is not set, or is no socket's name.
  public init?() {
    guard let name = Process.environment("NOTIFY_SOCKET") else { return nil }
    self.init(socket: name)
  }

  /// `socket` is a path, or, after `@`, a name in the abstract namespace.
  public init?(socket: String) {
    guard let receiver = UnixReceiver(socket) else { return nil }
    self.receiver = receiver
  }

  /// Sends one state, such as `READY=1`; several are separated by line feeds. A manager that does not listen
  /// is not waited for. Returns whether it was sent.
  @discardableResult public func notify(_ state: String) -> Bool { receiver.send(Array(state.utf8)) }

  /// How long this process may go without `WATCHDOG=1` before the manager takes it for hung, nanoseconds; nil
  /// when it is not watched (sd_watchdog_enabled(3)).
  public var watchdog: Int64? {
    guard let interval = Process.environment("WATCHDOG_USEC").flatMap(Int64.init), interval > 0,
      interval < .max / 1000
    else { return nil }
    if let process = Process.environment("WATCHDOG_PID"), Int32(process) != getpid() { return nil }
    return interval * 1000
  }
}
