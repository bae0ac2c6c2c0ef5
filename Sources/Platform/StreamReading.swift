import Bytes

extension FileDescriptor {
  /// Appends what one read from the present position gives, up to `count` bytes, to `buffer`; 0 at the end.
  public func read(upTo count: Int, appendingTo buffer: inout ByteBuffer) throws(SystemError) -> Int {
    let before = buffer.count
    try unsafe buffer.append(minimum: count) { (room) throws(SystemError) -> Int in
      try unsafe read(into: UnsafeMutableRawBufferPointer(rebasing: room[..<count]))
    }
    return buffer.count - before
  }
}

extension Socket {
  /// Takes what a stream's peer has sent, without waiting, up to 64 KiB, and appends it to `buffer`.
  public func receive(appendingTo buffer: inout ByteBuffer) throws(SystemError) -> Received {
    var received = Received.nothing
    try unsafe buffer.append(minimum: 65_536) { (room) throws(SystemError) -> Int in
      received = try unsafe receive(into: room)
      if case .bytes(let count) = received { return count }
      return 0
    }
    return received
  }
}
