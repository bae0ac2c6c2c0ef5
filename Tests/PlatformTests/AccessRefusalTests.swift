import Platform
import Testing

/// Who is kept from a file is told what would let him in, and never to loosen what others rely on.
@Suite struct AccessRefusalTests {
  static func refusal(_ owner: String, _ user: String, isDirectory: Bool, isOpenToGroup: Bool) -> String {
    AccessRefusal(
      "/p", isDirectory: isDirectory, mode: 0o750, owner: owner, group: "g", user: user,
      isOpenToGroup: isOpenToGroup
    ).description
  }

  @Test func theMendFitsWhoseItIs() {
    #expect(
      Self.refusal("stele", "ann", isDirectory: true, isOpenToGroup: true)
        == "/p belongs to stele:g, mode 0750, and this process is ann: run this as stele, or join the group "
        + "(usermod -aG g ann) and log in anew")
    #expect(
      Self.refusal("stele", "ann", isDirectory: true, isOpenToGroup: false).hasSuffix(
        "ann: run this as stele"))
    #expect(
      Self.refusal("root", "stele", isDirectory: true, isOpenToGroup: true).hasSuffix(
        "run this as root, or name a place that is stele's"))
    #expect(
      Self.refusal("root", "stele", isDirectory: false, isOpenToGroup: true).hasSuffix(
        "run this as root, or if it is to be stele's: chown stele /p"))
    #expect(Self.refusal("ann", "ann", isDirectory: true, isOpenToGroup: true).hasSuffix(": chmod u+rwx /p"))
    #expect(Self.refusal("ann", "ann", isDirectory: false, isOpenToGroup: true).hasSuffix(": chmod u+r /p"))
  }

  @Test func whatMayBeReachedIsNoRefusal() {
    #expect(AccessRefusal(to: "/proc/self/comm") == nil)
    #expect(AccessRefusal(to: "/") == nil)
    #expect(AccessRefusal(to: "/tmp/there/is/no/such/file") == nil)
  }
}
