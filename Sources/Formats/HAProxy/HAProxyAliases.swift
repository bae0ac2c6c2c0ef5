import Events
import Templates

/// What one alias or sample fetch of HAProxy prints.
struct HAProxyValue {
  enum Form {
    case plain
    /// Nothing at all, without `-`, when there is none (`%HQ`).
    case optional
    /// The same when HAProxy prints the blanks on both sides of the missing value (before 3.0).
    case gap
    /// `{a|b}`.
    case requestBlock, responseBlock
    /// Captures one by one, with blanks between.
    case requestList, responseList
  }

  var slot: Slot
  var escaping: Escaping
  /// Printed as text: `+Q` puts quotes round it.
  var isText: Bool
  /// `+X` changes how it is spelled.
  var hasHexadecimal = false
  var form = Form.plain

  /// A name or code without blanks.
  static func word(_ field: Field, quoted: Bool = true) -> HAProxyValue {
    HAProxyValue(slot: Slot(field.name, .text, syntax: .any), escaping: .word, isText: quoted)
  }

  /// Client bytes, printable, quotes and `#` escaped as `#HH`.
  static func text(_ slot: Slot) -> HAProxyValue {
    var slot = slot
    slot.unit = .hashEscapes
    return HAProxyValue(slot: slot, escaping: .printable, isText: true)
  }

  /// A part of the request line, escaped the same way; without blanks.
  static func part(_ field: Field) -> HAProxyValue {
    var value = word(field)
    value.slot.unit = .hashEscapes
    return value
  }

  /// Bytes that HAProxy copies as they are.
  static func raw(_ name: String) -> HAProxyValue {
    HAProxyValue(slot: Slot(name, .text, syntax: .any), escaping: .none, isText: true)
  }

  static func address(_ field: Field) -> HAProxyValue {
    HAProxyValue(
      slot: Slot(field.name, .address, syntax: .address), escaping: .word, isText: true, hasHexadecimal: true)
  }

  static func number(_ field: Field, unit: Unit = .none, hexadecimal: Bool = false) -> HAProxyValue {
    HAProxyValue(
      slot: Slot(field.name, .integer, syntax: .number, unit: unit), escaping: .word, isText: false,
      hasHexadecimal: hexadecimal)
  }

  /// A number that may have a `+` in front.
  static func plusNumber(_ field: Field, unit: Unit = .none) -> HAProxyValue {
    HAProxyValue(
      slot: Slot(field.name, .plusInteger, syntax: .number, unit: unit), escaping: .word, isText: false)
  }

  static func timer(_ field: Field) -> HAProxyValue { number(field, unit: .milliseconds) }

  static func date(_ field: Field) -> HAProxyValue {
    HAProxyValue(slot: Slot(field.name, .clfTime, syntax: .time), escaping: .word, isText: false)
  }

  func with(_ form: Form) -> HAProxyValue {
    var value = self
    value.form = form
    return value
  }

  func named(_ name: String) -> HAProxyValue {
    var value = self
    value.slot.name = name
    return value
  }
}

/// The aliases of HAProxy 2.4 to 3.x (configuration manual, "Custom log format"; `src/log.c`).
enum HAProxyAliases {
  static let table: [String: HAProxyValue] = addresses.merging(names) { $1 }.merging(dates) { $1 }
    .merging(timers) { $1 }.merging(counts) { $1 }.merging(http) { $1 }.merging(deprecated) { $1 }

  private static let addresses: [String: HAProxyValue] = [
    "ci": .address(.clientIP), "cp": .number(.clientPort, hexadecimal: true),
    "fi": .address(.localIP), "fp": .number(.localPort, hexadecimal: true),
    "bi": .address(.lbIP), "bp": .number(.lbPort, hexadecimal: true),
    "si": .address(.serverIP), "sp": .number(.serverPort, hexadecimal: true),
  ]

  private static let names: [String: HAProxyValue] = [
    "f": .word(.lbFrontend),
    // Keeps its spelling for a name: the trailing `~` says that the listener does TLS.
    "ft": .word(.lbFrontend).named("%ft"),
    "b": .word(.lbBackend), "s": .word(.lbServer), "H": .word(.lbNode),
    "pid": .number(.lbPID, hexadecimal: true),
    "ID": HAProxyValue(
      slot: Slot(Field.idRequest.name, .identifier, syntax: .any), escaping: .word, isText: true),
    "OG": .word(.lbStep), "sslv": .word(.tlsVersion), "sslc": .word(.tlsCipher),
    "ts": .word(.termRaw, quoted: false), "tsc": .word(.termRaw, quoted: false),
    // Global flags; the lexer consumes it.
    "o": .word(.lbStep),
  ]

  private static let dates: [String: HAProxyValue] = [
    "t": .date(.timeAccept), "T": .date(.timeAccept), "Tl": .date(.timeAccept),
    "tr": .date(.timeStart), "trg": .date(.timeStart), "trl": .date(.timeStart),
    "Ts": .number(.timeAccept, unit: .seconds, hexadecimal: true),
    "ms": HAProxyValue(
      slot: Slot("%ms", .status, syntax: .status, unit: .milliseconds), escaping: .word, isText: false,
      hasHexadecimal: true),
  ]

  private static let timers: [String: HAProxyValue] = [
    "Th": .timer(.durationHandshake), "Ti": .timer(.durationIdle), "TR": .timer(.durationRequest),
    "Tq": .timer(.durationUntilRequest), "Tw": .timer(.durationQueue), "Tc": .timer(.durationConnect),
    "Tr": .timer(.durationResponse), "Td": .timer(.durationData),
    "Ta": .plusNumber(.durationActive, unit: .milliseconds),
    "Tt": .plusNumber(.durationTotal, unit: .milliseconds),
    "Tu": .plusNumber(.durationUser, unit: .milliseconds),
  ]

  private static let counts: [String: HAProxyValue] = [
    "B": .plusNumber(.bytesOut, unit: .bytes), "U": .number(.bytesIn, unit: .bytes),
    "ac": .number(.connsProcess), "fc": .number(.connsFrontend), "bc": .number(.connsBackend),
    "sc": .number(.connsServer), "sq": .number(.queueServer), "bq": .number(.queueBackend),
    "rc": .plusNumber(.retries), "rt": .number(.idRequestCounter, hexadecimal: true),
    "lc": .number(.idLogCounter, hexadecimal: true),
  ]

  private static let http: [String: HAProxyValue] = [
    "ST": HAProxyValue(
      slot: Slot(Field.httpStatus.name, .status, syntax: .status), escaping: .word, isText: false),
    "r": .text(.haproxyRequest),
    "HM": .part(.httpMethod), "HU": .part(.urlTarget), "HP": .part(.urlPath), "HPO": .part(.urlPath),
    "HQ": .part(.urlQuery).with(.optional), "HV": .part(.httpVersion),
    // Cookies are copied unescaped: outside quotes they cannot hold a blank and still be told apart.
    "CC": cookie(.httpRequestCookie), "CS": cookie(.httpResponseCookie),
    "hr": .text(Slot(Field.httpRequestHeaders.name)).with(.requestBlock),
    "hs": .text(Slot(Field.httpResponseHeaders.name)).with(.responseBlock),
    "hrl": .text(Slot(Field.httpRequestHeaders.name)).with(.requestList),
    "hsl": .text(Slot(Field.httpResponseHeaders.name)).with(.responseList),
  ]

  private static func cookie(_ field: Field) -> HAProxyValue {
    HAProxyValue(slot: Slot(field.name, .text, syntax: .token), escaping: .none, isText: true)
  }

  /// Spellings that 2.4 still took.
  private static let deprecated: [String: HAProxyValue] = [
    "Bi": .address(.lbIP), "Bp": .number(.lbPort, hexadecimal: true),
    "Ci": .address(.clientIP), "Cp": .number(.clientPort, hexadecimal: true),
    "Fi": .address(.localIP), "Fp": .number(.localPort, hexadecimal: true),
    "Si": .address(.serverIP), "Sp": .number(.serverPort, hexadecimal: true),
    "cc": cookie(.httpRequestCookie), "cs": cookie(.httpResponseCookie),
    "st": HAProxyValue(
      slot: Slot(Field.httpStatus.name, .status, syntax: .status), escaping: .word, isText: false),
  ]

  /// The alias that was probably meant: of the same letters in another case, or with one letter more or less.
  static func nearest(to name: String) -> String? {
    let known = table.keys.filter { $0 != "o" && deprecated[$0] == nil }.sorted()
    return known.first { $0.lowercased() == name.lowercased() }
      ?? known.filter { name.hasPrefix($0) }.max { $0.count < $1.count }
      ?? known.first { $0.hasPrefix(name) }
  }
}

extension Slot {
  /// The request line as HAProxy prints it: bytes that are not printable, `"` and `#` as `#HH`.
  static var haproxyRequest: Slot {
    var request = Slot.requestLine
    request.unit = .hashEscapes
    for index in request.alternatives[0].slots.indices {
      request.alternatives[0].slots[index].unit = .hashEscapes
    }
    return request
  }
}
