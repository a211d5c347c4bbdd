/* Parts of 8-bit planes: overlays laid on them, light faded and reflected, codes looked up. */

#include "pixels.h"

/* Whether WIDE bytes all have one value. */
static inline int all_bytes(const uint8_t *bytes, uint8_t value) {
    uint64_t parts[WIDE / 8], wanted = value * 0x0101010101010101u;
    __builtin_memcpy(parts, bytes, WIDE);
    return ((parts[0] ^ wanted) | (parts[1] ^ wanted) | (parts[2] ^ wanted) | (parts[3] ^ wanted)) == 0;
}

static inline void lay_group(uint8_t *part, const uint8_t *levels, const uint8_t *under) {
    Bytes sum = __builtin_convertvector(load(levels) + by_255s(load(part) * load(under)), Bytes);
    __builtin_memcpy(part, &sum, sizeof sum);
}

static void lay_plane_over(uint8_t *part, ptrdiff_t stride, const Plane *levels, const Plane *under) {
    const int32_t width = levels->width;
    for (int32_t j = 0; j < levels->height; j++, part += stride) {
        const uint8_t *level = at(levels, 0, j), *stays = at(under, 0, j);
        int32_t i = 0;
        for (; i + WIDE <= width; i += WIDE) {
            /* Most of an overlay hides what is there, or is not there itself. */
            if (all_bytes(stays + i, 0)) {
                __builtin_memcpy(part + i, level + i, WIDE);
            } else if (!(all_bytes(stays + i, 255) && all_bytes(level + i, 0))) {
                for (int32_t l = i; l < i + WIDE; l += LANES) lay_group(part + l, level + l, stays + l);
            }
        }
        for (; i < width; i++) part[i] = (uint8_t)(level[i] + by_255((uint32_t)part[i] * stays[i]));
    }
}

/* Of `n_planes` planes the first is of full size, the others of half of it: where a part of them starts. */
static inline uint8_t *part_of(const Plane *planes, int32_t p, int32_t left, int32_t top) {
    return at(planes + p, left >> (p > 0), top >> (p > 0));
}

/* levels + under / 255 of what is there, over a part of a frame that is as large as they are. */
void lay_over(const Plane *frame, int32_t n_planes, int32_t left, int32_t top, const Plane *levels,
              const Plane *under) {
    for (int32_t p = 0; p < n_planes; p++)
        lay_plane_over(part_of(frame, p, left, top), frame[p].stride, levels + p, under + p);
}

/* A part of a frame becomes what another holds there. */
void copy_part(const Plane *frame, int32_t n_planes, int32_t left, int32_t top, int32_t width, int32_t height,
               const Plane *other) {
    for (int32_t p = 0; p < n_planes; p++) {
        uint8_t *row = part_of(frame, p, left, top);
        const uint8_t *from = part_of(other, p, left, top);
        for (int32_t j = 0; j < height >> (p > 0); j++, row += frame[p].stride, from += other[p].stride)
            __builtin_memcpy(row, from, (size_t)(width >> (p > 0)));
    }
}

static void fade_row(uint8_t *row, const uint8_t *under, const uint8_t *levels, int32_t width) {
    int32_t i = 0;
    for (; i + LANES <= width; i += LANES) {
        const Shorts level = load(levels + i);
        if (any(level)) store(by_255s(load(row + i) * (255 - level) + load(under + i) * level), row + i);
    }
    for (; i < width; i++) row[i] = (uint8_t)by_255(row[i] * (255u - levels[i]) + (uint32_t)under[i] * levels[i]);
}

/* Levels / 255 of the way from what is there to what lies under it, over a part of a frame. */
void fade_out(const Plane *frame, int32_t n_planes, int32_t left, int32_t top, int32_t width, int32_t height,
              const Plane *under, const Plane *levels) {
    for (int32_t p = 0; p < n_planes; p++) {
        uint8_t *row = part_of(frame, p, left, top);
        const uint8_t *from = part_of(under, p, left, top), *level = part_of(levels, p, left, top);
        for (int32_t j = 0; j < height >> (p > 0); j++) {
            fade_row(row, from, level, width >> (p > 0));
            row += frame[p].stride, from += under[p].stride, level += levels[p].stride;
        }
    }
}

/* Add to codes the digit of each pixel's coverage: `steps` / 255 of it, rounded, times `weight`. Both are rows of
   `width` bytes without gaps. */
void add_digits(uint8_t *codes, int32_t width, int32_t height, const uint8_t *coverage, int32_t steps, int32_t weight) {
    const ptrdiff_t count = (ptrdiff_t)width * height;
    ptrdiff_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        Shorts digits = by_255s(load(coverage + i) * (uint16_t)steps);
        Bytes sum = __builtin_convertvector(load(codes + i) + digits * (uint16_t)weight, Bytes);
        __builtin_memcpy(codes + i, &sum, sizeof sum);
    }
    for (; i < count; i++) codes[i] = (uint8_t)(codes[i] + by_255(coverage[i] * (uint32_t)steps) * (uint32_t)weight);
}

/* Each pixel of a part of a plane becomes what a table of 256 says for its code; `codes` is rows of `width` bytes. */
void look_up(uint8_t *part, ptrdiff_t stride, int32_t width, int32_t height, const uint8_t *codes,
             const uint8_t *table) {
    for (int32_t j = 0; j < height; j++, part += stride, codes += width) {
        int32_t i = 0;
        for (; i + WIDE <= width; i += WIDE) {
            /* Most codes have neighbours that are the same. */
            if (all_bytes(codes + i, codes[i])) {
                const WideBytes level = (WideBytes){0} + table[codes[i]];
                __builtin_memcpy(part + i, &level, WIDE);
            } else {
                for (int32_t l = i; l < i + WIDE; l++) part[l] = table[codes[l]];
            }
        }
        for (; i < width; i++) part[i] = table[codes[i]];
    }
}

static inline uint8_t reflected(int32_t below, int32_t seen, int32_t ground, int32_t share, int32_t falls) {
    if (seen > ground) return (uint8_t)least_int(below + (int32_t)by_255((uint32_t)((seen - ground) * share)), 255);
    if (!falls) return (uint8_t)below;
    return (uint8_t)most_int(below - (int32_t)by_255((uint32_t)((ground - seen) * share)), 0);
}

/* Add to each row of a part of a plane what one row of another part, `rows[j]`, has gained over `ground`: `shares[j]` /
   255 of it; and take off likewise what it has lost, where it is said to fall. */
void reflect(uint8_t *below, ptrdiff_t stride, int32_t width, int32_t height, const uint8_t *above,
             ptrdiff_t above_stride, const int32_t *rows, const uint8_t *ground, ptrdiff_t ground_stride,
             const uint8_t *shares, int32_t falls) {
    for (int32_t j = 0; j < height; j++, below += stride) {
        const uint8_t *seen = above + rows[j] * above_stride, *under = ground + rows[j] * ground_stride;
        const uint16_t share = shares[j];
        int32_t i = 0;
        for (; i + LANES <= width; i += LANES) {
            const Shorts level = load(seen + i), from = load(under + i);
            if (!any(level ^ from)) continue;
            const Shorts gained = by_255s((__builtin_elementwise_max(level, from) - from) * share);
            const Shorts lost = by_255s((__builtin_elementwise_max(level, from) - level) * share);
            Shorts sum = __builtin_elementwise_min(load(below + i) + gained, (Shorts){0} + 255);
            if (falls) sum -= __builtin_elementwise_min(sum, lost);
            Bytes them = __builtin_convertvector(sum, Bytes);
            __builtin_memcpy(below + i, &them, sizeof them);
        }
        for (; i < width; i++) below[i] = reflected(below[i], seen[i], under[i], share, falls);
    }
}
