internal import NIOCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Errors of lower floors in an operator's words.
enum Words {
    static func of(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        // SAFETY: `strerror` gives a C string that is copied at once.
        return unsafe String(cString: strerror(error.errnoCode))
    }
}
