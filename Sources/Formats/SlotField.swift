import Events
import Templates

extension Field {
  /// The field of a slot, also of one that keeps the load balancer's spelling because another slot of its
  /// template already has the field's name (a second `$remote_addr`, `%[src]#2`).
  public init?(slot: Slot) {
    if let field = SlotMeaning(slot).field {
      self = field
      return
    }
    var spelling = Substring(slot.name)
    if let mark = spelling.lastIndex(of: "#"), spelling[mark...].dropFirst().allSatisfy(\.isNumber) {
      spelling = spelling[..<mark]
    }
    guard let compiled = try? Self.templates(of: String(spelling)), let first = compiled.first?.slots.first,
      compiled.first?.slots.count == 1, let field = SlotMeaning(first).field
    else { return nil }
    self = field
  }

  private static func templates(of spelling: String) throws(FormatError) -> [Template] {
    guard spelling.count > 1 else { return [] }
    if spelling.hasPrefix("$") { return try NginxFormat.compile(spelling, name: "nginx:") }
    guard spelling.hasPrefix("%") else { return [] }
    return spelling.hasSuffix("%")
      ? try EnvoyFormat.compile(spelling, name: "envoy:")
      : try HAProxyFormat.compile(spelling, name: "haproxy:")
  }
}
