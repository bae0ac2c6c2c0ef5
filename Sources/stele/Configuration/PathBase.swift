import Platform

/// Resolves the paths of a configuration file: what of the environment they name, and what they are relative
/// to.
///
///     key: ${CREDENTIALS_DIRECTORY}/tls.key
///     directory: ${STATE_DIRECTORY:-/var/lib/stele}/edge
///
/// `$$` is a dollar sign. Only values that are paths are read so.
struct PathBase {
  private let directory: String
  private let environment: (String) -> String?

  init(file: String, environment: @escaping (String) -> String? = { Platform.Process.environment($0) }) {
    directory = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
    self.environment = environment
  }

  func resolve(_ path: String) -> String { path.hasPrefix("/") ? path : directory + path }

  /// The path that a value names.
  func resolve(_ value: ConfigurationValue) throws(ConfigurationError) -> String {
    let text = try value.text()
    let path = text.contains("$") ? try expand(text, value) : text
    if path.isEmpty { throw value.error("\(value.name): '\(text)' comes to nothing; it must name a file") }
    return resolve(path)
  }

  private func expand(_ text: String, _ value: ConfigurationValue) throws(ConfigurationError) -> String {
    var result = ""
    var rest = text[...]
    while let dollar = rest.firstIndex(of: "$") {
      result += rest[..<dollar]
      rest = rest[rest.index(after: dollar)...]
      if rest.first == "$" {
        result += "$"
        rest = rest.dropFirst()
        continue
      }
      guard rest.first == "{", let end = rest.firstIndex(of: "}") else {
        throw value.error(
          "\(value.name): '$' begins a variable of the environment, ${NAME} or ${NAME:-default}; "
            + "write $$ for the character itself")
      }
      result += try self.value(of: rest[rest.index(after: rest.startIndex)..<end], value)
      rest = rest[rest.index(after: end)...]
    }
    return result + rest
  }

  /// Of `NAME`, or `NAME:-default`.
  private func value(
    of variable: Substring, _ value: ConfigurationValue
  ) throws(ConfigurationError) -> String {
    let name = variable.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
    let rest = variable[name.endIndex...]
    guard !name.isEmpty, name.first?.isNumber == false, rest.isEmpty || rest.hasPrefix(":-") else {
      throw value.error("\(value.name): '${\(variable)}' is not written as ${NAME} or ${NAME:-default}")
    }
    if let found = environment(String(name)), !found.isEmpty { return found }
    guard rest.isEmpty else { return String(rest.dropFirst(2)) }
    throw value.error(
      "\(value.name): the environment has no variable \(name); set it, or give a default: ${\(name):-/path}")
  }

  /// A path as it is written so that it is read back.
  static func escaped(_ path: String) -> String {
    path.split(separator: "$", omittingEmptySubsequences: false).joined(separator: "$$")
  }

  /// Keys whose values are paths.
  static let keys: Set<String> = [
    "directory", "key", "key_store", "certificate", "client_ca", "ca", "policy", "pseudonym_key",
  ]
}
