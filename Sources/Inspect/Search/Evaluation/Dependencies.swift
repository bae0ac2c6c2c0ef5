import Events

/// From which parts of a line an event's field comes.
struct Dependencies {
  /// Other fields that the line may carry and from which this one may be worked out.
  var inputs: Set<Field>
  /// What is worked out goes before what the line itself carries under the field's name.
  var isOverridden = false
  /// The field may have a value although the line has none of the inputs.
  var isUnconditional = false
  /// The field is about the entry and not about the line.
  var isEntry = false
  /// It depends on what is known of the entry, too.
  var needsEntry = false
  /// It depends on every slot.
  var isWhole = false
  /// Its value depends on more than the bytes of the line's slots: the receive time, the source's zone.
  var dependsOnContext = false

  init(_ field: Field) {
    inputs = Self.closure(of: field)
    switch field {
    case .seq, .receiveTime, .raw, .rawLength, .frame, .truncated, .masked, .foreign, .sourceID,
      .sourceTransport, .sourcePeerIP, .sourcePeerPort, .sourcePeerIdentity:
      isEntry = true
      inputs = []
    case .sourceClaimMismatch: needsEntry = true
    case .kind, .lbProduct, .parserFormat, .parserFormatHash: isUnconditional = true
    case .parseStatus, .parseOffset, .parseError:
      isUnconditional = true
      isWhole = true
    case .time, .timeQuality, .timeText:
      isOverridden = true
      isUnconditional = true
    case .syslogTime:
      // The year of its stamp.
      inputs = [.timeStart, .timeAccept, .timeEnd]
      isOverridden = true
    case .termActor, .termPhase, .termTimeout, .persistRequest, .persistResponse: isOverridden = true
    case .clientEndpoint, .peerEndpoint, .localEndpoint, .clientPort: isOverridden = true
    case .healthCheck, .lbBackup, .lossLayer, .lbAction: isUnconditional = true
    case .healthStateNew:
      isUnconditional = true
      isOverridden = true
    default: break
    }
    dependsOnContext =
      isWhole || isEntry || needsEntry || !inputs.isDisjoint(with: Self.times) || Self.times.contains(field)
  }

  private static let times: Set<Field> = Set(Field.allCases.filter { $0.type == .time })

  /// All fields that play a part, the field itself left out.
  private static func closure(of field: Field) -> Set<Field> {
    var known: Set<Field> = [field]
    var open = [field] + endpointParts(field)
    known.formUnion(open)
    while let next = open.popLast() {
      for input in next.inputs where known.insert(input).inserted { open.append(input) }
    }
    known.remove(field)
    return known
  }

  /// An address with its port takes the endpoint's place.
  private static func endpointParts(_ field: Field) -> [Field] {
    switch field {
    case .clientEndpoint: [.clientIP, .clientPort]
    case .peerEndpoint: [.peerIP, .peerPort]
    case .localEndpoint: [.localIP, .localPort]
    default: []
    }
  }

  /// In lines of Envoy that turn out to be about a connection, durations and bytes move from the request's
  /// fields to the connection's: the field that `field` then gives its value to, or has it from.
  static func partner(of field: Field) -> Field? {
    switch field {
    case .durationActive: .durationTotal
    case .durationTotal: .durationActive
    case .bytesBodyIn: .bytesIn
    case .bytesIn: .bytesBodyIn
    case .bytesBodyOut: .bytesOut
    case .bytesOut: .bytesBodyOut
    default: nil
    }
  }
}
