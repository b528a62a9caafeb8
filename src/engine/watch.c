#include "engine/watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define SPANS 256
#define SPAN_FIRST (10 * CLOCK_MS) /* a span's length, until the run is longer than all of them: then it doubles */
#define REASONS 16                 /* told apart in a span; the least is forgotten for a new one */
#define SHORTEST 0.04              /* of the run: a shorter period belongs to its neighbour */

struct waited {
    struct watch_reason why;
    double ns;
};

struct span {
    struct waited by[REASONS];
    int count;
};

struct watch {
    int64_t length;
    struct span spans[SPANS];
};

struct watch *watch_new(void) {
    struct watch *w = calloc(1, sizeof *w);
    if (w) w->length = SPAN_FIRST;
    return w;
}

void watch_free(struct watch *w) {
    free(w);
}

static bool same(const struct watch_reason *a, const struct watch_reason *b) {
    return a->cause == b->cause && a->target == b->target && a->resource == b->resource && a->bucket == b->bucket;
}

static void add(struct span *s, const struct watch_reason *why, double ns) {
    struct waited *least = &s->by[0];
    for (int i = 0; i < s->count; i++) {
        if (same(&s->by[i].why, why)) {
            s->by[i].ns += ns;
            return;
        }
        if (s->by[i].ns < least->ns) least = &s->by[i];
    }
    if (s->count < REASONS) {
        s->by[s->count++] = (struct waited){*why, ns};
    } else {
        /* the newcomer takes over what was waited, so that one of many equals can grow: Metwally's space-saving count */
        least->why = *why;
        least->ns += ns;
    }
}

static void join(struct span *into, const struct span *from) {
    for (int i = 0; i < from->count; i++) add(into, &from->by[i].why, from->by[i].ns);
}

static void double_length(struct watch *w) {
    for (int i = 0; i < SPANS / 2; i++) {
        struct span both = w->spans[2 * i];
        join(&both, &w->spans[2 * i + 1]);
        w->spans[i] = both;
    }
    memset(w->spans + SPANS / 2, 0, sizeof w->spans / 2);
    w->length *= 2;
}

void watch_waited(struct watch *w, int64_t from, int64_t to, const struct watch_reason *why) {
    while (to >= w->length * SPANS) double_length(w);
    while (from < to) {
        int64_t end = (from / w->length + 1) * w->length;
        if (end > to) end = to;
        add(&w->spans[from / w->length], why, (double)(end - from));
        from = end;
    }
}

/* --- periods --- */

/* Keys of one table or index are one cause. */
static bool alike(const struct watch_reason *a, const struct watch_reason *b) {
    return a->cause == b->cause && a->target == b->target && a->resource == b->resource;
}

/* The main cause of what was waited in a span, as the reason with the most time; its time in all; and how many keys it has. */
static struct waited main_cause(const struct span *s, double *all, int *keys) {
    struct waited best = {.why.cause = WATCH_NOTHING};
    *all = 0;
    *keys = 0;
    for (int i = 0; i < s->count; i++) {
        struct waited sum = {s->by[i].why, 0};
        double longest = 0;
        int count = 0;
        for (int k = 0; k < s->count; k++) {
            if (!alike(&s->by[k].why, &sum.why)) continue;
            sum.ns += s->by[k].ns;
            count++;
            if (s->by[k].ns > longest) {
                longest = s->by[k].ns;
                sum.why = s->by[k].why;
            }
        }
        *all += s->by[i].ns;
        if (sum.ns > best.ns) {
            best = sum;
            *keys = count;
        }
    }
    return best;
}

/* A run of spans. */
struct stretch {
    int first, end;
    struct span sum;
    struct watch_reason why;
};

static struct watch_reason reason_of(const struct span *s) {
    double all;
    int keys;
    return main_cause(s, &all, &keys).why;
}

/* Joins a stretch to the one before it. */
static void join_stretch(struct stretch *list, int *count, int at) {
    list[at - 1].end = list[at].end;
    join(&list[at - 1].sum, &list[at].sum);
    list[at - 1].why = reason_of(&list[at - 1].sum);
    memmove(&list[at], &list[at + 1], (size_t)(*count - at - 1) * sizeof *list);
    (*count)--;
}

/* Joins neighbours with one cause, then the shortest to a neighbour, until all are long enough and no more than `most`. */
static void simplify(struct stretch *list, int *count, int spans, int most) {
    for (;;) {
        for (int i = 1; i < *count; i++) {
            if (alike(&list[i].why, &list[i - 1].why)) join_stretch(list, count, i--);
        }
        int shortest = 0;
        for (int i = 1; i < *count; i++) {
            if (list[i].end - list[i].first < list[shortest].end - list[shortest].first) shortest = i;
        }
        if (*count == 1 || (*count <= most && list[shortest].end - list[shortest].first >= SHORTEST * spans)) return;
        join_stretch(list, count, shortest ? shortest : 1);
    }
}

int watch_periods(const struct watch *w, int64_t whole, double slower, struct watch_period *out, int most) {
    struct stretch *list = calloc(SPANS, sizeof *list);
    int spans = (int)((whole + w->length - 1) / w->length), count = 0;
    if (spans > SPANS) spans = SPANS;
    for (int i = 0; list && i < spans; i++) {
        struct stretch one = {.first = i, .end = i + 1, .sum = w->spans[i], .why = reason_of(&w->spans[i])};
        /* a span in which nobody waited says nothing */
        if (one.sum.count == 0 && count) list[count - 1].end = i + 1;
        if (one.sum.count) list[count++] = one;
    }
    if (count) simplify(list, &count, spans, most);
    for (int i = 0; i < count; i++) {
        double all, length = (double)w->length / (double)CLOCK_SECOND;
        struct watch_period *p = &out[i];
        struct waited cause = main_cause(&list[i].sum, &all, &p->keys);
        p->reason = cause.why;
        p->share = cause.ns / all;
        p->from = i ? out[i - 1].to : 0;
        p->to = (i + 1 < count ? list[i].end * length : (double)whole / (double)CLOCK_SECOND) * slower;
    }
    free(list);
    return count;
}
