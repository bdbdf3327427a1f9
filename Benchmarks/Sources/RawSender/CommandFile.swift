import Glibc

/// A file of RESP commands, mapped and read into memory before the clock starts: the disk is not what is measured.
struct CommandFile: ~Copyable {
    let bytes: UnsafeRawBufferPointer

    init(path: String) throws(Failure) {
        let descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else { throw .system("open \(path)") }
        defer { _ = close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system("stat \(path)") }
        let count = Int(status.st_size)
        guard count > 0 else { throw Failure("\(path) is empty") }
        guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE | MAP_POPULATE, descriptor, 0), start != MAP_FAILED
        else { throw .system("map \(path)") }
        bytes = UnsafeRawBufferPointer(start: start, count: count)
    }

    deinit {
        munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
    }
}
