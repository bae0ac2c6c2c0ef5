import Bytes

/// Numbers as people read them.
public enum Quantities {
  /// Bytes with a binary unit: `512 B`, `13.3 MiB`.
  public static func bytes(_ count: Int) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
    var value = Double(count)
    var unit = 0
    while value >= 1024, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    return unit == 0 ? "\(count) B" : "\(JSONValue.fixed(value, 1)) \(units[unit])"
  }

  /// A duration in nanoseconds: `2.31 s`.
  public static func seconds(_ nanoseconds: Int64) -> String {
    JSONValue.fixed(Double(nanoseconds) / 1e9, 2) + " s"
  }

  /// A range of indexes: `entries 20 to 39`, `entry 20`, `no entry at 20`.
  public static func entries(_ range: Range<UInt64>) -> String {
    // The range's own count would trap above what an Int holds.
    switch range.upperBound - range.lowerBound {
    case 0: "no entry at \(range.lowerBound)"
    case 1: "entry \(range.lowerBound)"
    default: "entries \(range.lowerBound) to \(range.upperBound - 1)"
    }
  }

  public static func plural(_ count: Int, _ noun: String, _ nouns: String? = nil) -> String {
    count == 1 ? "1 \(noun)" : "\(count) \(nouns ?? noun + "s")"
  }
}
