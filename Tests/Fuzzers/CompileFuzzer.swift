import Bytes
import Formats
import Templates

extension Fuzzer {
  /// Any string compiles to templates that a block can hold, or is refused with a place in the string.
  ///
  /// Input: which compiler, the string. Also the specification with its prefix, as `--format` takes it.
  static let compile = Fuzzer("compile", smokeRuns: 1500, seeds: { Self.compileSeeds }) { input in
    var rest = FuzzInput(input)
    let choice = rest.below(8)
    let string = rest.rest().text
    do throws(FormatError) {
      check(try templates(choice, string))
    } catch {
      require(
        error.offset >= 0 && error.offset <= error.string.utf8.count, "\(error.offset) of \(error.string)")
      require(!error.description.isEmpty, "an error without words")
    }
  }

  private static func templates(_ choice: Int, _ string: String) throws(FormatError) -> [Template] {
    switch choice {
    case 0: try HAProxyFormat.compile(string, name: "haproxy:fuzz")
    case 1:
      try HAProxyFormat.compile(string, name: "haproxy:fuzz", captures: Captures(request: 2, response: 1))
    case 2: try HAProxyFormat.compile(string, name: "haproxy:fuzz", captures: Captures())
    case 3: try NginxFormat.compile(string, name: "nginx:fuzz")
    case 4: try NginxFormat.compile(string, escape: .json, name: "nginx:fuzz")
    case 5: try NginxFormat.compile(string, escape: .none, name: "nginx:fuzz")
    case 6: try EnvoyFormat.compile(string, name: "envoy:fuzz")
    default: try FormatSpec.parse(string)
    }
  }

  /// What the matcher needs to tell one slot from the next.
  private static func check(_ templates: [Template]) {
    for template in templates {
      require(
        Set(template.slots.map(\.name)).count == template.slots.count,
        "two slots of one name: \(template.name)")
      require(
        zip(template.slots, template.literals.dropFirst()).dropLast().allSatisfy { slot, literal in
          !literal.isEmpty || slot.syntax == .optional || slot.syntax == .item
        },
        "nothing between two slots: \(template.name)")
    }
    _ = Matcher([SyslogHeaders.templates(around: templates)])
  }

  private static var compileSeeds: [[UInt8]] {
    SampleLines.formats.flatMap { format in
      let body = Array(format[((format.firstIndex(of: UInt8(ascii: ":")) ?? -1) + 1)...])
      return [[7] + format] + (0..<7).map { [UInt8($0)] + body }
    }
  }
}
