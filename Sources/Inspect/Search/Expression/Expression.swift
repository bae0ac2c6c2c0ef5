import Events

/// What a search asks of an event.
///
///     http.status >= 500 and client.ip in 203.0.113.0/24 and dur.active > 1s
///
/// A comparison with a value that is not there is false, whatever the operator: `http.referrer != "x"` finds
/// events that have a referrer other than x. `has http.referrer` finds those that have one at all, and `not`
/// turns any condition round. `dur.connect is not_reached` asks why there is no value, `is null` for any
/// reason.
public indirect enum Expression: Sendable {
  case condition(FieldCondition)
  /// All of them; of none: always true.
  case and([Expression])
  /// At least one of them; of none: never true.
  case or([Expression])
  case not(Expression)
}

/// One field, or a value under a name of its own, and what is asked of it.
public struct FieldCondition: Sendable {
  public var subject: Subject
  public var test: ValueTest

  public init(_ subject: Subject, _ test: ValueTest) {
    self.subject = subject
    self.test = test
  }
}

/// What a condition is about.
public enum Subject: Hashable, Sendable {
  case field(Field)
  /// A value that no field covers, under the load balancer's name for it (`$geoip_city`, `%[var(txn.team)]`).
  case name(String)

  /// The slot names under which a template may hold it; there may be others for a field.
  var name: String {
    switch self {
    case .field(let field): field.name
    case .name(let name): name
    }
  }
}

extension Expression {
  /// Every condition in it.
  var conditions: [FieldCondition] {
    switch self {
    case .condition(let condition): [condition]
    case .and(let parts), .or(let parts): parts.flatMap(\.conditions)
    case .not(let part): part.conditions
    }
  }
}
