/// What the test support could not do, in one sentence for the failure message.
package struct TestError: Error, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
