import FoundationEssentials

/// Who logs in, and where the password is found. The password itself is never kept: it is read at each connect, so
/// that a rotated one is taken up.
package struct Credentials: Sendable, Hashable {
    /// Where a password is read from.
    package enum PasswordSource: Sendable, Hashable {
        /// No password.
        case none
        /// The whole content of a file, without the line end that closes it.
        case file(path: String)
        /// An environment variable; no password where it is not set or empty.
        case environment(variable: String)
    }

    /// The ACL user; `nil` for the default user.
    package var user: String?
    package var password: PasswordSource

    package init(user: String? = nil, password: PasswordSource = .none) {
        self.user = user
        self.password = password
    }

    /// The arguments of `AUTH`; `nil` where nothing is to be sent. A user without a password logs in with an empty one
    /// (ACL `nopass`).
    func authentication() throws(FileError) -> [any CommandArgument]? {
        guard let password = try readPassword() else { return user.map { ["AUTH", $0, ""] } }
        return user.map { ["AUTH", $0, password] } ?? ["AUTH", password]
    }

    /// Whether a password is there now.
    var hasPassword: Bool { (try? readPassword()) != nil }

    private func readPassword() throws(FileError) -> [UInt8]? {
        switch password {
        case .none: return nil
        case .file(let path):
            var bytes = try FileError.reading(path, as: "password file")
            if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
            if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
            guard !bytes.isEmpty else { throw FileError("The password file \(path) is empty.") }
            return bytes
        case .environment(let variable):
            guard let value = ProcessInfo.processInfo.environment[variable], !value.isEmpty else { return nil }
            return Array(value.utf8)
        }
    }
}

/// A password, certificate or key file that cannot be used.
struct FileError: Error, Hashable {
    /// One sentence for the operator.
    let message: String

    init(_ message: String) { self.message = message }

    /// The content of a small file.
    static func reading(_ path: String, as kind: String) throws(FileError) -> [UInt8] {
        do {
            return Array(try Data(contentsOf: URL(filePath: path)))
        } catch let error as CocoaError where error.code == .fileReadNoSuchFile {
            throw FileError("The \(kind) \(path) does not exist.")
        } catch let error as CocoaError where error.code == .fileReadNoPermission {
            throw FileError("The \(kind) \(path) may not be read by this user.")
        } catch {
            throw FileError("The \(kind) \(path) cannot be read: \(error).")
        }
    }
}
