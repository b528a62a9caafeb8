/* Integers in network byte order, for the decoders of pg/types.h and for pg/wire.h. The caller has checked the length. */
#ifndef PG_TYPES_READ_H
#define PG_TYPES_READ_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline int16_t read_int16(const char *p) {
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return (int16_t)be16toh(v);
}

static inline int32_t read_int32(const char *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return (int32_t)be32toh(v);
}

static inline int64_t read_int64(const char *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return (int64_t)be64toh(v);
}

#endif
