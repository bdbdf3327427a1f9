#pragma once

// The checksum of RDB streams and DUMP payloads.

#include <stddef.h>
#include <stdint.h>

/// Slice tables of the CRC-64, filled before `main`: `[k][b]` is the checksum of byte `b` followed by `k` zero bytes.
extern uint64_t cchecksum_crc64_tables[16][256];

/// 1 where the processor has PCLMULQDQ and SSE 4.1, else 0; set before `main`.
extern int cchecksum_has_carryless_multiply;

/// Whether `cchecksum_crc64_folded` may be called.
static inline int cchecksum_can_fold(void) {
    return cchecksum_has_carryless_multiply;
}

/// The CRC-64 by carry-less multiplication, for `length` of 16 or more, only where `cchecksum_can_fold`.
/// Not inline: code for a processor extension cannot be inlined into code without it.
uint64_t cchecksum_crc64_folded(uint64_t crc, const uint8_t *bytes, size_t length);

/// The CRC-64 by tables, 16 bytes a step, on any processor and for any length.
uint64_t cchecksum_crc64_sliced(uint64_t crc, const uint8_t *bytes, size_t length);

/// CRC-64/REDIS (polynomial 0xad93d23594c935a9 "Jones", reflected, initial value 0, no final inversion):
/// continues `crc` over `length` bytes; start with 0. `bytes` may be null where `length` is 0.
static inline uint64_t cchecksum_crc64(uint64_t crc, const uint8_t *bytes, size_t length) {
    if (length >= 16 && cchecksum_can_fold()) {
        return cchecksum_crc64_folded(crc, bytes, length);
    }
    if (length >= 8) {
        return cchecksum_crc64_sliced(crc, bytes, length);
    }
    for (size_t i = 0; i < length; i++) {
        crc = cchecksum_crc64_tables[0][(uint8_t)crc ^ bytes[i]] ^ (crc >> 8);
    }
    return crc;
}
