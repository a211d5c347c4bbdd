/* Glows: the light that was drawn on a ground, at a quarter of its size and less, and adding it once it is blurred. */

#include "pixels.h"

typedef uint8_t TwoBytes __attribute__((vector_size(2 * LANES)));
typedef uint32_t PairsWholes __attribute__((vector_size(2 * WIDE)));
typedef int32_t SignedWholes __attribute__((vector_size(4 * LANES)));

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

/* The same, twice as small: rounded means of two by two. */
void shrink_by_2(const uint8_t *part, ptrdiff_t stride, int32_t width, int32_t height, uint8_t *small, int32_t cells) {
    for (int32_t j = 0; j < height; j += 2, small += cells) {
        const uint8_t *row = part + j * stride, *next = j + 1 < height ? row + stride : row;
        int32_t c = 0;
        for (; 2 * c + 2 * LANES <= width; c += LANES) {
            Shorts upper, lower;
            __builtin_memcpy(&upper, row + 2 * c, sizeof upper);
            __builtin_memcpy(&lower, next + 2 * c, sizeof lower);
            store(((upper & 255) + (upper >> 8) + (lower & 255) + (lower >> 8) + 2) >> 2, small + c);
        }
        for (; c < cells; c++) {
            const int32_t i = 2 * c, after = least_int(i + 1, width - 1);
            small[c] = (uint8_t)((row[i] + row[after] + next[i] + next[after] + 2) >> 2);
        }
    }
}

/* Three planes' bytes in turn. */
static inline void interleave(Bytes a, Bytes b, Bytes c, uint8_t *threes) {
    const TwoBytes ab = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const TwoBytes cc = __builtin_shufflevector(c, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const TwoBytes first = __builtin_shufflevector(ab, cc, 0, 8, 16, 1, 9, 17, 2, 10, 18, 3, 11, 19, 4, 12, 20, 5);
    const Bytes last = __builtin_shufflevector(ab, cc, 13, 21, 6, 14, 22, 7, 15, 23);
    __builtin_memcpy(threes, &first, sizeof first);
    __builtin_memcpy(threes + sizeof first, &last, sizeof last);
}

/* How colour differs from the ground's, as levels round 128; where there is no light there is no colour. */
static inline Bytes differ(const uint8_t *colour, const uint8_t *ground, Shorts light) {
    const Shorts under = load(ground), raised = load(colour) + 128;
    const Shorts above = __builtin_elementwise_max(raised, under) - under;
    const Shorts difference = __builtin_elementwise_min(above, (Shorts){0} + 255);
    const Shorts lit = (Shorts)(light != 0);
    return __builtin_convertvector((difference & lit) | (((Shorts){0} + 128) & ~lit), Bytes);
}

static uint8_t differ_one(int32_t colour, int32_t ground, int32_t light) {
    return light ? (uint8_t)least_int(most_int(colour - ground + 128, 0), 255) : 128;
}

static void take_off(uint8_t *row, const uint8_t *ground, int32_t count) {
    int32_t i = 0;
    for (; i + WIDE <= count; i += WIDE) {
        WideBytes level, under;
        __builtin_memcpy(&level, row + i, WIDE);
        __builtin_memcpy(&under, ground + i, WIDE);
        level = __builtin_elementwise_sub_sat(level, under);
        __builtin_memcpy(row + i, &level, WIDE);
    }
    for (; i < count; i++) row[i] = (uint8_t)most_int(row[i] - ground[i], 0);
}

/* The light that a region of a frame has over its ground: `light`, of luma, a cell for four by four pixels, and
   `threes`, of all planes in turn, a cell for `step` by `step` pixels, 4 or 8. Regions start at multiples of 16.
   `ground` is Y' four times as small, and Cb and Cr as small as `threes`; `scratch` has room for as many bytes as
   `threes`. */
void gather_light(const Plane *frame, const Plane *ground, int32_t left, int32_t top, int32_t width, int32_t height,
                  int32_t step, uint8_t *light, uint8_t *threes, uint8_t *scratch) {
    const int32_t cells = (width + 3) / 4, rows = (height + 3) / 4;
    const int32_t coarse = (width + step - 1) / step, coarse_rows = (height + step - 1) / step;
    const ptrdiff_t size = (ptrdiff_t)coarse * coarse_rows;
    shrink_by_4(at(frame, left, top), frame->stride, width, height, light, cells);
    for (int32_t j = 0; j < rows; j++)
        take_off(light + (ptrdiff_t)j * cells, at(ground, left / 4, top / 4 + j), cells);
    const uint8_t *small = step == 4 ? light : scratch;
    if (step == 8) shrink_by_2(light, cells, cells, rows, scratch, coarse);
    for (int32_t p = 1; p < 3; p++) {
        const uint8_t *part = at(frame + p, left / 2, top / 2);
        if (step == 8) shrink_by_4(part, frame[p].stride, width / 2, height / 2, scratch + p * size, coarse);
        else shrink_by_2(part, frame[p].stride, width / 2, height / 2, scratch + p * size, coarse);
    }
    const uint8_t *blue = scratch + size, *red = scratch + 2 * size;
    for (int32_t j = 0; j < coarse_rows; j++) {
        const uint8_t *ground_blue = at(ground + 1, left / step, top / step + j);
        const uint8_t *ground_red = at(ground + 2, left / step, top / step + j);
        int32_t c = 0;
        for (; c + LANES <= coarse; c += LANES) {
            const Shorts lit = load(small + c);
            interleave(__builtin_convertvector(lit, Bytes), differ(blue + c, ground_blue + c, lit),
                       differ(red + c, ground_red + c, lit), threes + 3 * c);
        }
        for (; c < coarse; c++) {
            threes[3 * c] = small[c];
            threes[3 * c + 1] = differ_one(blue[c], ground_blue[c], small[c]);
            threes[3 * c + 2] = differ_one(red[c], ground_red[c], small[c]);
        }
        small += coarse, blue += coarse, red += coarse, threes += 3 * coarse;
    }
}

/* Bytes of three planes in turn, LANES of each: the first and the last 16 of the 24. */
typedef struct {
    TwoBytes first, last;
} Threes;

static inline Threes load_threes(const uint8_t *bytes) {
    Threes them;
    __builtin_memcpy(&them.first, bytes, 2 * LANES);
    __builtin_memcpy(&them.last, bytes + LANES, 2 * LANES);
    return them;
}
static inline Bytes first_of(Threes it) {
    return __builtin_shufflevector(it.first, it.last, 0, 3, 6, 9, 12, 15, 26, 29);
}
static inline Bytes second_of(Threes it) {
    return __builtin_shufflevector(it.first, it.last, 1, 4, 7, 10, 13, 24, 27, 30);
}
static inline Bytes third_of(Threes it) {
    return __builtin_shufflevector(it.first, it.last, 2, 5, 8, 11, 14, 25, 28, 31);
}

/* Levels times a share of so many 65536ths. */
static inline Pairs share_of(Pairs levels, uint32_t share) {
    return __builtin_convertvector((__builtin_convertvector(levels, PairsWholes) * share) >> 16, Pairs);
}

/* Two by two cells for each cell of a row, in 16ths: `mixed` is three of this row and one of its neighbour. */
static inline Pairs enlarged(const uint16_t *mixed) {
    Shorts before, here, after;
    __builtin_memcpy(&before, mixed - 1, sizeof before);
    __builtin_memcpy(&here, mixed, sizeof here);
    __builtin_memcpy(&after, mixed + 1, sizeof after);
    const WideWholes both = __builtin_convertvector(3 * here + before, WideWholes) +
                            (__builtin_convertvector(3 * here + after, WideWholes) << 16);
    Pairs pairs;
    __builtin_memcpy(&pairs, &both, sizeof pairs);
    return pairs;
}

/* Half a row of cells that is `j` of rows twice as fine: three parts of the row it lies in, one of the next nearest. */
static void mix_rows(const uint8_t *luma, int32_t cells, int32_t rows, int32_t j, uint16_t *mixed) {
    const int32_t near = j / 2, far = least_int(most_int(j % 2 ? near + 1 : near - 1, 0), rows - 1);
    const uint8_t *nearer = luma + (ptrdiff_t)near * cells, *other = luma + (ptrdiff_t)far * cells;
    for (int32_t c = 0; c < cells; c++) mixed[c] = (uint16_t)(3 * nearer[c] + other[c]);
    mixed[-1] = mixed[0];
    for (int32_t l = 0; l <= LANES; l++) mixed[cells + l] = mixed[cells - 1];
}

/* A tight glow of luma becomes that and a wide one together: so many 1024ths of it, and of the first of `threes`, which
   are `step` / 4 times as coarse. Sums are in quarters of a level, so shares stay below 64 together. `luma` has room
   for a byte for each of the coarse cells and LANES more, `mixed` for a coarse row and LANES + 2 more. */
void mix_glow(uint8_t *glow, int32_t cells, int32_t rows, const uint8_t *threes, int32_t coarse, int32_t coarse_rows,
              int32_t step, int32_t near, int32_t far, uint8_t *luma, uint16_t *mixed) {
    const ptrdiff_t size = (ptrdiff_t)coarse * coarse_rows;
    ptrdiff_t k = 0;
    for (; k + LANES <= size; k += LANES) {
        const Bytes first = first_of(load_threes(threes + 3 * k));
        __builtin_memcpy(luma + k, &first, sizeof first);
    }
    for (; k < size; k++) luma[k] = threes[3 * k];
    mixed++;
    for (int32_t j = 0; j < rows; j++, glow += cells) {
        if (step == 8) mix_rows(luma, coarse, coarse_rows, j, mixed);
        for (int32_t c = 0; c < cells; c += 2 * LANES) {
            const int32_t count = least_int(2 * LANES, cells - c);
            TwoBytes tight = {0};
            Pairs wide;
            if (count == 2 * LANES) __builtin_memcpy(&tight, glow + c, sizeof tight);
            else __builtin_memcpy(&tight, glow + c, (size_t)count);
            if (step == 8) {
                wide = enlarged(mixed + c / 2) << 4;
            } else {
                TwoBytes same = {0};
                __builtin_memcpy(&same, luma + (ptrdiff_t)j * cells + c, (size_t)count);
                wide = __builtin_convertvector(same, Pairs) << 8;
            }
            const Pairs close = __builtin_convertvector(tight, Pairs) << 8;
            const Pairs sum = share_of(close, (uint32_t)near) + share_of(wide, (uint32_t)far);
            tight = __builtin_convertvector(__builtin_elementwise_min((sum + 2) >> 2, (Pairs){0} + 255), TwoBytes);
            if (count == 2 * LANES) __builtin_memcpy(glow + c, &tight, sizeof tight);
            else __builtin_memcpy(glow + c, &tight, (size_t)count);
        }
    }
}

static inline Bytes mix_shade(Bytes tight, Bytes wide, int32_t near, int32_t far) {
    const SignedWholes sum = (__builtin_convertvector(tight, SignedWholes) - 128) * near +
                             (__builtin_convertvector(wide, SignedWholes) - 128) * far;
    const SignedWholes level = ((sum + 512) >> 10) + 128;
    return __builtin_convertvector(
        __builtin_elementwise_min(__builtin_elementwise_max(level, (SignedWholes){0}), (SignedWholes){0} + 255), Bytes);
}

/* The glow of colour, as levels round 128: so many 1024ths of a tight one and of a wide one, the last two of `count`
   threes each; `shades` is all Cb, then all Cr. */
void mix_shades(const uint8_t *tight, const uint8_t *wide, int32_t count, int32_t near, int32_t far, uint8_t *shades) {
    for (int32_t k = 0; k < count; k += LANES) {
        const int32_t rest = least_int(LANES, count - k);
        uint8_t last[2][3 * LANES] = {{0}};
        if (rest < LANES) {
            __builtin_memcpy(last[0], tight + 3 * k, 3 * (size_t)rest);
            __builtin_memcpy(last[1], wide + 3 * k, 3 * (size_t)rest);
        }
        const Threes close = load_threes(rest < LANES ? last[0] : tight + 3 * k);
        const Threes apart = load_threes(rest < LANES ? last[1] : wide + 3 * k);
        const Bytes blue = mix_shade(second_of(close), second_of(apart), near, far);
        const Bytes red = mix_shade(third_of(close), third_of(apart), near, far);
        __builtin_memcpy(shades + k, &blue, (size_t)rest);
        __builtin_memcpy(shades + count + k, &red, (size_t)rest);
    }
}

/* LANES cells of a glow, enlarged twice by interpolation and twice by repetition: four pixels a cell. False, and
   nothing enlarged, where all that they would give is `zero`. */
static inline int enlarge(const uint16_t *mixed, uint8_t zero, WideBytes *four) {
    Shorts before, here, after;
    __builtin_memcpy(&before, mixed - 1, sizeof before);
    __builtin_memcpy(&here, mixed, sizeof here);
    __builtin_memcpy(&after, mixed + 1, sizeof after);
    const Shorts none = (Shorts){0} + (uint16_t)(4 * zero);
    if (!any((before ^ none) | (here ^ none) | (after ^ none))) return 0;
    const Pairs twice = ((enlarged(mixed) + 8) >> 4) * 0x0101;
    __builtin_memcpy(four, &twice, sizeof twice);
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
        mix_rows(glow, cells, rows, j / 2, mixed);
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
