import Events

/// Rules made for a regulation. What they cover, and what not, is told in `Minimising.md`.
public enum MinimisePreset: String, CaseIterable, Sendable {
  /// PCI DSS 4.0.1, 3.3 and 3.5: no card numbers, no verification codes; 8.3.2: no passwords.
  case pci = "pci-dss"
  /// GDPR 5(1)(c): no names, and addresses that do not single out a person.
  case gdpr

  /// What it does to fields. With a key, pseudonyms take the place of what would be cut or dropped.
  func rules(hasKey: Bool) -> [MinimiseRules.Rule] {
    switch self {
    case .pci: return []
    case .gdpr:
      let address = hasKey ? MinimiseRules.Action.pseudonym : .network(v4: 24, v6: 48)
      let name = hasKey ? MinimiseRules.Action.pseudonym : .drop
      return [Field.clientIP, .peerIP, .forwardedFor].map { MinimiseRules.Rule($0.name, address) }
        + [Field.user, .tlsClientSubject, .tlsClientSerial, .tlsClientFingerprint]
        .map { MinimiseRules.Rule($0.name, name) }
        + [Field.httpRequestCookie, .httpResponseCookie].map { MinimiseRules.Rule($0.name, .drop) }
    }
  }

  /// Card numbers are masked unless the source says otherwise.
  public var masksCards: Bool { self == .pci }

  var parameters: [String] {
    switch self {
    case .pci: Self.secrets + Self.cards
    case .gdpr: Self.secrets + Self.persons
    }
  }

  private static let secrets = [
    "access_token", "api_key", "api-key", "apikey", "assertion", "auth", "authorization", "client_secret",
    "code",
    "credential", "credentials", "id_token", "jsessionid", "jwt", "key", "otp", "pass", "passphrase",
    "passwd",
    "password", "phpsessid", "pwd", "refresh_token", "secret", "session", "session_id", "sessionid", "sid",
    "sig",
    "signature", "ticket", "token", "x-amz-credential", "x-amz-security-token", "x-amz-signature",
  ]

  private static let cards = [
    "account", "account_number", "accountnumber", "card", "card-number", "card_no", "card_number", "cardno",
    "cardnum", "cardnumber", "cav2", "cc", "cc_number", "ccnum", "ccnumber", "cid", "credit_card",
    "creditcard",
    "csc", "cvc", "cvc2", "cvv", "cvv2", "exp", "exp_date", "exp_month", "exp_year", "expdate", "expiry",
    "iban",
    "number", "pan", "pin", "pin_block", "pinblock", "security_code", "securitycode", "track", "track1",
    "track2",
  ]

  private static let persons = [
    "address", "birthdate", "birthday", "city", "dob", "e-mail", "email", "familyname", "first_name",
    "firstname",
    "fullname", "givenname", "iban", "last_name", "lastname", "lat", "latitude", "lng", "login", "lon",
    "longitude", "mail", "mobile", "msisdn", "name", "phone", "postcode", "ssn", "street", "surname", "tel",
    "telephone", "user", "user_id", "userid", "username", "zip", "zipcode",
  ]
}
