import Platform
import Synchronization

/// What may be changed while the threads run. One thread at a time asks for it, and not while another stops
/// the
/// listeners.
///
///     bind, admit    a new source; between the two nothing is read, and `discard` takes it back
///     hand           a source's sockets go to another, or stay and get other settings
///     remove         a source is emptied and closed
///
/// Every other source's sockets and connections are not touched.
extension Listeners {
  /// Gives a bound source that is not admitted up: its sockets are closed.
  public func discard(_ source: UInt32) {
    state.withLock { state in
      for place in state.datagrams.indices.reversed() where state.datagrams[place].source == source {
        let socket = state.datagrams.remove(at: place).socket.take()
        socket.file?.remove()
      }
      state.streams.removeAll { $0.source.id == source }
      state.files.removeAll { $0.source == source }
      forget(source, &state)
    }
  }

  private func forget(_ source: UInt32, _ state: inout State) {
    state.addresses.removeAll { $0.source.id == source }
    state.counters[source] = nil
    state.shared[source] = nil
  }

  /// Starts the threads that bound sources need and that do not run yet: all that can fail. Nothing is read.
  public func prepare() throws(SystemError) {
    try state.withLock { (state) throws(SystemError) in
      if !state.datagrams.isEmpty, state.datagramMail == nil {
        let waiting = state.datagrams
        state.datagrams = []
        defer { state.datagrams = waiting }
        try startDatagrams(&state)
      }
      if !state.streams.isEmpty, state.acceptorMail == nil {
        let waiting = state.streams
        state.streams = []
        defer { state.streams = waiting }
        try startStreams(&state)
      }
      if !state.files.isEmpty, state.fileMail == nil {
        let waiting = state.files
        state.files = []
        defer { state.files = waiting }
        try startFiles(&state)
      }
    }
  }

  /// Begins to read what was bound since the start; after `prepare`.
  public func admit() {
    let (datagrams, streams, files) = state.withLock { state in
      defer { (state.datagrams, state.streams, state.files) = ([], [], []) }
      return (state.datagrams, state.streams, state.files)
    }
    let (datagramMail, acceptorMail, fileMail) = mail
    for binding in datagrams { datagramMail?.send(.add(binding.socket)) }
    for listener in streams { acceptorMail?.send(.add(listener)) }
    for target in files { fileMail?.send(.add(target)) }
  }

  private var mail: (Mailbox<DatagramOrder>?, Mailbox<AcceptorOrder>?, Mailbox<FileOrder>?) {
    state.withLock { ($0.datagramMail, $0.acceptorMail, $0.fileMail) }
  }

  /// Gives the sockets of `old` to `source`, which shares them: the same source with other settings, or
  /// another
  /// one. What was read by now is queued as it was. The connections of another source are ended; those of the same go
  /// on, framed as they began, but for those that the new settings do not let in. Returns what counts the messages
  /// of `source`.
  @discardableResult public func hand(_ old: UInt32, to source: Source) -> SourceCounters {
    let counters = state.withLock { state in
      let counters = (source.id == old ? state.counters[old] : nil) ?? makeCounters(source)
      for place in state.addresses.indices where state.addresses[place].source.id == old {
        state.addresses[place].source = source
      }
      state.counters[old] = nil
      state.counters[source.id] = counters
      return counters
    }
    let (datagramMail, _, fileMail) = mail
    switch source.endpoint {
    case .udp, .unixDatagram:
      datagramMail?.send(.hand(from: old, to: source, counters))
    case .tcp, .tls, .unixStream:
      hand(old, to: StreamSource(source, tls: source.tls, counters: counters))
    case .files(let pattern, let startsAtEnd):
      fileMail?.send(
        .hand(from: old, to: FileTarget(source, pattern, startsAtEnd: startsAtEnd, counters: counters)))
    }
    return counters
  }

  /// First the thread that accepts, which then leaves nobody for the others that it let in before.
  private func hand(_ old: UInt32, to new: StreamSource) {
    let (source, acceptorMail, inboxes) = state.withLock { state in
      let source = state.shared[old].map { new.counting(with: $0) } ?? new
      state.shared[old] = nil
      state.shared[new.id] = source
      return (source, state.acceptorMail, state.inboxes)
    }
    acceptorMail?.send(.hand(from: old, to: source))
    for inbox in inboxes {
      inbox.mailbox.send(source.id == old ? .change(source) : .end(source: old))
    }
  }

  /// Ends the connections of a TLS source whose certificates are none any more for the authorities that its context
  /// has read last. Returns when that is done.
  public func recheck(_ source: UInt32) {
    guard let shared = state.withLock({ $0.shared[source] }) else { return }
    hand(source, to: shared)
  }

  /// Closes a source: what the kernel holds of it is read and queued, then its sockets are closed, and its
  /// connections as if they had ended; files are read to their end. Returns when that is done.
  public func remove(_ source: UInt32) {
    let inboxes = state.withLock { state in
      forget(source, &state)
      return state.inboxes
    }
    let (datagramMail, acceptorMail, fileMail) = mail
    datagramMail?.send(.remove(source: source))
    acceptorMail?.send(.remove(source: source))
    fileMail?.send(.remove(source: source))
    for inbox in inboxes { inbox.mailbox.send(.end(source: source)) }
  }
}
