/// The system's journal, in its native protocol: a message is a list of named fields, which can be searched for one
/// by one (https://systemd.io/JOURNAL_NATIVE_PROTOCOL, systemd.journal-fields(7)).
public struct Journal: Sendable {
  public struct Field: Equatable, Sendable {
    /// Capital letters, digits and underscores; a letter comes first.
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  private let receiver: UnixReceiver

  /// Nil when standard error does not go to the journal: `JOURNAL_STREAM` is its device and inode then
  /// (systemd.exec(5)).
  public init?() {
    guard let stream = Process.environment("JOURNAL_STREAM"),
      let status = try? StandardStream.error.open().status(), stream == "\(status.device):\(status.inode)"
    else { return nil }
    self.init(socket: "/run/systemd/journal/socket")
  }

  public init?(socket: String) {
    guard let receiver = UnixReceiver(socket) else { return nil }
    self.receiver = receiver
  }

  /// Hands over one message. A journal that does not listen is not waited for; returns whether it was sent.
  @discardableResult public func send(_ fields: [Field]) -> Bool {
    receiver.send(fields.flatMap(Self.encoded))
  }

  /// A value of several lines has its length in front (u64le) in place of `=`.
  private static func encoded(_ field: Field) -> [UInt8] {
    let value = Array(field.value.utf8)
    if !value.contains(0x0A) { return Array("\(field.name)=".utf8) + value + [0x0A] }
    let length = (0..<8).map { UInt8(truncatingIfNeeded: value.count >> ($0 * 8)) }
    return Array("\(field.name)\n".utf8) + length + value + [0x0A]
  }
}
