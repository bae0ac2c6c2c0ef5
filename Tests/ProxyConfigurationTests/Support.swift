import Bytes
import Platform
import ProxyConfiguration
import Templates

/// Files that only the test has.
func files(_ contents: [String: String]) -> ConfigurationFiles {
  ConfigurationFiles(
    read: { (path) throws(SystemError) in
      guard let text = contents[path] else {
        throw SystemError(operation: "open", path: path, errno: .noSuchFile)
      }
      return Array(text.utf8)
    },
    names: { directory in
      let prefix = directory.hasSuffix("/") ? directory : directory + "/"
      let names = contents.keys.filter { $0.hasPrefix(prefix) }.compactMap {
        $0.dropFirst(prefix.count).split(separator: "/").first.map(String.init)
      }
      return names.isEmpty ? nil : Array(Set(names))
    })
}

/// One file, read as that of `kind`.
func read(
  _ text: String, _ kind: ProxyKind, environment: [String: String] = [:], others: [String: String] = [:]
) throws -> ProxyFile {
  try ProxyFile(
    "conf", kind: kind, files: files(others.merging(["conf": text]) { $1 }), environment: { environment[$0] })
}

/// What went wrong when reading; nil when nothing did.
func error(_ text: String, _ kind: ProxyKind) -> ReadError? {
  do throws(ReadError) {
    _ = try ProxyFile("conf", kind: kind, files: files(["conf": text]))
    return nil
  } catch { return error }
}

/// The rules of findings with their lines: `12 haproxy-silent`.
func rules(_ file: ProxyFile, _ severity: CoverageFinding.Severity? = nil) -> [String] {
  file.findings.filter { severity == nil || $0.severity == severity }.map { "\($0.place.line) \($0.rule)" }
}

/// The name of the template that a whole line has, or nil.
func template(_ line: String, _ templates: [Template]) -> String? {
  let matcher = Matcher([templates])
  var result = MatchResult(for: matcher)
  Array(line.utf8).withView { matcher.match($0, list: 0, into: &result) }
  return result.node < 0 || result.isPartial ? nil : matcher.templates[Int(result.node)].name
}
