/* Parts of 8-bit planes: overlays laid on them, light added, faded and shrunk. */

#include "pixels.h"

/* As many bytes as one vector of the widest kind holds. */
#define WIDE 32
typedef uint8_t WideBytes __attribute__((vector_size(WIDE)));
typedef uint32_t WideWholes __attribute__((vector_size(4 * LANES)));
typedef uint16_t Pairs __attribute__((vector_size(WIDE)));

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

/* levels + under / 255 of what is there, over a part of a plane as large as they are. */
void lay_over(uint8_t *part, ptrdiff_t stride, int32_t width, int32_t height, const uint8_t *levels,
              const uint8_t *under) {
    for (int32_t j = 0; j < height; j++, part += stride, levels += width, under += width) {
        int32_t i = 0;
        for (; i + WIDE <= width; i += WIDE) {
            /* Most of an overlay hides what is there, or is not there itself. */
            if (all_bytes(under + i, 0)) {
                __builtin_memcpy(part + i, levels + i, WIDE);
            } else if (!(all_bytes(under + i, 255) && all_bytes(levels + i, 0))) {
                for (int32_t l = i; l < i + WIDE; l += LANES) lay_group(part + l, levels + l, under + l);
            }
        }
        for (; i < width; i++) part[i] = (uint8_t)(levels[i] + by_255((uint32_t)part[i] * under[i]));
    }
}

/* Levels / 255 of the way from what is there to what lies under it, over a part of a plane. */
void fade_out(uint8_t *part, ptrdiff_t stride, int32_t width, int32_t height, const uint8_t *under,
              ptrdiff_t under_stride, const uint8_t *levels, ptrdiff_t levels_stride) {
    for (int32_t j = 0; j < height; j++, part += stride, under += under_stride, levels += levels_stride) {
        int32_t i = 0;
        for (; i + LANES <= width; i += LANES) {
            Shorts level = load(levels + i);
            if (!any(level)) continue;
            const Shorts sum = load(part + i) * (255 - level) + load(under + i) * level;
            Bytes mixed = __builtin_convertvector(by_255s(sum), Bytes);
            __builtin_memcpy(part + i, &mixed, sizeof mixed);
        }
        for (; i < width; i++) part[i] = (uint8_t)by_255(part[i] * (255u - levels[i]) + (uint32_t)under[i] * levels[i]);
    }
}

/* LANES cells of a glow, enlarged twice by interpolation and twice by repetition: four pixels a cell. `mixed` is three
   of the nearer row of cells and one of the other, with a cell before its first and after its last. False, and
   nothing enlarged, where all that they would give is `zero`. */
static inline int enlarge(const uint16_t *mixed, uint8_t zero, WideBytes *enlarged) {
    Shorts before, here, after;
    __builtin_memcpy(&before, mixed - 1, sizeof before);
    __builtin_memcpy(&here, mixed, sizeof here);
    __builtin_memcpy(&after, mixed + 1, sizeof after);
    const Shorts none = (Shorts){0} + (uint16_t)(4 * zero);
    if (!any((before ^ none) | (here ^ none) | (after ^ none))) return 0;
    WideWholes left = __builtin_convertvector((3 * here + before + 8) >> 4, WideWholes);
    WideWholes right = __builtin_convertvector((3 * here + after + 8) >> 4, WideWholes);
    WideWholes four = left * 0x0101u + right * 0x01010000u;
    __builtin_memcpy(enlarged, &four, sizeof four);
    return 1;
}

static inline void add_wide(uint8_t *row, WideBytes change, uint8_t zero, uint8_t limit) {
    WideBytes level;
    __builtin_memcpy(&level, row, WIDE);
    const WideBytes zeros = {0};
    level = __builtin_elementwise_add_sat(level, __builtin_elementwise_sub_sat(change, zeros + zero));
    level = __builtin_elementwise_sub_sat(level, __builtin_elementwise_sub_sat(zeros + zero, change));
    level = __builtin_elementwise_min(level, zeros + limit);
    __builtin_memcpy(row, &level, WIDE);
}

/* The same for the `count` pixels that are left of a row. */
static void add_rest(uint8_t *row, int32_t count, WideBytes change, uint8_t zero, uint8_t limit) {
    for (int32_t i = 0; i < count; i++)
        row[i] = (uint8_t)least_int(most_int((int32_t)row[i] + change[i] - zero, 0), limit);
}

/* Add a glow, of which each cell lies over four by four pixels, as levels from `zero`, up to `limit`. Two by two
   pixels are given the same, for a glow is that smooth. What is over the limit already, and no glow falls on, stays.
   `mixed` has room for a row of cells and LANES + 2 more. */
void add_glow(uint8_t *part, ptrdiff_t stride, int32_t width, int32_t height, const uint8_t *glow, int32_t cells,
              int32_t rows, int32_t zero, int32_t limit, uint16_t *mixed) {
    mixed++;
    for (int32_t j = 0; j < height; j += 2) {
        const int32_t near = least_int(j / 4, rows - 1);
        const int32_t far = least_int(most_int(j % 4 ? j / 4 + 1 : j / 4 - 1, 0), rows - 1);
        const uint8_t *nearer = glow + (ptrdiff_t)near * cells, *other = glow + (ptrdiff_t)far * cells;
        for (int32_t c = 0; c < cells; c++) mixed[c] = (uint16_t)(3 * nearer[c] + other[c]);
        mixed[-1] = mixed[0];
        for (int32_t l = 0; l <= LANES; l++) mixed[cells + l] = mixed[cells - 1];
        for (int32_t c = 0; c < cells; c += LANES) {
            WideBytes change;
            if (!enlarge(mixed + c, (uint8_t)zero, &change)) continue;
            for (int32_t r = j; r < least_int(j + 2, height); r++) {
                uint8_t *row = part + r * stride + 4 * c;
                if (4 * c + WIDE <= width) add_wide(row, change, (uint8_t)zero, (uint8_t)limit);
                else add_rest(row, width - 4 * c, change, (uint8_t)zero, (uint8_t)limit);
            }
        }
    }
}

/* A part of a plane, four times as small: rounded means of four by four pixels, and of those there are at the far
   edges. `small` is rows of `cells` bytes without gaps. */
void shrink_by_4(const uint8_t *part, ptrdiff_t stride, int32_t width, int32_t height, uint8_t *small, int32_t cells) {
    for (int32_t j = 0; j < height; j += 4, small += cells) {
        const uint8_t *rows = part + j * stride;
        const int32_t deep = least_int(4, height - j);
        int32_t c = 0;
        for (; deep == 4 && 4 * c + WIDE <= width; c += LANES) {
            Pairs sums = {0};
            for (int32_t r = 0; r < 4; r++) {
                Pairs two;
                __builtin_memcpy(&two, rows + r * stride + 4 * c, sizeof two);
                sums += (two & 255) + (two >> 8);
            }
            WideWholes fours;
            __builtin_memcpy(&fours, &sums, sizeof fours);
            fours = (fours & 65535) + (fours >> 16);
            Bytes means = __builtin_convertvector((fours + 8) >> 4, Bytes);
            __builtin_memcpy(small + c, &means, sizeof means);
        }
        for (; c < cells; c++) {
            const int32_t broad = least_int(4, width - 4 * c);
            int32_t sum = 0;
            for (int32_t r = 0; r < deep; r++)
                for (int32_t i = 0; i < broad; i++) sum += rows[r * stride + 4 * c + i];
            small[c] = (uint8_t)((2 * sum + deep * broad) / (2 * deep * broad));
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
   255 of it; and take off likewise what it has lost, where it is said to fall. `ground` is rows of `width` bytes. */
void reflect(uint8_t *below, ptrdiff_t stride, int32_t width, int32_t height, const uint8_t *above,
             ptrdiff_t above_stride, const int32_t *rows, const uint8_t *ground, const uint8_t *shares, int32_t falls) {
    for (int32_t j = 0; j < height; j++, below += stride, ground += width) {
        const uint8_t *seen = above + rows[j] * above_stride;
        const uint16_t share = shares[j];
        int32_t i = 0;
        for (; i + LANES <= width; i += LANES) {
            const Shorts level = load(seen + i), from = load(ground + i);
            if (!any(level ^ from)) continue;
            const Shorts gained = by_255s((__builtin_elementwise_max(level, from) - from) * share);
            const Shorts lost = by_255s((__builtin_elementwise_max(level, from) - level) * share);
            Shorts sum = __builtin_elementwise_min(load(below + i) + gained, (Shorts){0} + 255);
            if (falls) sum -= __builtin_elementwise_min(sum, lost);
            Bytes them = __builtin_convertvector(sum, Bytes);
            __builtin_memcpy(below + i, &them, sizeof them);
        }
        for (; i < width; i++) below[i] = reflected(below[i], seen[i], ground[i], share, falls);
    }
}
