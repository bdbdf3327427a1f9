#include "cchecksum.h"

// The polynomial 0xad93d23594c935a9 with its bits in reverse order (its x^64 is implied).
#define POLYNOMIAL UINT64_C(0x95ac9329ac4bc9b5)

uint64_t cchecksum_crc64_tables[16][256];
int cchecksum_has_carryless_multiply;

// Runs before `main`, in one thread: after it the tables are only read.
__attribute__((constructor)) static void prepare(void) {
    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t crc = byte;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) ? POLYNOMIAL : 0);
        }
        cchecksum_crc64_tables[0][byte] = crc;
    }
    for (int slice = 1; slice < 16; slice++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            uint64_t crc = cchecksum_crc64_tables[slice - 1][byte];
            cchecksum_crc64_tables[slice][byte] = cchecksum_crc64_tables[0][(uint8_t)crc] ^ (crc >> 8);
        }
    }
#if defined(__x86_64__)
    __builtin_cpu_init();
    cchecksum_has_carryless_multiply = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
#endif
}

// Little-endian on every processor; compilers make one load of it where they can.
static inline uint64_t load(const uint8_t *bytes) {
    uint64_t word = 0;
    for (int i = 7; i >= 0; i--) {
        word = (word << 8) | bytes[i];
    }
    return word;
}

// The checksum of eight bytes followed by `zeros` zero bytes.
static inline uint64_t slice(uint64_t word, int zeros) {
    uint64_t crc = 0;
    for (int i = 0; i < 8; i++) {
        crc ^= cchecksum_crc64_tables[zeros + 7 - i][(uint8_t)(word >> (8 * i))];
    }
    return crc;
}

uint64_t cchecksum_crc64_sliced(uint64_t crc, const uint8_t *bytes, size_t length) {
    for (; length >= 16; bytes += 16, length -= 16) {
        crc = slice(crc ^ load(bytes), 8) ^ slice(load(bytes + 8), 0);
    }
    if (length >= 8) {
        crc = slice(crc ^ load(bytes), 0);
        bytes += 8;
        length -= 8;
    }
    for (size_t i = 0; i < length; i++) {
        crc = cchecksum_crc64_tables[0][(uint8_t)crc ^ bytes[i]] ^ (crc >> 8);
    }
    return crc;
}

#if defined(__x86_64__)
#include "folding.h"
#else
uint64_t cchecksum_crc64_folded(uint64_t crc, const uint8_t *bytes, size_t length) {
    return cchecksum_crc64_sliced(crc, bytes, length);
}
#endif
