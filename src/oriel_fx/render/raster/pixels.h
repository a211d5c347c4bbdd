/* What the rasteriser's files share: numbers, and pixels worked on several at a time.

   A plane is rows of bytes `stride` apart; `channels` bytes make a pixel. Only +, -, *, / and square roots of floats
   are used, compiled without contraction, so that every machine draws the same bytes. */

#pragma once

#include <stddef.h>
#include <stdint.h>

static inline float least(float a, float b) { return a < b ? a : b; }
static inline float most(float a, float b) { return a > b ? a : b; }
static inline int32_t least_int(int32_t a, int32_t b) { return a < b ? a : b; }
static inline int32_t most_int(int32_t a, int32_t b) { return a > b ? a : b; }
/* v / 255, rounded, for 0 <= v <= 65025. */
static inline uint32_t by_255(uint32_t v) { return (v + 128 + ((v + 128) >> 8)) >> 8; }

/* Pixels are worked on this many at a time: loops of a fixed length become vector instructions. */
#define LANES 8
typedef uint16_t Shorts __attribute__((vector_size(2 * LANES)));
typedef uint8_t Bytes __attribute__((vector_size(LANES)));

static inline Shorts by_255s(Shorts v) {
    v += 128;
    return (v + (v >> 8)) >> 8;
}

static inline Shorts load(const uint8_t *bytes) {
    Bytes them;
    __builtin_memcpy(&them, bytes, LANES);
    return __builtin_convertvector(them, Shorts);
}

static inline int any(Shorts levels) {
    uint64_t parts[2];
    __builtin_memcpy(parts, &levels, sizeof parts);
    return (parts[0] | parts[1]) != 0;
}

static inline void store(Shorts levels, uint8_t *bytes) {
    Bytes them = __builtin_convertvector(levels, Bytes);
    __builtin_memcpy(bytes, &them, sizeof them);
}

/* As many bytes as one vector of the widest kind holds. */
#define WIDE 32
typedef uint8_t WideBytes __attribute__((vector_size(WIDE)));
typedef uint32_t WideWholes __attribute__((vector_size(4 * LANES)));
typedef uint16_t Pairs __attribute__((vector_size(WIDE)));

/* What is drawn on: one plane, or a whole picture. */
typedef struct {
    uint8_t *data;
    ptrdiff_t stride;
    int32_t width, height, channels;
} Plane;

static inline uint8_t *at(const Plane *plane, int32_t left, int32_t top) {
    return plane->data + top * plane->stride + left;
}
