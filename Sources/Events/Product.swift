/// The load balancers whose formats are known.
public enum Product: String, Sendable, CaseIterable {
  case haproxy, nginx, envoy

  /// The product of a format, told by its name up to the first `/` or `:` (`nginx/combined`, `haproxy:%ci
  /// …`).
  public init?(format name: String) {
    switch name.prefix(while: { $0 != "/" && $0 != ":" }) {
    case "haproxy": self = .haproxy
    case "nginx": self = .nginx
    case "envoy", "istio", "contour": self = .envoy
    default: return nil
    }
  }
}
