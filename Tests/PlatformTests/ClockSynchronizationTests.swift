import Testing

@testable import Platform

/// Who is believed when asked whether the system's clock is right.
@Suite struct ClockSynchronizationTests {
  @Test func theKernelsBoundCountsWhereItMayBeAsked() {
    #expect(Clock.isSynchronized(error: 15_999_999, timesync: "/none") == true)
    #expect(Clock.isSynchronized(error: 16_000_000, timesync: "/none") == false)
  }

  @Test func elsewhereTheServiceThatSetsTheClockIsBelieved() throws {
    try withTemporaryDirectory { directory in
      #expect(Clock.isSynchronized(error: -1, timesync: directory.path + "/none") == nil)
      #expect(Clock.isSynchronized(error: -1, timesync: directory.path) == false)
      _ = try FileDescriptor(creating: directory.path + "/synchronized")
      #expect(Clock.isSynchronized(error: -1, timesync: directory.path) == true)
    }
  }
}
