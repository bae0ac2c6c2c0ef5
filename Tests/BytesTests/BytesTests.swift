import Bytes
import Testing
@Test func placeholder() {}
