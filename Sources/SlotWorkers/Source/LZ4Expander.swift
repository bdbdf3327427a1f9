internal import CLZ4
internal import NIOCore

/// Expands LZ4 frames, by liblz4.
@safe final class LZ4Expander {
    struct Damaged: Error, CustomStringConvertible {
        let description: String
    }

    /// The first bytes of an LZ4 frame.
    static let magic: [UInt8] = [0x04, 0x22, 0x4D, 0x18]

    private let context: OpaquePointer
    /// Bytes that the decoder still expects; 0 at the end of a frame.
    private var hint = 0

    init() throws {
        var context: OpaquePointer?
        // SAFETY: the library writes one pointer to where it is told, and keeps nothing.
        let result = unsafe LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))
        guard LZ4F_isError(result) == 0, let context = unsafe context else {
            throw Damaged(description: "liblz4 gave no context")
        }
        unsafe self.context = context
    }

    deinit {
        // SAFETY: the context was made in `init` and is not used after this.
        unsafe _ = LZ4F_freeDecompressionContext(context)
    }

    /// Whether the input may end here.
    var isAtFrameEnd: Bool { hint == 0 }

    /// Expands part of `input` to the end of `output`, at most `limit` bytes.
    func expand(_ input: inout ByteBuffer, into output: inout ByteBuffer, limit: Int) throws {
        var taken = 0
        var result = 0
        // SAFETY: both sizes are those of the buffers that the closures lend, and the library reports what it used.
        unsafe input.withUnsafeReadableBytes { source in
            unsafe _ = output.writeWithUnsafeMutableBytes(minimumWritableBytes: limit) { target in
                var read = source.count
                var written = min(limit, target.count)
                unsafe result = LZ4F_decompress(context, target.baseAddress, &written, source.baseAddress, &read, nil)
                taken = read
                return LZ4F_isError(result) == 0 ? written : 0
            }
        }
        guard LZ4F_isError(result) == 0 else {
            // SAFETY: error names are constant C strings.
            throw Damaged(description: unsafe String(cString: LZ4F_getErrorName(result)))
        }
        hint = result
        input.moveReaderIndex(forwardBy: taken)
    }
}
