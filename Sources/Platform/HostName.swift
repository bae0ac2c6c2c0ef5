import Glibc

/// This machine's name.
public enum HostName {
  /// As `hostname(1)` prints it, or `localhost`.
  public static var own: String {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      guard let base = buffer.baseAddress, unsafe gethostname(base, 255) == 0 else { return "localhost" }
      unsafe base[255] = 0
      let name = unsafe String(cString: base)
      return name.isEmpty ? "localhost" : name
    }
  }
}
