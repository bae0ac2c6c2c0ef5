import Bytes
import Platform

extension AllowList {
  /// `[10.0.0.0/8, 2001:db8::1]`.
  init(_ value: ConfigurationValue) throws(ConfigurationError) {
    var prefixes: [AddressPrefix] = []
    for item in try value.list() {
      let text = try item.text()
      do throws(AddressPrefix.Invalid) { prefixes.append(try AddressPrefix(text)) } catch {
        throw item.error("\(item.name): \(error)")
      }
    }
    if prefixes.isEmpty {
      throw value.error("\(value.name) lets nobody in; name somebody, or remove it to let everybody in")
    }
    self.init(prefixes)
  }

  var json: JSONValue { .list(prefixes.map { .text("\($0)") }) }
}

/// Where a followed file is read from at the very first start: `start:`.
enum FileStart: String, CaseIterable, Sendable { case beginning, end }

/// `true` or `false`.
enum Switch: String, CaseIterable, Sendable {
  case on = "true"
  case off = "false"
}
