// CRC-64 by carry-less multiplication (x86-64). Part of checksum.c.
//
// A register holds 16 bytes of the message as a polynomial in reverse bit order: its low half is the earlier one, worth
// x^64 more. Moving it over d later bits multiplies the halves by x^(d+64) and x^d, reduced modulo the polynomial; a
// product of two reversed halves comes out one place low, so the constants are those of x^(d+63) and x^(d-1), reversed.
// After V. Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009).

#include <immintrin.h>

#define FOLDING __attribute__((target("pclmul,sse4.1")))

FOLDING static inline __m128i constants(uint64_t low, uint64_t high) {
    return _mm_set_epi64x((long long)high, (long long)low);
}

FOLDING static inline __m128i fold(__m128i value, __m128i factors, __m128i later) {
    __m128i low = _mm_clmulepi64_si128(value, factors, 0x00);
    __m128i high = _mm_clmulepi64_si128(value, factors, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), later);
}

FOLDING static inline __m128i load16(const uint8_t *bytes) {
    return _mm_loadu_si128((const __m128i *)bytes);
}

// The 16 bytes as message to its checksum: times x^64, modulo the polynomial (Barrett).
FOLDING static inline uint64_t reduce(__m128i value) {
    const __m128i by64 = constants(UINT64_C(0x381d0015c96f4444), 0);
    const __m128i barrett = constants(UINT64_C(0x3e6cfa329aef9f77), UINT64_C(0x2b5926535897936a));
    __m128i folded = _mm_xor_si128(_mm_clmulepi64_si128(value, by64, 0x00), _mm_srli_si128(value, 8));
    __m128i quotient = _mm_clmulepi64_si128(folded, barrett, 0x00);
    __m128i product = _mm_clmulepi64_si128(quotient, barrett, 0x10);
    return (uint64_t)_mm_extract_epi64(_mm_xor_si128(product, folded), 1) ^ (uint64_t)_mm_cvtsi128_si64(quotient);
}

// A window of 16 that starts at 16 - n picks the first n bytes of a register to its end (zeros before them); one that
// starts at 16 + n moves the register n bytes down (zeros after).
static const uint8_t shifts[48] = {
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
    0,    1,    2,    3,    4,    5,    6,    7,    8,    9,    10,   11,   12,   13,   14,   15,
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
};

FOLDING uint64_t cchecksum_crc64_folded(uint64_t crc, const uint8_t *bytes, size_t length) {
    const __m128i by128 = constants(UINT64_C(0xd9d7be7d505da32c), UINT64_C(0x381d0015c96f4444));
    const uint8_t *end = bytes + length;
    __m128i value = _mm_xor_si128(load16(bytes), _mm_cvtsi64_si128((long long)crc));
    bytes += 16;
    if (length >= 128) {
        const __m128i by512 = constants(UINT64_C(0xaf86efb16d9ab4fb), UINT64_C(0xf49784a634f014e4));
        const __m128i by384 = constants(UINT64_C(0xa062b2319d66692f), UINT64_C(0x7b3211a760160db8));
        const __m128i by256 = constants(UINT64_C(0x6ba4d760ab38201e), UINT64_C(0xef3d1d18ed889ed2));
        __m128i second = load16(bytes), third = load16(bytes + 16), fourth = load16(bytes + 32);
        bytes += 48;
        for (; end - bytes >= 64; bytes += 64) {
            value = fold(value, by512, load16(bytes));
            second = fold(second, by512, load16(bytes + 16));
            third = fold(third, by512, load16(bytes + 32));
            fourth = fold(fourth, by512, load16(bytes + 48));
        }
        value = fold(value, by384, fold(second, by256, fold(third, by128, fourth)));
    }
    for (; end - bytes >= 16; bytes += 16) {
        value = fold(value, by128, load16(bytes));
    }
    size_t rest = (size_t)(end - bytes);
    if (rest > 0) {
        // The first `rest` bytes of the register move over the 16 behind them: its others, then the rest, which is
        // the end of the last 16 bytes of the message.
        __m128i down = load16(shifts + 16 + rest);
        __m128i last = _mm_blendv_epi8(_mm_shuffle_epi8(value, down), load16(end - 16), down);
        value = fold(_mm_shuffle_epi8(value, load16(shifts + rest)), by128, last);
    }
    return reduce(value);
}
