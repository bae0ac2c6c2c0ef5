import Bytes
import Glibc

/// An IPv4 or IPv6 address, as a plain value.
public struct IPAddress: Hashable, Sendable, BitwiseCopyable, CustomStringConvertible {
  /// The address as a number; an IPv4 address uses the lowest 32 bits of `low`.
  public let high: UInt64
  public let low: UInt64
  public let isIPv6: Bool

  /// An IPv4 address as a number: 127.0.0.1 is 0x7F000001.
  public init(v4: UInt32) {
    high = 0
    low = UInt64(v4)
    isIPv6 = false
  }

  /// An IPv6 address as a number.
  public init(v6 high: UInt64, _ low: UInt64) {
    self.high = high
    self.low = low
    isIPv6 = true
  }

  /// From 4 or 16 bytes in network order; nil for any other number of bytes.
  public init?(_ bytes: ByteView) {
    switch bytes.count {
    case 4: self.init(v4: UInt32(bigEndian: bytes.load32(at: 0)))
    case 16: self.init(v6: UInt64(bigEndian: bytes.load64(at: 0)), UInt64(bigEndian: bytes.load64(at: 8)))
    default: return nil
    }
  }

  /// From text: `192.0.2.1`, `2001:db8::1`; nil when it is neither.
  public init?(_ text: String) {
    var v4 = in_addr()
    if unsafe inet_pton(AF_INET, text, &v4) == 1 {
      self.init(v4: UInt32(bigEndian: v4.s_addr))
      return
    }
    var v6 = in6_addr()
    guard unsafe inet_pton(AF_INET6, text, &v6) == 1 else { return nil }
    self.init(v6)
  }

  init(_ v6: in6_addr) {
    self = unsafe withUnsafeBytes(of: v6) { bytes in
      unsafe IPAddress(
        v6: UInt64(bigEndian: bytes.load(as: UInt64.self)),
        UInt64(bigEndian: bytes.load(fromByteOffset: 8, as: UInt64.self)))
    }
  }

  /// The IPv4 address inside an IPv4-mapped IPv6 address (`::ffff:192.0.2.1`), which is how a socket that
  /// takes both sees an IPv4 peer; else the address itself.
  public var unmapped: IPAddress {
    isIPv6 && high == 0 && low &>> 32 == 0xFFFF ? IPAddress(v4: UInt32(truncatingIfNeeded: low)) : self
  }

  /// An address that only this machine reaches: 127.0.0.0/8, ::1.
  public var isLoopback: Bool {
    let address = unmapped
    return address.isIPv6 ? address.high == 0 && address.low == 1 : address.low &>> 24 == 127
  }

  /// 4 or 16.
  public var byteCount: Int { isIPv6 ? 16 : 4 }

  /// Appends the 4 or 16 bytes in network order.
  public func append(to buffer: inout ByteBuffer) {
    if isIPv6 {
      buffer.append(littleEndian: high.byteSwapped)
      buffer.append(littleEndian: low.byteSwapped)
    } else {
      buffer.append(littleEndian: UInt32(truncatingIfNeeded: low).byteSwapped)
    }
  }

  var v6: in6_addr {
    var address = in6_addr()
    unsafe withUnsafeMutableBytes(of: &address) { bytes in
      unsafe bytes.storeBytes(of: high.bigEndian, as: UInt64.self)
      unsafe bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
    }
    return address
  }

  /// The usual text; IPv6 as RFC 5952 writes it.
  public var description: String {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
      guard let base = text.baseAddress else { return "" }
      let size = socklen_t(INET6_ADDRSTRLEN)
      if isIPv6 {
        var address = v6
        _ = unsafe inet_ntop(AF_INET6, &address, base, size)
      } else {
        var address = in_addr(s_addr: UInt32(truncatingIfNeeded: low).bigEndian)
        _ = unsafe inet_ntop(AF_INET, &address, base, size)
      }
      return unsafe String(cString: base)
    }
  }
}

/// Where a socket is bound, or whom it talks to.
public enum SocketAddress: Hashable, Sendable, CustomStringConvertible {
  case ip(IPAddress, port: UInt16)
  case unix(path: String)

  /// `192.0.2.1:514`, `[2001:db8::1]:514`, `/run/stele/log.sock`.
  public var description: String {
    switch self {
    case .ip(let address, let port): address.isIPv6 ? "[\(address)]:\(port)" : "\(address):\(port)"
    case .unix(let path): path
    }
  }

  /// All addresses of a host name (or of an address as text), in the system's order of preference.
  public static func resolve(host: String, port: UInt16) throws(ResolveError) -> [SocketAddress] {
    if let address = IPAddress(host) { return [.ip(address, port: port)] }
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
    unsafe hints.ai_flags = AI_ADDRCONFIG
    var list: UnsafeMutablePointer<addrinfo>?
    let result = unsafe getaddrinfo(host, nil, &hints, &list)
    guard result == 0 else {
      throw ResolveError(host: host, reason: unsafe String(cString: gai_strerror(result)))
    }
    defer { unsafe freeaddrinfo(list) }
    var found: [SocketAddress] = []
    var next = unsafe list
    while let entry = unsafe next {
      if let address = unsafe IPAddress(entry.pointee.ai_addr) { found.append(.ip(address, port: port)) }
      unsafe next = entry.pointee.ai_next
    }
    if found.isEmpty { throw ResolveError(host: host, reason: "no address") }
    return found
  }

  /// The address as the kernel wants it. Nil when a unix path is too long (107 bytes at most) or empty.
  func withSockaddr<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R? {
    switch self {
    case .ip(let address, let port) where address.isIPv6:
      var v6 = sockaddr_in6()
      v6.sin6_family = sa_family_t(AF_INET6)
      v6.sin6_port = port.bigEndian
      v6.sin6_addr = address.v6
      return unsafe Self.rebound(&v6, body)
    case .ip(let address, let port):
      var v4 = sockaddr_in()
      v4.sin_family = sa_family_t(AF_INET)
      v4.sin_port = port.bigEndian
      v4.sin_addr = in_addr(s_addr: UInt32(truncatingIfNeeded: address.low).bigEndian)
      return unsafe Self.rebound(&v4, body)
    case .unix(let path):
      var unix = sockaddr_un()
      unix.sun_family = sa_family_t(AF_UNIX)
      let room = MemoryLayout.size(ofValue: unix.sun_path) - 1
      guard !path.isEmpty, path.utf8.count <= room, !path.utf8.contains(0) else { return nil }
      unsafe withUnsafeMutableBytes(of: &unix.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
      return unsafe Self.rebound(&unix, body)
    }
  }

  private static func rebound<T, R>(
    _ value: inout T, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R
  ) -> R {
    unsafe withUnsafePointer(to: &value) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        unsafe body(address, socklen_t(MemoryLayout<T>.size))
      }
    }
  }

  /// The address in a `sockaddr` with room for any family (`sockaddr_storage`), zeros behind what it holds. Nil
  /// for another family, and for a unix socket without a path.
  init?(_ address: UnsafePointer<sockaddr>) {
    if unsafe Int32(address.pointee.sa_family) == AF_UNIX {
      let path = unsafe address.withMemoryRebound(to: sockaddr_un.self, capacity: 1) { unix in
        unsafe withUnsafeBytes(of: unix.pointee.sun_path) { unsafe Array($0.prefix { $0 != 0 }) }
      }
      if path.isEmpty { return nil }
      self = .unix(path: String(decoding: path, as: UTF8.self))
      return
    }
    guard let ip = unsafe IPAddress(address) else { return nil }
    // Both families have the port in the same place.
    let port = unsafe address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
      unsafe UInt16(bigEndian: $0.pointee.sin_port)
    }
    self = .ip(ip.unmapped, port: port)
  }

  var family: Int32 {
    switch self {
    case .ip(let address, _): address.isIPv6 ? AF_INET6 : AF_INET
    case .unix: AF_UNIX
    }
  }
}

/// A host name that no address was found for.
public struct ResolveError: Error, Equatable, Sendable, CustomStringConvertible {
  public var host: String
  /// The resolver's own words.
  public var reason: String

  public var description: String { "cannot find an address for \(host): \(reason)" }
}

extension IPAddress {
  /// The address in a `sockaddr` of either family; nil for another family.
  init?(_ address: UnsafePointer<sockaddr>) {
    switch Int32(unsafe address.pointee.sa_family) {
    case AF_INET:
      self = unsafe address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        unsafe IPAddress(v4: UInt32(bigEndian: $0.pointee.sin_addr.s_addr))
      }
    case AF_INET6:
      self = unsafe address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
        unsafe IPAddress($0.pointee.sin6_addr)
      }
    default: return nil
    }
  }
}
