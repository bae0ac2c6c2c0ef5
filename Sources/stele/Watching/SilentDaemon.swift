import Collector
import Platform

/// No daemon answers on the control channel of a log.
struct SilentDaemon: Error, CustomStringConvertible {
  var path: String
  /// What keeps this user from asking it.
  var refusal: AccessRefusal?

  init(_ directory: String) {
    path = ControlChannel.path(directory)
    refusal = AccessRefusal(reading: path)
  }

  var description: String {
    if let refusal { return "this user may not ask the daemon: \(refusal)" }
    return
      "no daemon answers at \(path): none collects into this log; systemctl status stele, or start one with "
      + "stele serve"
  }
}
