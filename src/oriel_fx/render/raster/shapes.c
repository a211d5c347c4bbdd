/* Shapes: anti-aliased lines and ridges, mixed into 8-bit planes and pictures.

   Pixel (i, j) has its centre at (i + 0.5, j + 0.5). Coverage is that of a strip of the shape's width over a pixel's
   width, across the line. */

#include "pixels.h"

#define VERSION 7

int32_t raster_version(void) { return VERSION; }

/* The whole number below; far outside any picture, and where there is no number, one that is outside too. */
static inline int32_t down(float v) {
    v = least(most(v, -1e6f), 1e6f);
    int32_t whole = (int32_t)v;
    return v < (float)whole ? whole - 1 : whole;
}

/* A thick line, and the pixels it may touch. */
typedef struct {
    float x, y, along_x, along_y, length, radius;
    /* Where it crosses rows: how far its middle shifts from one to the next, and what it touches on either side. */
    float shift, reach;
    int32_t left, top, right, bottom;
    int round, crosses;
} Capsule;

static Capsule capsule_of(const Plane *plane, const float *start, const float *end, float radius, int round) {
    float across = end[0] - start[0], downward = end[1] - start[1];
    float length = __builtin_sqrtf(across * across + downward * downward);
    Capsule it = {.x = start[0], .y = start[1], .along_y = -1, .length = length, .radius = radius, .round = round};
    if (length > 1e-6f) {
        it.along_x = across / length;
        it.along_y = downward / length;
    }
    it.crosses = it.along_y >= 1e-3f || it.along_y <= -1e-3f;
    if (it.crosses) {
        it.shift = it.along_x / it.along_y;
        it.reach = (radius + 0.5f) / (it.along_y < 0 ? -it.along_y : it.along_y);
    }
    float reach = radius + 0.5f;
    it.left = most_int(0, down(least(start[0], end[0]) - reach));
    it.top = most_int(0, down(least(start[1], end[1]) - reach));
    it.right = least_int(plane->width, down(most(start[0], end[0]) + reach) + 1);
    it.bottom = least_int(plane->height, down(most(start[1], end[1]) + reach) + 1);
    return it;
}

typedef float Floats __attribute__((vector_size(4 * LANES)));
typedef int32_t Wholes __attribute__((vector_size(4 * LANES)));
static const Floats STEPS = {0, 1, 2, 3, 4, 5, 6, 7};

static inline Floats all(float number) { return (Floats){0} + number; }
static inline Floats lower(Floats a, Floats b) { return __builtin_elementwise_min(a, b); }
static inline Floats upper(Floats a, Floats b) { return __builtin_elementwise_max(a, b); }
static inline Floats pick(Wholes which, Floats a, Floats b) {
    return (Floats)(((Wholes)a & which) | ((Wholes)b & ~which));
}

static inline Floats load_floats(const float *numbers) {
    Floats them;
    __builtin_memcpy(&them, numbers, sizeof them);
    return them;
}

/* How much of a pixel a strip of this radius covers, its middle so far away. */
static inline Floats strip_at(Floats away, float radius) {
    return lower(all(radius), away + 0.5f) - upper(all(-radius), away - 0.5f);
}

/* A run of columns of row `j` that holds all that a line may touch: whole groups of LANES where the plane has room. */
static void columns(const Plane *plane, const Capsule *it, int32_t j, int32_t *from, int32_t *to) {
    *from = it->left;
    *to = it->right;
    if (it->crosses) {
        float middle = it->x + ((float)j + 0.5f - it->y) * it->shift;
        *from = most_int(*from, down(middle - it->reach));
        *to = least_int(*to, down(middle + it->reach) + 1);
    }
    if (*from >= *to) return;
    int32_t count = (*to - *from + LANES - 1) / LANES * LANES;
    if (count > plane->width) return;
    *from = least_int(*from, plane->width - count);
    *to = *from + count;
}

static inline Shorts to_levels(Floats numbers) {
    return __builtin_convertvector(__builtin_convertvector(numbers, Wholes), Shorts);
}

static inline Shorts backwards(Shorts levels) {
    return __builtin_shufflevector(levels, levels, 7, 6, 5, 4, 3, 2, 1, 0);
}

/* Coverage 0..255 of LANES pixels from column `i` on, in the row whose centres are so far below the line's start. */
static inline Shorts cover_group(const Capsule *it, float below, int32_t i) {
    const float radius = it->radius, length = it->length, along_x = it->along_x, along_y = it->along_y;
    const float right = (float)i + 0.5f - it->x;
    const float first = right * along_x + below * along_y, last = first + (LANES - 1) * along_x;
    const Floats off_x = right + STEPS;
    Floats covered;
    if (least(first, last) >= 0.5f && most(first, last) <= length - 0.5f) {
        /* Between its ends, where only the distance from its middle counts. */
        const Floats across = off_x * along_y - below * along_x;
        covered = strip_at(upper(across, -across), radius);
    } else if (it->round) {
        const Floats held = lower(upper(off_x * along_x + below * along_y, all(0)), all(length));
        const Floats from_x = off_x - held * along_x, from_y = below - held * along_y;
        covered = strip_at(__builtin_elementwise_sqrt(from_x * from_x + from_y * from_y), radius);
    } else {
        const Floats along = off_x * along_x + below * along_y, across = off_x * along_y - below * along_x;
        const Floats part = lower(all(length), along + 0.5f) - upper(all(0), along - 0.5f);
        covered = upper(strip_at(upper(across, -across), radius), all(0)) * upper(part, all(0));
    }
    return to_levels(upper(covered, all(0)) * 255.0f + 0.5f);
}

/* Coverage 0..255 of columns from..to of row `j`, and of up to LANES - 1 after them. */
static void cover(const Capsule *it, int32_t j, int32_t from, int32_t to, uint8_t *coverage) {
    const float below = (float)j + 0.5f - it->y;
    for (int32_t i = from; i < to; i += LANES, coverage += LANES) store(cover_group(it, below, i), coverage);
}

static inline void mix_group(uint8_t *pixels, Shorts share, uint16_t level) {
    store(by_255s(load(pixels) * (255 - share) + level * share), pixels);
}

static inline void mix_pixel(uint8_t *pixel, uint32_t share, const uint8_t *shade, int32_t channels) {
    pixel[0] = (uint8_t)by_255(pixel[0] * (255 - share) + shade[0] * share);
    for (int32_t c = 1; c < channels; c++) pixel[c] = (uint8_t)by_255(pixel[c] * (255 - share) + shade[c] * share);
}

/* Mix a shade into `count` pixels by their coverage. */
static void mix(uint8_t *row, const uint8_t *coverage, int32_t count, int32_t channels, const uint8_t *shade,
                uint32_t opacity) {
    if (channels == 1 && count % LANES == 0) {
        const uint16_t level = shade[0], part = (uint16_t)opacity;
        for (int32_t i = 0; i < count; i += LANES) mix_group(row + i, by_255s(load(coverage + i) * part), level);
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        uint32_t share = by_255(coverage[i] * opacity);
        if (share) mix_pixel(row + (ptrdiff_t)i * channels, share, shade, channels);
    }
}

static void mix_all(const Plane *planes, int32_t n_planes, int32_t j, int32_t from, int32_t to,
                    const uint8_t *coverage, const uint8_t *shades, ptrdiff_t shade_gap, int32_t opacity) {
    for (int32_t p = 0; p < n_planes; p++) {
        uint8_t *first = planes[p].data + j * planes[p].stride + (ptrdiff_t)from * planes[p].channels;
        mix(first, coverage, to - from, planes[p].channels, shades + p * shade_gap, (uint32_t)opacity);
    }
}

/* The same for LANES pixels that all planes have, of one channel each. */
static inline void mix_shares(const Plane *planes, int32_t n_planes, int32_t j, int32_t i, Shorts shares,
                              const uint8_t *shades, ptrdiff_t shade_gap) {
    for (int32_t p = 0; p < n_planes; p++)
        mix_group(planes[p].data + j * planes[p].stride + i, shares, shades[p * shade_gap]);
}

/* Rows that are all alike: the shares of up to MOST_GROUPS groups of LANES pixels, again and again. */
#define MOST_GROUPS 32
static void mix_alike(const Plane *planes, int32_t n_planes, int32_t j, int32_t stop, int32_t from,
                      const Shorts *shares, int32_t groups, const uint8_t *shades, ptrdiff_t shade_gap) {
    for (int32_t p = 0; p < n_planes; p++) {
        const ptrdiff_t stride = planes[p].stride;
        const uint16_t level = shades[p * shade_gap];
        Shorts kept[MOST_GROUPS], added[MOST_GROUPS];
        for (int32_t g = 0; g < groups; g++) {
            kept[g] = 255 - shares[g];
            added[g] = level * shares[g];
        }
        uint8_t *row = planes[p].data + j * stride + from;
        for (int32_t r = j; r < stop; r++, row += stride)
            for (int32_t g = 0; g < groups; g++)
                store(by_255s(load(row + g * LANES) * kept[g] + added[g]), row + g * LANES);
    }
}

/* Thick lines, one after another, in planes of one size: `ends` are x, y of the one end and the other; `shades` are
   all of the first plane, then all of the next; `row` has room for a row's bytes and LANES more. */
void fill_capsules(const Plane *planes, int32_t n_planes, int32_t count, const float *ends, const float *radii,
                   const uint8_t *shades, int32_t opacity, int32_t round, uint8_t *row) {
    const int32_t channels = planes->channels;
    for (int32_t k = 0; k < count; k++) {
        const Capsule it = capsule_of(planes, ends + 4 * k, ends + 4 * k + 2, radii[k], round);
        /* Between its ends every row of an upright line is alike. */
        const float top = least(ends[4 * k + 1], ends[4 * k + 3]), bottom = top + it.length;
        const int upright = it.along_x == 0.0f;
        for (int32_t j = it.top; j < it.bottom; j++) {
            int32_t from, to;
            columns(planes, &it, j, &from, &to);
            if (from >= to) continue;
            const int32_t groups = (to - from) / LANES;
            if (channels > 1 || groups * LANES < to - from || groups > MOST_GROUPS) {
                cover(&it, j, from, to, row);
                mix_all(planes, n_planes, j, from, to, row, shades + k * channels, (ptrdiff_t)count * channels,
                        opacity);
                continue;
            }
            Shorts shares[MOST_GROUPS];
            const float below = (float)j + 0.5f - it.y;
            for (int32_t g = 0; g < groups; g++)
                shares[g] = cover_group(&it, below, from + g * LANES);
            for (int32_t g = 0; opacity < 255 && g < groups; g++) shares[g] = by_255s(shares[g] * (uint16_t)opacity);
            const int32_t stop = upright && (float)j >= top ? least_int(it.bottom, down(bottom)) : j;
            if (stop > j + 1) {
                mix_alike(planes, n_planes, j, stop, from, shares, groups, shades + k, count);
                j = stop - 1;
                continue;
            }
            for (int32_t g = 0; g < groups; g++)
                mix_shares(planes, n_planes, j, from + g * LANES, shares[g], shades + k, count);
        }
    }
}

/* Lines through points, one after another, in planes of one size. Run k goes from point starts[k] to the one before
   starts[k + 1], has its own radius and shades, and covers each pixel once, however its pieces overlap. `mask` is
   width x height zeros, and zeros again afterwards; it and `row` have room for LANES more. */
void stroke_runs(const Plane *planes, int32_t n_planes, int32_t count, const float *points, const int32_t *starts,
                 const float *radii, const uint8_t *shades, int32_t opacity, uint8_t *mask, uint8_t *row) {
    const int32_t channels = planes->channels;
    const ptrdiff_t width = planes->width;
    for (int32_t k = 0; k < count; k++) {
        for (int32_t p = starts[k]; p + 1 < starts[k + 1]; p++) {
            Capsule it = capsule_of(planes, points + 2 * p, points + 2 * p + 2, radii[k], 1);
            for (int32_t j = it.top; j < it.bottom; j++) {
                int32_t from, to;
                columns(planes, &it, j, &from, &to);
                if (from >= to) continue;
                uint8_t *covered = mask + j * width + from;
                if ((to - from) % LANES == 0) {
                    const float below = (float)j + 0.5f - it.y;
                    for (int32_t i = from; i < to; i += LANES, covered += LANES)
                        store(__builtin_elementwise_max(load(covered), cover_group(&it, below, i)), covered);
                    continue;
                }
                cover(&it, j, from, to, row);
                for (int32_t i = 0; i < to - from; i++) covered[i] = covered[i] > row[i] ? covered[i] : row[i];
            }
        }
        for (int32_t p = starts[k]; p + 1 < starts[k + 1]; p++) {
            Capsule it = capsule_of(planes, points + 2 * p, points + 2 * p + 2, radii[k], 1);
            for (int32_t j = it.top; j < it.bottom; j++) {
                int32_t from, to;
                columns(planes, &it, j, &from, &to);
                if (from >= to) continue;
                uint8_t *covered = mask + j * width + from;
                if ((to - from) % LANES == 0 && channels == 1) {
                    for (int32_t i = from; i < to; i += LANES, covered += LANES) {
                        const Shorts levels = load(covered);
                        if (!any(levels)) continue;
                        mix_shares(planes, n_planes, j, i, by_255s(levels * (uint16_t)opacity), shades + k * channels,
                                   (ptrdiff_t)count * channels);
                        store((Shorts){0}, covered);
                    }
                    continue;
                }
                mix_all(planes, n_planes, j, from, to, covered, shades + k * channels, (ptrdiff_t)count * channels,
                        opacity);
                for (int32_t i = 0; i < to - from; i++) covered[i] = 0;
            }
        }
    }
}

/* Mix a shade into up to LANES pixels of row `j` from column `i` on: those that the planes have. */
static void mix_columns(const Plane *planes, int32_t n_planes, int32_t j, int32_t i, Shorts shares,
                        const uint8_t *shades, ptrdiff_t shade_gap) {
    uint8_t coverage[LANES];
    store(shares, coverage);
    const int32_t from = most_int(i, 0), to = least_int(i + LANES, planes->width);
    if (from < to) mix_all(planes, n_planes, j, from, to, coverage + (from - i), shades, shade_gap, 255);
}

/* A line in LANES columns side by side: where it is, how far it reaches up and down, where it is hidden from, how
   much shorter a way across it is than one straight down, and how much of a column it has, of 255. */
typedef struct {
    Floats row, highest, lowest, behind, shorter, full;
} Columns;

static inline Shorts cover_columns(const Columns *it, int32_t j, float radius) {
    const float at = (float)j + 0.5f;
    const Floats below = (at - it->row) * it->shorter;
    const Floats ends = lower(lower(at - it->highest, it->lowest - at), it->behind - at);
    const Floats strip = strip_at(upper(below, -below), radius);
    return to_levels(upper(all(0), lower(strip, lower(ends, all(1)))) * it->full + 0.5f);
}

/* Lines seen one behind the other, the nearest first: each is a profile of `points` heights (0..1) from the middle
   outwards, alike on both sides of column `centre`, and hides what lies behind it. Widths, base rows, heights and
   radii are in pixels; `shades` are all of the first plane, then all of the next. `scratch` has room for two rows of
   floats and 3 LANES more. */
void draw_ridges(const Plane *planes, int32_t n_planes, int32_t count, const float *profiles, int32_t points,
                 const float *widths, const float *bases, const float *heights, const float *radii, float centre,
                 const uint8_t *shades, float *scratch) {
    const int32_t channels = planes->channels, last_row = planes->height - 1;
    const ptrdiff_t shade_gap = (ptrdiff_t)count * channels;
    float *horizon = scratch, *rows = scratch + planes->width + LANES + 1;
    for (int32_t i = 0; i < planes->width + LANES; i++) horizon[i] = 1e9f;
    for (int32_t k = 0; k < count; k++) {
        const float half = widths[k] / 2, per_pixel = (float)(points - 1) / half, radius = radii[k];
        const float *profile = profiles + (ptrdiff_t)k * points;
        const uint8_t *shade = shades + k * channels;
        const int32_t from = most_int(0, down(centre - half));
        int32_t to = least_int(planes->width, down(centre + half) + 1);
        /* Where a column has a twin on the other side of the middle, what covers the one covers the other. */
        const int32_t sum = (int32_t)(2 * centre) - 1;
        const int twins = (float)(sum + 1) == 2 * centre && sum - from < planes->width && sum - from >= to - 1;
        if (twins) to = sum / 2 + 1;
        for (int32_t i = from; i < to; i++) {
            float off = (float)i + 0.5f - centre, place = (off < 0 ? -off : off) * per_pixel;
            int32_t low = least_int((int32_t)place, points - 2);
            float part = least(place - (float)low, 1.0f);
            rows[i] = bases[k] - heights[k] * (profile[low] + (profile[low + 1] - profile[low]) * part);
        }
        if (from >= to) continue;
        rows[from - 1] = rows[from];
        rows[to] = twins && sum % 2 ? rows[to - 1] : twins ? rows[to - 2] : rows[to - 1];
        for (int32_t l = 1; l < LANES; l++) rows[to + l] = rows[to];
        for (int32_t i = from; i < to; i += LANES) {
            const Floats row = load_floats(rows + i);
            const Floats before = load_floats(rows + i - 1), after = load_floats(rows + i + 1);
            const Floats slope = (after - before) / 2, longer = __builtin_elementwise_sqrt(1 + slope * slope);
            const Floats off = (float)i + STEPS + 0.5f - centre, away = upper(off, -off);
            const Floats reach = (radius + 0.5f) * longer, hidden = load_floats(horizon + i);
            const Wholes there = (float)i + STEPS < (float)to;
            const Columns it = {
                .row = row,
                /* A steep line goes no further up and down than it does in the next columns. */
                .highest = upper(row - reach, lower(row, lower(before, after)) - radius - 0.5f),
                .lowest = lower(row + reach, upper(row, upper(before, after)) + radius + 0.5f),
                .behind = hidden + 0.5f,
                .shorter = 1 / longer,
                .full = pick(there, 255 * lower(upper(half - away + 0.5f, all(0)), all(1)), all(0)),
            };
            const float top = __builtin_reduce_min(it.highest);
            const float bottom = __builtin_reduce_max(lower(it.lowest, it.behind));
            const Floats risen = pick(there, lower(hidden, row - radius), hidden);
            __builtin_memcpy(horizon + i, &risen, sizeof risen);
            const int32_t first = most_int(0, down(top)), last = least_int(last_row, down(bottom));
            const int32_t mirrored = sum - i - (LANES - 1);
            const int whole = channels == 1 && i + LANES <= planes->width && mirrored >= 0;
            /* A column in the middle has no twin. */
            Shorts has_twin;
            for (int32_t l = 0; l < LANES; l++) has_twin[l] = twins && 2 * (i + l) != sum ? 65535 : 0;
            for (int32_t j = first; j <= last; j++) {
                const Shorts shares = cover_columns(&it, j, radius);
                if (!any(shares)) continue;
                const Shorts others = backwards(shares & has_twin);
                if (whole && twins) {
                    mix_shares(planes, n_planes, j, i, shares, shade, shade_gap);
                    mix_shares(planes, n_planes, j, mirrored, others, shade, shade_gap);
                    continue;
                }
                mix_columns(planes, n_planes, j, i, shares, shade, shade_gap);
                if (twins) mix_columns(planes, n_planes, j, mirrored, others, shade, shade_gap);
            }
        }
    }
}
