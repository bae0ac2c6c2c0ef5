extension [Range<UInt64>] {
  /// Indexes of entries, in rising order, as ranges: neighbours are in one.
  public init(joining indexes: some Sequence<UInt64>) {
    self = []
    for index in indexes {
      if let last, last.upperBound == index {
        self[count - 1] = last.lowerBound..<index + 1
      } else {
        append(index..<index + 1)
      }
    }
  }
}
