/// The bounds of this module, each with its reason.
public enum Limits {
  /// Bytes of one message cut from a stream, unless the source says otherwise. RFC 5425 section 4.3.1 asks
  /// receivers for 8,192; HAProxy sends at most 65,535 (`len`), Envoy 65,507, Nginx and rsyslog less. A
  /// longer frame is kept in pieces of this size.
  public static let messageBytes = 65_536

  /// What a source may set it to: below, whole syslog headers would be torn apart; above, a slab would hold
  /// too few.
  public static let messageBytesAllowed = 480...262_144

  /// Digits of an octet count. A longer number, or one followed by anything but a space, is text. 999,999
  /// bytes are more than any sender makes, and a line that begins with a number is less likely to be taken
  /// for a count.
  public static let countDigits = 6

  /// Bytes to look at before it is known how a frame is framed: the digits, the space and the `<`.
  public static let headerBytes = countDigits + 2
}
