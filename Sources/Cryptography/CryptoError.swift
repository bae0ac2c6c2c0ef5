import Bytes
import COpenSSL

/// A libcrypto call that failed: the random source, memory, or a provider that refuses the algorithm.
public struct CryptoError: Error, Equatable, Sendable {
  public enum Operation: String, Sendable {
    case random = "random bytes"
    case hmac = "HMAC-SHA-256"
    case keystream = "AES-256-CTR"
    case encrypt = "AES-256-GCM"
    case envelope = "CMS"
    case key = "Ed25519 key"
    case sign = "Ed25519 signature"
    case verify = "Ed25519 verification"
    case timestamp = "timestamp request"
  }
  /// What was being done.
  public let operation: Operation
  /// libcrypto's error code (ERR_get_error(3)); 0 when it gave none.
  public let code: UInt

  /// Takes the first error from this thread's libcrypto error queue and empties the queue.
  init(_ operation: Operation) {
    self.operation = operation
    code = ERR_get_error()
    ERR_clear_error()
  }
}

extension CryptoError: CustomStringConvertible {
  public var description: String {
    if code == 0 { return "libcrypto: \(operation.rawValue) failed" }
    var text = ByteBuffer(capacity: 256)
    unsafe text.append(minimum: 256) { room in
      let line = unsafe room.bindMemory(to: CChar.self)
      unsafe ERR_error_string_n(code, line.baseAddress, line.count)
      return unsafe line.firstIndex(of: 0) ?? 0
    }
    return "libcrypto: \(operation.rawValue) failed: \(text.view.text)"
  }
}
