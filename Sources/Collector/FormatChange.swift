import SegmentWriter

/// What the load balancer's own configuration says about its formats: at the start, and whenever the file
/// changes.
public struct FormatChange: Sendable {
  /// One format.
  public struct Format: Equatable, Sendable {
    public var name: String
    /// In the load balancer's own grammar.
    public var string: String

    public init(name: String, string: String) {
      self.name = name
      self.string = string
    }
  }

  /// The source's name.
  public var source: String
  /// The configuration's main file, and the SHA-256 of its bytes (hexadecimal).
  public var path: String
  public var sha256: String?
  public var old: [Format]
  public var new: [Format]
  /// What of the configuration could not be read; if there is nothing new, why not.
  public var problems: [String]

  public init(
    source: String, path: String, sha256: String?, old: [Format], new: [Format], problems: [String] = []
  ) {
    self.source = source
    self.path = path
    self.sha256 = sha256
    self.old = old
    self.new = new
    self.problems = problems
  }

  /// Bytes of format strings that one entry may hold; the rest is left out and counted.
  private static let byteLimit = 200_000

  /// The control entry: one object of JSON. `isTaken` is false when the old formats stay in force.
  func record(isTaken: Bool) -> String {
    var json = #"{"type":"format","source":\#(JSON.quote(source)),"path":\#(JSON.quote(path)),"#
    json += #""sha256":\#(sha256.map { JSON.quote($0) } ?? "null"),"old":\#(Self.list(old))"#
    if isTaken { json += #","new":\#(Self.list(new))"# }
    if !problems.isEmpty {
      let texts = problems.prefix(20).map { JSON.quote(String($0.prefix(2000))) }
      json += #","\#(isTaken ? "problems" : "error")":[\#(texts.joined(separator: ","))]"#
    }
    return json + "}"
  }

  private static func list(_ formats: [Format]) -> String {
    var items: [String] = []
    var count = 0
    for format in formats {
      let item = #"{"name":\#(JSON.quote(format.name)),"string":\#(JSON.quote(format.string))}"#
      count += item.utf8.count
      if count > byteLimit {
        return "[\((items + [#"{"left_out":\#(formats.count - items.count)}"#]).joined(separator: ","))]"
      }
      items.append(item)
    }
    return "[\(items.joined(separator: ","))]"
  }
}
