import Formats

/// One line of haproxy.cfg that takes effect.
struct HAProxyLine {
  var words: [String]
  var place: Place
}

/// Reads lines in order: words, variables, conditional blocks.
///
/// Variables can be set by the file itself, and the lines behind see them, so that cutting a line into words
/// cannot be done before the lines above it have taken effect.
struct HAProxyLines {
  private enum Level {
    /// Lines count.
    case taken
    /// Lines do not count; a later branch may.
    case waiting
    /// A branch was taken before.
    case done
    /// Within lines that do not count.
    case dead
  }

  private var levels: [(level: Level, hasElse: Bool, place: Place)] = []
  private var variables: HAProxyVariables
  private(set) var lines: [HAProxyLine] = []
  private(set) var problems: [ReadError] = []
  /// Levels of `.if` in `.if`.
  private static let levelLimit = 1000

  init(environment: @escaping (String) -> String?) {
    variables = HAProxyVariables(environment: environment)
  }

  /// Reads one file's lines.
  mutating func read(_ bytes: [UInt8], file: String) throws(ReadError) {
    var number = 0
    for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
      number += 1
      try read(line, Place(file, number))
    }
    if let open = levels.last { throw ReadError(open.place, "no .endif closes this block") }
  }

  private mutating func read(_ line: ArraySlice<UInt8>, _ place: Place) throws(ReadError) {
    let isTaken = levels.last.map { $0.level == .taken } ?? true
    let first = line.first { $0 != 0x20 && $0 != 0x09 }
    // What does not count need not even be well formed, but for the block's own directives.
    if !isTaken, first != UInt8(ascii: ".") { return }
    let words: [String]
    let variables = variables
    do throws(HAProxyWords.Flaw) {
      words = try HAProxyWords.split(line) { variables.value($0, place) }
    } catch {
      if !isTaken { return }
      throw ReadError(place, "column \(error.column): \(error.text)")
    }
    guard let keyword = words.first else { return }
    if keyword.hasPrefix(".") { return try directive(keyword, words, place, isTaken) }
    if !isTaken { return }
    if self.variables.apply(words, place) { return }
    lines.append(HAProxyLine(words: words, place: place))
    if HAProxySectionKind(rawValue: keyword) != nil { self.variables.begin(words) }
  }

  private mutating func directive(
    _ keyword: String, _ words: [String], _ place: Place, _ isTaken: Bool
  ) throws(ReadError) {
    let condition = words.dropFirst().joined(separator: " ")
    switch keyword {
    case ".if":
      guard levels.count < Self.levelLimit else {
        throw ReadError(place, "too many .if blocks in each other")
      }
      let level: Level = !isTaken ? .dead : holds(condition, place) ? .taken : .waiting
      levels.append((level, false, place))
    case ".elif":
      let open = try last(keyword, place)
      switch open.level {
      case .taken: levels[levels.count - 1].level = .done
      case .waiting: if holds(condition, place) { levels[levels.count - 1].level = .taken }
      case .done, .dead: break
      }
    case ".else":
      let open = try last(keyword, place)
      levels[levels.count - 1].hasElse = true
      switch open.level {
      case .taken: levels[levels.count - 1].level = .done
      case .waiting: levels[levels.count - 1].level = .taken
      case .done, .dead: break
      }
    case ".endif":
      guard !levels.isEmpty else { throw ReadError(place, ".endif stands here without .if; remove it") }
      levels.removeLast()
    default: break
    }
  }

  private func last(
    _ keyword: String, _ place: Place
  ) throws(ReadError) -> (level: Level, hasElse: Bool, place: Place) {
    guard let open = levels.last else {
      throw ReadError(place, "\(keyword) stands here without .if; remove it")
    }
    guard !open.hasElse else {
      throw ReadError(
        place, "\(keyword) cannot follow .else of the block that begins on line \(open.place.line)")
    }
    return open
  }

  /// What cannot be decided is taken not to hold, and said.
  private mutating func holds(_ condition: String, _ place: Place) -> Bool {
    let variables = variables
    do throws(HAProxyConditions.Flaw) {
      return try HAProxyConditions.holds(condition) { variables.value($0, place) }
    } catch {
      problems.append(
        ReadError(place, "the condition cannot be decided, so the lines below it are left out: \(error.text)")
      )
      return false
    }
  }
}
