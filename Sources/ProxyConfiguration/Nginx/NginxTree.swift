import Platform

/// One directive with what its block holds.
struct NginxDirective {
  var name: String
  var arguments: [String]
  /// Nil for a directive without a block.
  var block: [NginxDirective]?
  var place: Place
}

/// Reads files into directives, `include` carried out.
struct NginxTree {
  private let files: ConfigurationFiles
  /// Relative paths are relative to the main file's directory.
  private let prefix: String
  private(set) var read: [ReadFile] = []
  private(set) var patterns: [String] = []
  private(set) var problems: [ReadError] = []
  private var byteCount = 0
  private var directiveCount = 0

  /// Blocks in blocks, and files in files.
  private static let depthLimit = 64
  private static let byteLimit = 64 << 20
  private static let directiveLimit = 1_000_000

  init(path: String, files: ConfigurationFiles) {
    self.files = files
    prefix = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
  }

  mutating func directives(_ bytes: [UInt8], file: String) throws(ReadError) -> [NginxDirective] {
    read.append(ReadFile(file, bytes))
    var lexer = NginxLexer(bytes, file: file)
    return try block(&lexer, depth: 0, opened: nil)
  }

  private mutating func block(
    _ lexer: inout NginxLexer, depth: Int, opened: Place?
  ) throws(ReadError) -> [NginxDirective] {
    var result: [NginxDirective] = []
    var words: [String] = []
    var place = lexer.place
    while true {
      let token = try lexer.next()
      switch token {
      case .word(let word):
        if words.isEmpty { place = lexer.place }
        words.append(word)
      case .semicolon:
        guard let name = words.first else { throw ReadError(lexer.place, "a directive must stand before ;") }
        if name == "include", words.count == 2 {
          result += try included(words[1], place, depth: depth)
        } else {
          try count(place)
          result.append(NginxDirective(name: name, arguments: Array(words.dropFirst()), place: place))
        }
        words = []
      case .open:
        guard let name = words.first else { throw ReadError(lexer.place, "a directive must stand before {") }
        guard depth < Self.depthLimit else { throw ReadError(place, "too many blocks stand in each other") }
        try count(place)
        var inner: [NginxDirective] = []
        if name.hasSuffix("_by_lua_block") {
          try lexer.skipForeignBlock()
        } else {
          inner = try block(&lexer, depth: depth + 1, opened: place)
        }
        result.append(
          NginxDirective(name: name, arguments: Array(words.dropFirst()), block: inner, place: place))
        words = []
      case .close:
        guard words.isEmpty else {
          throw ReadError(lexer.place, "; must stand behind '\(words[0])' before }")
        }
        guard opened != nil else { throw ReadError(lexer.place, "} stands here without {; remove it") }
        return result
      case .end:
        guard words.isEmpty else { throw ReadError(place, "no ; or { follows '\(words[0])'") }
        if let opened { throw ReadError(opened, "no } closes the block that begins here") }
        return result
      }
    }
  }

  private mutating func count(_ place: Place) throws(ReadError) {
    directiveCount += 1
    if directiveCount > Self.directiveLimit { throw ReadError(place, "there are too many directives") }
  }

  private mutating func included(
    _ pattern: String, _ place: Place, depth: Int
  ) throws(ReadError) -> [NginxDirective] {
    guard depth < Self.depthLimit else { throw ReadError(place, "files include each other without end") }
    let path = pattern.hasPrefix("/") ? pattern : prefix + pattern
    var paths = [path]
    if ConfigurationFiles.isPattern(path) {
      if !patterns.contains(path) { patterns.append(path) }
      paths = files.matching(path)
    }
    var result: [NginxDirective] = []
    for path in paths {
      let bytes: [UInt8]
      do throws(SystemError) { bytes = try files.read(path) } catch {
        // What cannot be read may hold formats: the rest is worth reading all the same.
        problems.append(ReadError(place, "\(path) cannot be read: \(error.errno)", cause: error))
        if !read.contains(where: { $0.path == path }) { read.append(ReadFile(path, nil)) }
        continue
      }
      byteCount += bytes.count
      guard byteCount <= Self.byteLimit, read.count < ConfigurationFiles.fileLimit else {
        throw ReadError(place, "the included files are too many or too long")
      }
      if !read.contains(where: { $0.path == path }) { read.append(ReadFile(path, bytes)) }
      var lexer = NginxLexer(bytes, file: path)
      result += try block(&lexer, depth: depth + 1, opened: nil)
    }
    return result
  }
}
