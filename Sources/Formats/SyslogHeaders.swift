import Events
import Templates

/// Templates of whole messages: a syslog header, then a body of a source's format.
public enum SyslogHeaders {
  /// Every form of header round the given bodies, and the bodies alone; what is most particular comes first.
  ///
  /// The forms are RFC 5424 (with and without message, with and without byte order mark); RFC 3164 with its
  /// own stamp or an RFC 3339 one, with or without host, tag and process id, as HAProxy (`local`, `rfc3164`,
  /// `timed`, `iso`), Nginx and relays send it, and as it stands in files, without priority; tag and process
  /// id without a stamp (`haproxy[14389]: `, as manuals print lines); and a priority alone (`priority`,
  /// `short`). The message is the slot `message`, which may be anything.
  ///
  /// A relay that makes RFC 3164 out of RFC 5424 writes the tag without a colon (`edge-1 shop[42] text`). That is
  /// read behind a host, and with a process id that is a number; without one (`edge-1 shop text`) nothing tells the
  /// host and the tag from the words of a message, which they stay.
  ///
  /// A header may also end with the tag and its colon, nothing behind it. `structuredData` are the templates
  /// that the structured data of RFC 5424 may have (`HAProxyFormat.compileStructuredData`).
  ///
  /// The forms overlap: a line belongs to the first whose body fits, or else to the first that fits at all.
  public static func templates(around body: [Template], structuredData: [Template] = []) -> [Template] {
    let message = Slot(Field.message.name, .text, syntax: .any, alternatives: body)
    var templates = structured(message, structuredData)
    for hasPriority in [true, false] {
      for stamp in [ColumnType.syslogTime, .isoTime] {
        for form in Form.allCases { templates.append(legacy(form, stamp, hasPriority, message)) }
      }
    }
    for hasPriority in [true, false] {
      for isEmpty in [false, true] { templates.append(timeless(hasPriority, message, isEmpty)) }
    }
    var builder = HeaderBuilder()
    builder.addPriority()
    builder.add(message, "")
    templates.append(builder.template("priority"))
    return templates + body
  }

  /// RFC 5424, section 6.
  private static func structured(_ message: Slot, _ elements: [Template]) -> [Template] {
    var header = HeaderBuilder()
    header.addPriority()
    header.text("1 ")
    header.add(Slot(Field.syslogTime.name, .isoTime, syntax: .time), " ")
    for field in [Field.syslogHost, .syslogApp, .syslogProcID, .syslogMsgID] {
      header.add(Slot(field.name, .text, syntax: .token), " ")
    }
    let data = Slot(Field.syslogSD.name, .text, syntax: .structuredData, alternatives: elements)
    var marked = header
    marked.add(data, " \u{FEFF}")
    marked.add(message, "")
    var plain = header
    plain.add(data, " ")
    plain.add(message, "")
    header.add(data, "")
    return [
      marked.template("rfc5424 bom"), plain.template("rfc5424"), header.template("rfc5424 empty"),
    ]
  }

  /// What stands between the stamp and the message.
  private enum Form: String, CaseIterable {
    case hostTagPID = "host tag pid"
    case hostTag = "host tag"
    case tagPID = "tag pid"
    case tag = "tag"
    case hostTagPIDBare = "host tag pid without colon"
    case nothing = "time"
    case hostTagPIDAlone = "host tag pid empty"
    case hostTagAlone = "host tag empty"
    case tagPIDAlone = "tag pid empty"
    case tagAlone = "tag empty"

    var hasHost: Bool {
      switch self {
      case .hostTagPID, .hostTag, .hostTagPIDBare, .hostTagPIDAlone, .hostTagAlone: true
      default: false
      }
    }

    /// Nothing stands behind the colon.
    var isEmpty: Bool {
      switch self {
      case .hostTagPIDAlone, .hostTagAlone, .tagPIDAlone, .tagAlone: true
      default: false
      }
    }
  }

  private static func legacy(
    _ form: Form, _ stamp: ColumnType, _ hasPriority: Bool, _ message: Slot
  ) -> Template {
    var header = HeaderBuilder()
    if hasPriority { header.addPriority() }
    header.add(Slot(Field.syslogTime.name, stamp, syntax: .time), " ")
    if form.hasHost {
      header.add(Slot(Field.syslogHost.name, .text, syntax: .host), " ")
    }
    let app = Slot(Field.syslogApp.name, .text, syntax: .tag)
    switch form {
    case .hostTagPID, .tagPID, .hostTagPIDAlone, .tagPIDAlone:
      header.add(app, "[")
      header.add(Slot(Field.syslogProcID.name, .text, syntax: .tag), form.isEmpty ? "]:" : "]: ")
    case .hostTagPIDBare:
      header.add(app, "[")
      header.add(Slot(Field.syslogProcID.name, .text, syntax: .number), "] ")
    case .hostTag, .tag, .hostTagAlone, .tagAlone:
      header.add(app, form.isEmpty ? ":" : ": ")
    case .nothing: break
    }
    if !form.isEmpty { header.add(message, "") }
    let kind = stamp == .isoTime ? "iso" : "rfc3164"
    return header.template("\(kind) \(form.rawValue)\(hasPriority ? "" : " unranked")")
  }

  /// `tag[pid]: message`. The process id must be a number: other text has words and brackets before a colon,
  /// too.
  private static func timeless(_ hasPriority: Bool, _ message: Slot, _ isEmpty: Bool) -> Template {
    var header = HeaderBuilder()
    if hasPriority { header.addPriority() }
    header.add(Slot(Field.syslogApp.name, .text, syntax: .tag), "[")
    header.add(Slot(Field.syslogProcID.name, .text, syntax: .number), isEmpty ? "]:" : "]: ")
    if !isEmpty { header.add(message, "") }
    return header.template("tag pid\(isEmpty ? " empty" : "")\(hasPriority ? " untimed" : " bare")")
  }
}

/// Puts a header's template together.
private struct HeaderBuilder {
  private var literals: [[UInt8]] = [[]]
  private var slots: [Slot] = []

  mutating func text(_ text: String) { literals[slots.count] += Array(text.utf8) }

  mutating func add(_ slot: Slot, _ following: String) {
    slots.append(slot)
    literals.append(Array(following.utf8))
  }

  mutating func addPriority() {
    text("<")
    add(Slot(Field.syslogPRI.name, .integer, syntax: .priority), ">")
  }

  func template(_ name: String) -> Template {
    Template(name: "syslog/\(name)", literals: literals, slots: slots)
  }
}
