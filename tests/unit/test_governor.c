/* The governor against the model of the service, on a simulated clock: four workers, answers of 5 to 15 ms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "capacity_world.h"

#define WORKERS 4
#define INDEXES 3 /* as the logs have */
#define UNITS (1 + INDEXES)

/* Rows whose keys are all different, so that only table and indexes limit. */
struct rows {
    uint64_t next;
    uint32_t units, units_most; /* of each part: from, to */
};

static bool next_row(void *context, struct world *w, int worker, struct world_item *out, int64_t *when) {
    struct rows *rows = context;
    (void)worker, (void)when;
    uint32_t units = rows->units;
    if (rows->units_most > units) units += (uint32_t)(world_random(w) % (rows->units_most - units + 1));
    out->chunk = 0;
    out->parts.count = UNITS;
    for (int i = 0; i < UNITS; i++)
        out->parts.at[i] = (struct part){.resource = i, .units = units, .key = rows->next * UINT64_C(0x9e3779b97f4a7c15)};
    rows->next++;
    return true;
}

static const struct capacity_rules LIMITLESS = {.quota = 1e12, .warm = 1e12, .partition = 1e12};

static struct world *world_of(const struct capacity_rules *rules, struct capacity_given given, struct rows *rows) {
    struct capacity_given all[UNITS] = {given, given, given, given};
    return world_new(rules, all, UNITS, (struct world_source){.next = next_row, .context = rows}, WORKERS);
}

/* Every window of ten seconds that begins in [from, to - 10]. */
static void assert_kept(const struct world *w, double from, double to, double rate) {
    for (double at = from; at + 10 <= to + 0.01; at += 0.1) {
        double kept = world_between(w, at, at + 10).written / 10 / rate;
        if (kept < 0.95 || kept > 1.05) fail_msg("from %.1f s: %.3f of %.0f units a second", at, kept, rate);
    }
}

/* Nowhere does a second hold much more than the rate. */
static void assert_no_burst(const struct world *w, double from, double to, double rate, double request) {
    for (double at = from; at + 1 <= to; at += 0.1) {
        double units = world_between(w, at, at + 1).written;
        if (units > rate * 1.15 + request) fail_msg("from %.1f s: %.0f units in a second, at a rate of %.0f", at, units, rate);
    }
}

static void test_rate_is_kept(void **state) {
    static const double rates[] = {20, 100, 1000, 4000, 40000};
    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct rows rows = {.units = 1};
        struct world *w = world_of(&LIMITLESS, (struct capacity_given){0}, &rows);
        governor_set_rate(w->governor, w->now, rates[i]);
        world_run(w, 25);
        assert_kept(w, 0, 24, rates[i]);
        assert_no_burst(w, 0, 24, rates[i], UNITS);
        world_free(w);
    }
}

static void test_rate_is_kept_for_items_of_all_sizes(void **state) {
    (void)state;
    struct rows rows = {.units = 1, .units_most = 100};
    struct world *w = world_of(&LIMITLESS, (struct capacity_given){0}, &rows);
    governor_set_rate(w->governor, w->now, 10000);
    world_run(w, 60);
    assert_kept(w, 0, 59, 10000);
    world_free(w);
}

static void test_rate_changes_at_any_moment(void **state) {
    (void)state;
    struct rows rows = {.units = 1};
    struct world *w = world_of(&LIMITLESS, (struct capacity_given){0}, &rows);
    static const double rates[] = {10000, 500, 20000, 21000};
    for (int i = 0; i < 4; i++) {
        governor_set_rate(w->governor, w->now, rates[i]);
        world_run(w, 20);
    }
    for (int i = 0; i < 4; i++) {
        assert_kept(w, i * 20 + 0.1, i * 20 + 19.9, rates[i]);
        assert_no_burst(w, i * 20 + 0.1, i * 20 + 19.9, rates[i], 25 * UNITS);
    }
    governor_set_rate(w->governor, w->now, 0); /* as fast as it goes */
    world_run(w, 2);
    assert_true(world_between(w, 81, 82).written > 200000);
    governor_set_rate(w->governor, w->now, 1000);
    world_run(w, 12);
    assert_kept(w, 82.1, 93.9, 1000);
    world_free(w);
}

static void test_pause_stops_and_resume_does_not_burst(void **state) {
    (void)state;
    struct rows rows = {.units = 1};
    struct world *w = world_of(&LIMITLESS, (struct capacity_given){0}, &rows);
    governor_set_rate(w->governor, w->now, 5000);
    world_run(w, 12);
    governor_pause(w->governor);
    assert_true(governor_paused(w->governor));
    world_run(w, 30);
    assert_true(world_between(w, 12.1, 42).written == 0);
    governor_resume(w->governor, w->now);
    assert_false(governor_paused(w->governor));
    world_run(w, 20);
    assert_kept(w, 42.1, 61.9, 5000);
    assert_no_burst(w, 42, 61.9, 5000, 25 * UNITS);
    world_free(w);
}

/* A source that stops and comes back is not made up for. */
static bool next_row_but_not_always(void *context, struct world *w, int worker, struct world_item *out, int64_t *when) {
    int64_t resumes = WORLD_BEGIN + 25 * CLOCK_SECOND;
    if (w->now > WORLD_BEGIN + 15 * CLOCK_SECOND && w->now < resumes) {
        *when = resumes;
        return false;
    }
    return next_row(context, w, worker, out, when);
}

static void test_a_stalled_source_does_not_burst(void **state) {
    (void)state;
    struct rows rows = {.units = 1};
    struct capacity_given none[UNITS] = {0};
    struct world *w =
        world_new(&LIMITLESS, none, UNITS, (struct world_source){.next = next_row_but_not_always, .context = &rows}, WORKERS);
    governor_set_rate(w->governor, w->now, 8000);
    world_run(w, 40);
    assert_no_burst(w, 0, 39, 8000, 25 * UNITS);
    assert_kept(w, 25.1, 39, 8000);
    world_free(w);
}

static void test_consumed_capacity_replaces_what_was_computed(void **state) {
    (void)state;
    static const double factors[] = {2, 0.5, 0.25, 5, 20}, rates[] = {100, 1000, 10000};
    for (int i = 0; i < 5 * 3 * 2; i++) {
        struct rows rows = {.units = 1};
        double factor = factors[i / 6], rate = rates[i / 2 % 3];
        if (factor * UNITS > rate / 4) continue; /* one item would be more than a quarter of a second */
        struct world *w = world_of(&LIMITLESS, (struct capacity_given){0}, &rows);
        w->consumed_factor = factor;
        w->consumed_varies = i % 2;
        governor_set_rate(w->governor, w->now, rate);
        world_run(w, 40);
        assert_kept(w, 0, 39, rate);
        world_free(w);
    }
}

/* Items that were small, and then lie over large ones: what units cost changes while the rate is kept. */
static void test_consumed_capacity_that_changes(void **state) {
    (void)state;
    struct rows rows = {.units = 1};
    struct world *w = world_of(&LIMITLESS, (struct capacity_given){0}, &rows);
    static const double factors[] = {1, 5, 0.25, 3};
    governor_set_rate(w->governor, w->now, 5000);
    for (int i = 0; i < 4; i++) {
        w->consumed_factor = factors[i];
        world_run(w, 15);
    }
    assert_kept(w, 0, 59, 5000);
    world_free(w);
}

/* What units cost is not judged by requests of which nothing was written, though the service should tell of them, too. */
static void test_consumed_capacity_of_nothing(void **state) {
    (void)state;
    struct governor *g = governor_new(1);
    int64_t now = CLOCK_SECOND;
    double taken = 0;
    governor_set_rate(g, now, 1000);
    governor_answered(g, now, &(struct governor_answer){.sent = now, .units = 100, .taken = 100, .consumed = 100});
    for (int i = 0; i < 20000; i++) {
        now += CLOCK_MS;
        governor_answered(
            g, now, &(struct governor_answer){.sent = now, .units = 10, .taken = 10, .refused = 10, .hot = 10, .consumed = 10});
    }
    assert_int_equal(governor_ask(g, now + 60 * CLOCK_SECOND, 0, 10, &taken), 0);
    assert_true(fabs(taken - 10) < 0.001);
    governor_free(g);
}

/* Half of the units come back, and what was accepted cost three times what was computed. */
static void test_consumed_capacity_of_a_part(void **state) {
    (void)state;
    struct governor *g = governor_new(1);
    double taken, consumed = 0;
    int64_t begin = CLOCK_SECOND, now = begin;
    governor_set_rate(g, now, 1200);
    while (now < begin + 20 * CLOCK_SECOND) {
        uint32_t units = governor_request_units(g, 0);
        int64_t when = governor_ask(g, now, 0, units, &taken);
        if (when == 0) {
            uint32_t refused = units / 2;
            /* all is explained by a hot key: the table's own pace is left out of it */
            governor_answered(g, now + 10 * CLOCK_MS,
                              &(struct governor_answer){.sent = now,
                                                        .units = units,
                                                        .taken = taken,
                                                        .refused = refused,
                                                        .hot = refused,
                                                        .consumed = 3.0 * (units - refused)});
            consumed += 3.0 * (units - refused);
            when = now + 10 * CLOCK_MS;
        }
        now = when;
    }
    assert_true(fabs(consumed / 20 / 1200 - 1) < 0.02);
    governor_free(g);
}

/* What comes back was not spent: the rate is one of units written. */
static void test_refused_units_are_not_spent(void **state) {
    (void)state;
    struct rows rows = {.units = 1};
    /* the table takes 4,200 rows a second in each of the four: 16,800 units; asked for are 16,400 */
    struct world *w = world_of(&(struct capacity_rules){.warm = 4200}, (struct capacity_given){0}, &rows);
    governor_set_rate(w->governor, w->now, 16400);
    world_run(w, 60);
    assert_kept(w, 0, 59, 16400);
    world_free(w);
}

/* --- without a rate --- */

/* Holds at 0.90 of `limit` units a second, and at most 2 % of what is sent comes back; but of 20 units a second one item is a fifth. */
static void assert_found(const struct world *w, double from, double to, double limit) {
    struct world_tick t = world_between(w, from, to);
    double share = t.written / (to - from) / limit, refused = t.refused / (t.written + t.refused);
    print_message("# %.0f units a second: %.3f of it, %.2f %% refused\n", limit, share, refused * 100);
    if (share < 0.90 || refused > (limit > 20 ? 0.02 : 0.05))
        fail_msg("%.3f of %.0f units a second, %.4f refused", share, limit, refused);
}

static void test_the_limit_is_found(void **state) {
    (void)state;
    static const struct {
        struct capacity_given given;
        double limit; /* of each of the four */
    } cases[] = {
        {{.warm = 0}, 4000},       {{.warm = 40000}, 40000}, {{.warm = 10000}, 10000},    {{.warm = 4000, .maximum = 1500}, 1500},
        {{.provisioned = 25}, 25}, {{.provisioned = 5}, 5},  {{.provisioned = 700}, 700}, {{.provisioned = 12345}, 12345},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rows rows = {.units = 1};
        struct world *w = world_of(&(struct capacity_rules){.burst_seconds = 1}, cases[i].given, &rows);
        double seconds = cases[i].limit < 10000 ? 130 : 40; /* large limits are many rows */
        world_run(w, seconds);
        assert_found(w, 10, seconds, cases[i].limit * UNITS);
        world_free(w);
    }
}

static void test_the_limit_is_found_for_large_items(void **state) {
    (void)state;
    struct rows rows = {.units = 1, .units_most = 100};
    struct world *w = world_of(&(struct capacity_rules){0}, (struct capacity_given){0}, &rows);
    world_run(w, 70);
    assert_found(w, 10, 70, 4000 * UNITS);
    world_free(w);
}

static void test_both_readings_of_the_quota(void **state) {
    (void)state;
    struct rows rows = {.units = 1};
    struct world *w =
        world_of(&(struct capacity_rules){.quota_of = CAPACITY_QUOTA_TOGETHER, .warm = 40000}, (struct capacity_given){0}, &rows);
    world_run(w, 70);
    assert_found(w, 10, 70, 40000);
    world_free(w);
}

/* The first refusals come when little is on its way, so that the first pace is a quarter of what the table takes. */
static void test_a_low_guess_is_left_soon(void **state) {
    (void)state;
    struct governor *g = governor_new(1);
    int64_t begin = CLOCK_SECOND, now = begin, full_at = begin;
    double taken, limit = 16000;
    for (int i = 0; i < 5; i++, now += 25 * CLOCK_MS)
        governor_answered(g, now, &(struct governor_answer){.sent = now, .units = 200, .refused = 100, .consumed = -1});
    assert_true(governor_pace(g, 0) > 0 && governor_pace(g, 0) < 0.35 * limit);
    int64_t found = 0;
    while (now < begin + 20 * CLOCK_SECOND) {
        int64_t when = governor_ask(g, now, 0, 100, &taken);
        if (when) {
            now = when;
            continue;
        }
        if (full_at < now) full_at = now;
        bool fits = full_at < now + 50 * CLOCK_MS;
        if (fits) full_at += (int64_t)(100 / limit * (double)CLOCK_SECOND);
        governor_answered(
            g, now,
            &(struct governor_answer){.sent = now, .units = 100, .taken = taken, .refused = fits ? 0 : 100, .consumed = -1});
        if (found == 0 && governor_pace(g, 0) > 0.9 * limit) found = now;
        if (found && now > found + CLOCK_SECOND)
            assert_true(governor_pace(g, 0) > 0.85 * limit && governor_pace(g, 0) < 1.1 * limit);
        now += 1;
    }
    print_message("# after %.1f s\n", (double)(found - begin) / (double)CLOCK_SECOND);
    assert_true(found > 0 && found < begin + 4 * CLOCK_SECOND);
    governor_free(g);
}

/* Burst capacity is used as long as it lasts; then the table's own units are the limit. */
static void test_burst_capacity(void **state) {
    (void)state;
    struct rows rows = {.units = 1};
    struct world *w = world_of(&(struct capacity_rules){0}, (struct capacity_given){.provisioned = 1000}, &rows);
    governor_pause(w->governor);
    world_run(w, 200);
    governor_resume(w->governor, w->now);
    world_run(w, 100);
    assert_true(world_between(w, 200, 205).written > 190000 * UNITS);
    assert_found(w, 215, 300, 1000 * UNITS);
    world_free(w);
}

static void test_warm_throughput_is_followed(void **state) {
    (void)state;
    struct rows rows = {.units = 1};
    struct world *w =
        world_of(&(struct capacity_rules){.warm = 500, .quota = 4000, .grow_seconds = 120}, (struct capacity_given){0}, &rows);
    for (int period = 0; period < 4; period++) {
        world_run(w, 119);
        double limit = UNITS * capacity_limit_now(w->capacity, w->now, w->capacity_table, 0);
        assert_true(limit > (1 << period) * 480 * UNITS);
        assert_found(w, period * 120 + 10 + (period > 0) * 20, period * 120 + 119, limit);
        world_run(w, 1);
    }
    world_free(w);
}

/* After 40 s the limits of 10,000 units a second fall to 2,000; 60 s more have passed. */
static struct world *fallen(struct rows *rows) {
    struct world *w = world_of(&(struct capacity_rules){.burst_seconds = 1}, (struct capacity_given){.warm = 10000}, rows);
    world_run(w, 40);
    struct capacity_given less[UNITS] = {
        {.provisioned = 2000}, {.provisioned = 2000}, {.provisioned = 2000}, {.provisioned = 2000}};
    w->capacity_table = capacity_add_table(w->capacity, less, UNITS, w->now);
    world_run(w, 60);
    return w;
}

static void test_a_fallen_limit_is_followed(void **state) {
    (void)state;
    struct rows rows = {.units = 1};
    struct world *w = fallen(&rows);
    assert_found(w, 10, 40, 10000 * UNITS);
    assert_found(w, 45, 100, 2000 * UNITS);
    world_free(w);
}

/* An index that is full is the table's limit. */
static void test_a_full_index(void **state) {
    (void)state;
    struct rows rows = {.units = 1};
    struct capacity_given given[UNITS] = {
        {.provisioned = 4000}, {.provisioned = 4000}, {.provisioned = 900}, {.provisioned = 4000}};
    struct world *w = world_new(&(struct capacity_rules){.burst_seconds = 1}, given, UNITS,
                                (struct world_source){.next = next_row, .context = &rows}, WORKERS);
    world_run(w, 70);
    assert_found(w, 10, 70, 900 * UNITS);
    world_free(w);
}

/* A share of the requests comes back at any pace: it is not left for a lower one, which would have as many refused. */
static void test_refusals_that_no_pace_mends(void **state) {
    (void)state;
    static const double chances[] = {0.5, 0.25, 0.1, 0.03, 0.01, 0.003};
    for (size_t i = 0; i < sizeof chances / sizeof *chances; i++) {
        struct rows rows = {.units = 1};
        struct world *w = world_of(&(struct capacity_rules){.burst_seconds = 1}, (struct capacity_given){0}, &rows);
        w->chance = chances[i];
        world_run(w, 130);
        struct world_tick t = world_between(w, 10, 130);
        double share = t.written / 120 / (4000 * UNITS), refused = t.refused / (t.written + t.refused);
        print_message("# %.3f come back: %.3f of the limit, %.3f refused\n", chances[i], share, refused);
        if (share < 0.55 || refused > chances[i] * 1.5 + 0.02) fail_msg("%.3f of the limit, %.3f refused", share, refused);
        world_free(w);
    }
}

/* So it is where a request in a second is many: a limit of a few units. */
static void test_refusals_at_low_limits(void **state) {
    (void)state;
    static const double limits[] = {100, 25, 5};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct rows rows = {.units = 1};
        struct world *w =
            world_of(&(struct capacity_rules){.burst_seconds = 1}, (struct capacity_given){.provisioned = limits[i]}, &rows);
        w->chance = 0.25;
        world_run(w, 310);
        struct world_tick t = world_between(w, 10, 310);
        double share = t.written / 300 / (limits[i] * UNITS);
        print_message("# 0.25 come back of %.0f: %.3f of the limit, %.3f refused\n", limits[i], share,
                      t.refused / (t.written + t.refused));
        if (share < 0.45) fail_msg("%.3f of the limit", share);
        world_free(w);
    }
}

/* Five seconds after a time in which everything came back, no more is sent than what the table takes, and hardly less. */
static void assert_back(const struct world *w, double at, double limit, double chance) {
    struct world_tick t = world_between(w, at + 5, at + 25);
    double sent = (t.written + t.refused) / 20, share = t.written / 20 / limit;
    print_message("# after an outage %.3f of the limit, %.3f sent\n", share, sent / limit);
    if (share < 0.7 || sent * (1 - chance) > 1.3 * limit) fail_msg("%.3f of %.0f, sent %.0f", share, limit, sent);
}

static void test_an_outage_is_not_borne(void **state) {
    (void)state;
    struct rows rows = {.units = 1};
    struct world *w = world_of(&(struct capacity_rules){.burst_seconds = 1}, (struct capacity_given){0}, &rows);
    for (double at = 40; at <= 100; at += 30) {
        w->chance = 0.25;
        world_run(w, at == 40 ? 38 : 28);
        w->chance = 1;
        world_run(w, 2);
    }
    w->chance = 0.25;
    world_run(w, 30);
    assert_back(w, 40, 4000 * UNITS, 0.25);
    assert_back(w, 70, 4000 * UNITS, 0.25);
    assert_back(w, 100, 4000 * UNITS, 0.25);
    world_free(w);
}

static void test_an_outage_after_a_fallen_limit(void **state) {
    (void)state;
    struct rows rows = {.units = 1};
    struct world *w = fallen(&rows);
    w->chance = 1;
    world_run(w, 0.6);
    w->chance = 0;
    world_run(w, 30);
    assert_back(w, 100.6, 2000 * UNITS, 0);
    world_free(w);
}

/* Minutes of a pause are none in which it went well. */
static void test_a_pause_of_a_paced_table(void **state) {
    (void)state;
    struct rows rows = {.units = 1};
    struct world *w = world_of(&(struct capacity_rules){.burst_seconds = 1}, (struct capacity_given){0}, &rows);
    world_run(w, 30);
    governor_pause(w->governor);
    world_run(w, 600);
    governor_resume(w->governor, w->now);
    world_run(w, 20);
    double pace = governor_pace(w->governor, 0) / (4000 * UNITS);
    struct world_tick t = world_between(w, 630, 650);
    print_message("# after the pause %.3f of the limit, %.4f refused\n", t.written / 20 / (4000 * UNITS),
                  t.refused / (t.written + t.refused));
    if (pace < 0.8 || pace > 1.2 || t.refused > 0.03 * (t.written + t.refused)) fail_msg("%.3f, %.0f refused", pace, t.refused);
    world_free(w);
}

/* --- what a table never refused --- */

static void test_nothing_is_paced_before_the_first_refusal(void **state) {
    (void)state;
    struct governor *g = governor_new(2);
    double spent;
    for (int i = 0; i < 1000; i++) {
        assert_true(governor_ask(g, 5, 0, 100000, &spent) == 0);
        governor_answered(g, 6 + i, &(struct governor_answer){.table = 0, .sent = 5, .units = 100000, .consumed = -1});
    }
    assert_true(governor_pace(g, 0) == 0 && governor_rate(g) == 0);
    assert_true(governor_request_units(g, 0) == UINT32_MAX);
    governor_free(g);
}

static void test_one_table_does_not_slow_another(void **state) {
    (void)state;
    struct governor *g = governor_new(2);
    int64_t now = 1;
    double spent;
    for (int i = 0; i < 100; i++, now += 20 * CLOCK_MS) {
        if (governor_ask(g, now, 0, 100, &spent)) continue;
        governor_answered(g, now + 10 * CLOCK_MS,
                          &(struct governor_answer){.table = 0, .sent = now, .units = 100, .refused = 50, .consumed = -1});
    }
    assert_true(governor_pace(g, 0) > 0 && governor_pace(g, 1) == 0);
    assert_true(governor_ask(g, now, 1, 1000000, &spent) == 0 && governor_ask(g, now, 1, 1000000, &spent) == 0);
    governor_free(g);
}

static void test_rest(void **state) {
    (void)state;
    int64_t before = 0;
    for (int attempt = 1; attempt < 70; attempt++) {
        int64_t least = governor_rest(attempt, 0), most = governor_rest(attempt, 1);
        assert_true(least > 0 && least >= before && most >= least && most <= 5 * CLOCK_SECOND);
        before = least;
    }
}

/* --- threads --- */

static struct governor *shared;
static _Atomic int64_t taken;
static _Atomic int64_t shared_now;

static void *ask_often(void *context) {
    (void)context;
    for (int i = 0; i < 20000; i++) {
        int64_t now = atomic_fetch_add(&shared_now, 10000) + 10000;
        double spent;
        if (governor_ask(shared, now, 0, 10, &spent)) continue;
        atomic_fetch_add(&taken, 10);
        governor_answered(shared, now,
                          &(struct governor_answer){.table = 0, .sent = now, .units = 10, .taken = spent, .consumed = -1});
    }
    return NULL;
}

static void test_threads_share_one_rate(void **state) {
    (void)state;
    pthread_t threads[4];
    shared = governor_new(1);
    shared_now = CLOCK_SECOND;
    governor_set_rate(shared, shared_now, 100000);
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, ask_often, NULL), 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    double seconds = (double)(shared_now - CLOCK_SECOND) / CLOCK_SECOND;
    assert_true(fabs((double)taken / seconds / 100000 - 1) < 0.1); /* in 0.8 s: the slack is a part of it */
    governor_free(shared);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate_is_kept),
        cmocka_unit_test(test_rate_is_kept_for_items_of_all_sizes),
        cmocka_unit_test(test_rate_changes_at_any_moment),
        cmocka_unit_test(test_pause_stops_and_resume_does_not_burst),
        cmocka_unit_test(test_a_stalled_source_does_not_burst),
        cmocka_unit_test(test_consumed_capacity_replaces_what_was_computed),
        cmocka_unit_test(test_consumed_capacity_that_changes),
        cmocka_unit_test(test_consumed_capacity_of_a_part),
        cmocka_unit_test(test_consumed_capacity_of_nothing),
        cmocka_unit_test(test_refused_units_are_not_spent),
        cmocka_unit_test(test_the_limit_is_found),
        cmocka_unit_test(test_the_limit_is_found_for_large_items),
        cmocka_unit_test(test_both_readings_of_the_quota),
        cmocka_unit_test(test_a_low_guess_is_left_soon),
        cmocka_unit_test(test_burst_capacity),
        cmocka_unit_test(test_warm_throughput_is_followed),
        cmocka_unit_test(test_a_fallen_limit_is_followed),
        cmocka_unit_test(test_a_full_index),
        cmocka_unit_test(test_refusals_that_no_pace_mends),
        cmocka_unit_test(test_refusals_at_low_limits),
        cmocka_unit_test(test_an_outage_is_not_borne),
        cmocka_unit_test(test_an_outage_after_a_fallen_limit),
        cmocka_unit_test(test_a_pause_of_a_paced_table),
        cmocka_unit_test(test_nothing_is_paced_before_the_first_refusal),
        cmocka_unit_test(test_one_table_does_not_slow_another),
        cmocka_unit_test(test_rest),
        cmocka_unit_test(test_threads_share_one_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
