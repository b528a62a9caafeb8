#include "dynamodb/governor.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"

/* What a worker that came late may make up for: a twentieth of a second in ten is a half of one per cent. */
#define GOVERNOR_SLACK (50 * CLOCK_MS)
/* A request should be no more than this much of the rate. */
#define REQUEST_SHARE 0.1
/* The first ones of a table are smaller: its units may cost many times what was computed. */
#define FIRST_SHARE 0.01
#define FIRST_ANSWERS 16
/* What units cost is judged by the last answers: each one weighs this much less than the one after it. */
#define COST_FADES 0.95
#define COST_LEAST 0.01 /* the table's own write is never free */
#define PAUSED_ASK_AGAIN (50 * CLOCK_MS)

/* The pace of a table is judged over spans of this length; as long as nothing is refused, longer when few answers come. */
#define SPAN (200 * CLOCK_MS)
#define SPAN_LONGEST (2 * CLOCK_SECOND)
#define SPAN_ANSWERS 16
/* The first refusal begins a span of its own, a short one: until it ends nothing is paced, and most of what is sent comes back. */
#define SPAN_FIRST (100 * CLOCK_MS)
/* What is refused beyond this share of a span, and beyond what is borne, sets the pace back: by that share, at most by half, and by a little more. */
#define REFUSED_SHARE 0.005
#define BACK 0.94
#define BACK_MOST 0.5
/* Growth a second: this much, and more for every second since it was last set back. */
#define GROWTH 0.01
#define GROWTH_MORE 0.003
#define GROWTH_MOST 0.2
/* A pace that was set back by more than this is a guess, and often a low one: much of what would have been accepted was waiting to be sent
 * again. Then it grows by this share a span, twice that in the next, and so on, until that is refused. */
#define SURE_SHARE 0.8
#define SEARCH 0.02
#define PACE_LEAST 1.0
/* What was accepted before the refusals began is likely to be accepted again once they end: up to this share of it the pace doubles with
 * every span, so that a minute of refusals costs little more than the minute. */
#define KNOWN_SHARE 0.75

/* Not all refusals come of the pace: a share of what is sent may come back whatever it is. A pace that has sunk below this much of what was
 * accepted before, and still sees refusals, is tried for a span as it was then. If nearly as much is accepted again, the share that comes
 * back there is borne for a while: it sets nothing back. If not, the table takes less than before. */
#define SUNK_SHARE 0.5
#define AS_BEFORE_SHARE 0.75
#define OUTAGE_SHARE 0.9 /* where more comes back, nothing is learnt by trying */
/* Of few answers a share varies by chance: so many standard deviations. With 1 the pace sinks, with 2 too much is borne. */
#define BORNE_SPREAD 1.5
#define BORNE_FOR (60 * CLOCK_SECOND)

#define REST_FIRST (100 * CLOCK_MS)
#define REST_LONGEST (5 * CLOCK_SECOND)

/* Requests follow each other at a rate: the next may go when the last one's units are paid for. */
struct pacer {
    double rate; /* units a second; 0: no limit */
    int64_t next;
};

struct table {
    struct pacer pacer;
    int64_t span_began, answered; /* 0: no answer yet */
    double accepted, refused;
    int answers;
    bool held_back; /* the pace made someone wait in this span */
    bool came_back; /* something was refused in it, for whatever reason */
    int64_t set_back;
    bool refusing; /* the last span was refused */
    int searching; /* 0: the pace is no guess; 1: it is one, and has not grown yet; and one more for each span in which it grew */
    double known;  /* the pace at which refusals began; INFINITY: nothing has been accepted yet */
    struct best {
        double accepted, pace; /* units a second */
    } best;       /* the most that was accepted in a span, or in the last trial that failed, and the least pace at which it was */
    bool trying;  /* that pace again */
    double sunk;  /* the share that came back before the trial */
    double borne; /* the share that comes back at any pace */
    int64_t borne_until;
    double computed, consumed; /* units of the last answers that told what was consumed */
    int64_t seen;              /* answers */
};

struct governor {
    pthread_mutex_t lock;
    bool paused;
    struct pacer asked;
    int table_count;
    struct table tables[];
};

struct governor *governor_new(int tables) {
    struct governor *g = calloc(1, sizeof *g + (size_t)tables * sizeof g->tables[0]);
    if (g == NULL) return NULL;
    g->table_count = tables;
    if (pthread_mutex_init(&g->lock, NULL) == 0) return g;
    free(g);
    return NULL;
}

void governor_free(struct governor *g) {
    if (g == NULL) return;
    pthread_mutex_destroy(&g->lock);
    free(g);
}

/* --- pacing --- */

/* Changes the rate; what is not yet paid for is paid at the new one. */
static void pacer_set(struct pacer *p, int64_t now, double rate) {
    if (p->rate > 0 && rate > 0 && p->next > now) p->next = now + (int64_t)((double)(p->next - now) * p->rate / rate);
    if (p->rate <= 0 || rate <= 0) p->next = now;
    p->rate = rate;
}

/* 0, or when the next request may go. */
static int64_t pacer_wait(const struct pacer *p, int64_t now) {
    return p->rate > 0 && p->next > now ? p->next : 0;
}

/* Below 0: gives units back. */
static void pacer_spend(struct pacer *p, int64_t now, double units) {
    if (p->rate <= 0) return;
    if (p->next < now - GOVERNOR_SLACK) p->next = now - GOVERNOR_SLACK;
    p->next += (int64_t)(units / p->rate * (double)CLOCK_SECOND);
}

static double pacer_share(const struct pacer *p, double share) {
    return p->rate > 0 ? p->rate * share : INFINITY;
}

/* --- spans --- */

static void begin_span(struct table *t, int64_t now) {
    t->span_began = now;
    t->accepted = t->refused = 0;
    t->answers = 0;
    t->held_back = t->came_back = false;
}

/* --- what is asked for --- */

void governor_set_rate(struct governor *g, int64_t now, double units) {
    pthread_mutex_lock(&g->lock);
    pacer_set(&g->asked, now, units > 0 ? units : 0);
    pthread_mutex_unlock(&g->lock);
}

double governor_rate(struct governor *g) {
    pthread_mutex_lock(&g->lock);
    double rate = g->asked.rate;
    pthread_mutex_unlock(&g->lock);
    return rate;
}

void governor_pause(struct governor *g) {
    pthread_mutex_lock(&g->lock);
    g->paused = true;
    pthread_mutex_unlock(&g->lock);
}

void governor_resume(struct governor *g, int64_t now) {
    pthread_mutex_lock(&g->lock);
    g->paused = false;
    if (g->asked.next < now) g->asked.next = now;
    for (int i = 0; i < g->table_count; i++) {
        struct table *t = &g->tables[i];
        if (t->pacer.next < now) t->pacer.next = now;
        if (t->answered) begin_span(t, now); /* the pause is no time in which it went well, or little was accepted */
    }
    pthread_mutex_unlock(&g->lock);
}

bool governor_paused(struct governor *g) {
    pthread_mutex_lock(&g->lock);
    bool paused = g->paused;
    pthread_mutex_unlock(&g->lock);
    return paused;
}

/* --- what units cost --- */

/* The units that are consumed for each one that was computed. */
static double cost(const struct table *t) {
    return t->computed > 0 ? fmax(t->consumed / t->computed, COST_LEAST) : 1;
}

/* Corrects what was taken of the rate asked for. Without a word of the service what was not refused was spent. */
static void settle(struct governor *g, int64_t now, struct table *t, const struct governor_answer *a) {
    double computed = a->units - a->refused;
    if (a->consumed < 0) {
        pacer_spend(&g->asked, now, -a->taken * a->refused / fmax(a->units, 1));
        return;
    }
    pacer_spend(&g->asked, now, a->consumed - a->taken);
    if (computed <= 0) return; /* nothing that could have cost it */
    t->computed = t->computed * COST_FADES + computed;
    t->consumed = t->consumed * COST_FADES + a->consumed;
}

/* --- sending --- */

static int64_t ask(struct governor *g, int64_t now, struct table *t, uint32_t units, double *taken) {
    if (g->paused) return now + PAUSED_ASK_AGAIN;
    int64_t asked = pacer_wait(&g->asked, now), own = pacer_wait(&t->pacer, now);
    if (own > asked) t->held_back = true;
    if (asked || own) return asked > own ? asked : own;
    *taken = units * cost(t);
    pacer_spend(&g->asked, now, *taken);
    pacer_spend(&t->pacer, now, units);
    return 0;
}

int64_t governor_ask(struct governor *g, int64_t now, int table, uint32_t units, double *taken) {
    pthread_mutex_lock(&g->lock);
    int64_t when = ask(g, now, &g->tables[table], units, taken);
    pthread_mutex_unlock(&g->lock);
    return when;
}

uint32_t governor_request_units(struct governor *g, int table) {
    pthread_mutex_lock(&g->lock);
    const struct table *t = &g->tables[table];
    double asked = pacer_share(&g->asked, t->seen < FIRST_ANSWERS ? FIRST_SHARE : REQUEST_SHARE);
    double share = fmin(asked / cost(t), pacer_share(&t->pacer, REQUEST_SHARE));
    pthread_mutex_unlock(&g->lock);
    return share >= (double)UINT32_MAX ? UINT32_MAX : share < 1 ? 1 : (uint32_t)share;
}

/* --- answers --- */

/* The first time the pace becomes what was accepted. Later it falls by the share that was refused beyond what is borne, and by less when that share is one of
 * few answers. */
static void set_back(struct table *t, int64_t now, double share, double accepted) {
    double pace = t->pacer.rate;
    if (pace > 0) {
        if (!t->refusing) t->known = pace;
        if (now < t->borne_until) share = (share - t->borne) / (1 - t->borne);
        double sure = t->answers < SPAN_ANSWERS ? (double)t->answers / SPAN_ANSWERS : 1;
        pace *= fmax(1 - sure * share, BACK_MOST);
    } else {
        pace = accepted;
        t->known = accepted > 0 ? pace : INFINITY;
    }
    t->refusing = true;
    t->searching = t->pacer.rate <= 0 || pace < SURE_SHARE * t->pacer.rate || t->searching == 1;
    pacer_set(&t->pacer, now, fmax(pace * BACK, PACE_LEAST));
    t->set_back = now;
}

static void grow(struct table *t, int64_t now, double seconds) {
    seconds = fmin(seconds, (double)SPAN_LONGEST / (double)CLOCK_SECOND); /* the source may have had nothing for much longer */
    double growth = GROWTH + GROWTH_MORE * (double)(now - t->set_back) / (double)CLOCK_SECOND;
    double pace = t->pacer.rate * (1 + fmin(growth, GROWTH_MOST) * seconds);
    if (t->searching) pace = t->pacer.rate * (1 + fmin(SEARCH * t->searching++, GROWTH_MOST));
    pacer_set(&t->pacer, now, fmax(pace, fmin(2 * t->pacer.rate, KNOWN_SHARE * t->known)));
    t->refusing = false;
}

/* Goes back to the best pace for a span, if what became of it tells whether refusals come of the pace. */
static void try_best(struct table *t, int64_t now, double share) {
    t->trying = true;
    t->sunk = share;
    t->set_back = now; /* earlier requests are none of the trial */
    pacer_set(&t->pacer, now, t->best.pace);
}

/* The trial's end: what comes back as the pace is what it was. */
static void end_trial(struct table *t, int64_t now, double share, double accepted) {
    t->trying = false;
    if (accepted < AS_BEFORE_SHARE * t->best.accepted) {
        t->best = (struct best){accepted, fmin(t->pacer.rate, accepted / (1 - fmin(t->sunk, BACK_MOST)))};
        return;
    }
    t->borne = fmin(share, t->sunk); /* of the trial's, some may be of its pace */
    t->borne_until = now + BORNE_FOR;
    t->refusing = false;
}

/* A span of few answers may be a lucky one. */
static void note_best(struct table *t, double seconds, double accepted) {
    double pace = t->pacer.rate, most = t->best.accepted;
    if (pace <= 0 || (t->answers < SPAN_ANSWERS && seconds * (double)CLOCK_SECOND < (double)SPAN_LONGEST)) return;
    if (accepted >= most || (accepted >= 0.9 * most && pace < t->best.pace)) t->best = (struct best){fmax(accepted, most), pace};
}

/* The share that may come back: of few answers it varies by chance. */
static double borne(const struct table *t, int64_t now) {
    if (now >= t->borne_until) return 0;
    return t->borne + BORNE_SPREAD * sqrt(t->borne * (1 - t->borne) / t->answers);
}

static void end_span(struct table *t, int64_t now) {
    double seconds = (double)(now - t->span_began) / (double)CLOCK_SECOND, units = t->accepted + t->refused;
    double accepted = t->accepted / seconds, share = units > 0 ? t->refused / units : 0;
    if (t->trying) end_trial(t, now, share, accepted);
    note_best(t, seconds, accepted);
    if (share <= REFUSED_SHARE + borne(t, now)) {
        if (t->pacer.rate > 0 && t->held_back) grow(t, now, seconds);
    } else if (share < OUTAGE_SHARE && t->pacer.rate > 0 && t->pacer.rate < SUNK_SHARE * t->best.accepted) {
        try_best(t, now, share);
    } else {
        set_back(t, now, share, accepted);
    }
    begin_span(t, now);
}

/* Requests that were on their way when the pace was set back say nothing about the new one. A time in which there was nothing to write
 * says nothing about the table. */
static void judge(struct table *t, int64_t now, const struct governor_answer *a) {
    bool idle = !t->held_back && a->sent - t->answered > SPAN;
    if (t->answered == 0 || idle) begin_span(t, a->sent);
    if (t->pacer.rate <= 0 && a->refused && !t->came_back) begin_span(t, now);
    t->came_back |= a->refused > 0;
    t->answered = now;
    if (t->trying && a->sent < t->set_back) {
        begin_span(t, now);
        return;
    }
    t->accepted += a->units - a->refused;
    if (a->sent >= t->set_back) t->refused += a->refused - a->hot;
    t->answers++;
    bool early = t->refused > 0 && !t->trying && now >= t->borne_until; /* else a share is to be judged */
    int64_t length = now - t->span_began, enough = t->pacer.rate <= 0 && t->refused > 0 ? SPAN_FIRST : SPAN;
    if (length >= SPAN_LONGEST || (length >= enough && (t->answers >= SPAN_ANSWERS || early))) end_span(t, now);
}

void governor_answered(struct governor *g, int64_t now, const struct governor_answer *a) {
    pthread_mutex_lock(&g->lock);
    struct table *t = &g->tables[a->table];
    t->seen++;
    settle(g, now, t, a);
    judge(t, now, a);
    pthread_mutex_unlock(&g->lock);
}

int64_t governor_rest(int attempt, double jitter) {
    int64_t longest = REST_LONGEST;
    if (attempt < 7) longest = REST_FIRST << (attempt > 0 ? attempt - 1 : 0);
    if (longest > REST_LONGEST) longest = REST_LONGEST;
    return longest / 2 + (int64_t)((double)(longest / 2) * jitter);
}

double governor_pace(struct governor *g, int table) {
    pthread_mutex_lock(&g->lock);
    double pace = g->tables[table].pacer.rate;
    pthread_mutex_unlock(&g->lock);
    return pace;
}
