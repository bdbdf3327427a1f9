/// The decimal digits of an integer, in place: strings that a server stores as integers are written as text again.
struct DecimalText {
    private var digits = InlineArray<20, UInt8>(repeating: 0)
    private let start: Int

    init(_ number: Int64) {
        var index = 20
        var rest = number.magnitude
        repeat {
            index -= 1
            digits[index] = UInt8(truncatingIfNeeded: rest % 10) &+ UInt8(ascii: "0")
            rest /= 10
        } while rest > 0
        if number < 0 {
            index -= 1
            digits[index] = UInt8(ascii: "-")
        }
        start = index
    }

    var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            // SAFETY: all digits are initialised.
            unsafe digits.span.bytes.extracting(start..<20)
        }
    }
}
