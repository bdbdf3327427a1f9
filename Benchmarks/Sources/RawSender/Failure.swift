import Glibc

/// Why the sender gave up: what it was doing, and the system's word for what went wrong.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }

    /// A failed system call; reads `errno`, so it is made right after the call.
    static func system(_ doing: String) -> Failure {
        Failure("\(doing): \(String(cString: strerror(errno)))")
    }
}
