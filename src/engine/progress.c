#include "engine/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/pacing.h"

#define EVERY (CLOCK_SECOND / 4)
#define SAMPLES 20 /* rates are of the last five seconds */

struct sample {
    int64_t at, rows, items, units;
};

struct history {
    struct sample samples[SAMPLES];
    int count, next;
};

struct progress {
    struct job *job;
    const struct run_listener *listener;
    int64_t began, told;
    struct history *histories;         /* by table */
    struct run_table_progress *tables; /* what is shown */
    struct run_progress last;
    char detail[sizeof((struct job *)0)->wait_text];
};

struct progress *progress_new(struct job *job, const struct run_listener *listener) {
    struct progress *p = calloc(1, sizeof *p);
    if (p == NULL) return NULL;
    p->job = job;
    p->listener = listener;
    p->began = clock_now();
    p->histories = calloc((size_t)job->table_count, sizeof *p->histories);
    p->tables = calloc((size_t)job->table_count, sizeof *p->tables);
    if (p->histories && p->tables) return p;
    progress_free(p);
    return NULL;
}

void progress_free(struct progress *p) {
    if (p == NULL) return;
    free(p->histories);
    free(p->tables);
    free(p);
}

static void take_sample(struct history *h, const struct sample *s) {
    h->samples[h->next] = *s;
    h->next = (h->next + 1) % SAMPLES;
    if (h->count < SAMPLES) h->count++;
}

static void show_table(struct progress *p, int i, int64_t now) {
    struct job_table *t = &p->job->tables[i];
    struct history *h = &p->histories[i];
    struct run_table_progress *out = &p->tables[i];
    *out = (struct run_table_progress){
        .table = {.name = t->plan->name,
                  .from = t->plan->source.from,
                  .to = t->schema.name,
                  .rows_estimated = t->rows_estimated,
                  .chunks = t->chunk_count,
                  .chunks_done = t->chunks_done},
        .in_flight = t->live.in_flight,
        .retries = t->live.retries,
        .eta_seconds = -1,
    };
    job_live_read(&t->live, &out->table.counts);
    pacing_read(p->job, t, &out->table);
    const struct run_counts *c = &out->table.counts;
    struct sample s = {now, c->rows_read, c->items_written, c->write_units};
    take_sample(h, &s);
    const struct sample *first = &h->samples[h->count < SAMPLES ? 0 : h->next];
    double seconds = (double)(now - first->at) / CLOCK_SECOND;
    double rows_per_second = 0;
    if (seconds > 0) {
        out->items_per_second = (double)(s.items - first->items) / seconds;
        out->units_per_second = (double)(s.units - first->units) / seconds;
        rows_per_second = (double)(s.rows - first->rows) / seconds;
    }
    bool all = t->chunk_count > 0 && out->table.chunks_done == t->chunk_count;
    double expected = t->rows_estimated > (double)c->rows_read ? t->rows_estimated : (double)c->rows_read;
    out->done = all ? 1 : expected > 0 ? (double)c->rows_read / expected : 0;
    if (!all && out->done > 0.999) out->done = 0.999; /* the server's guess was low: it is not done before it is done */
    if (all) out->eta_seconds = 0;
    if (!all && rows_per_second > 0) out->eta_seconds = (expected - (double)c->rows_read) / rows_per_second;
}

const char *progress_state(const struct job *j) {
    if (j->stop) return "stopping";
    if (j->paused) return "paused";
    if (j->waiting == 0) return j->source_gap > 0 ? "sparing the source" : j->retrying ? "retrying" : "migrating";
    return j->throttled > 0 ? "throttled" : "waiting for the target";
}

const struct run_progress *progress_last(const struct progress *p) {
    return &p->last;
}

void progress_tell(struct progress *p, const char *state, bool now) {
    if (p == NULL) return;
    int64_t at = clock_now();
    if (!now && at - p->told < EVERY) return;
    p->told = at;
    for (int i = 0; i < p->job->table_count; i++) show_table(p, i, at);
    p->detail[0] = '\0';
    if (p->job->source_gap > 0) {
        snprintf(p->detail, sizeof p->detail, "it answers in %.1f ms", (double)p->job->source_took / CLOCK_MS);
    }
    if (p->job->waiting > 0) {
        pthread_mutex_lock(&p->job->told_lock);
        memcpy(p->detail, p->job->wait_text, sizeof p->detail);
        pthread_mutex_unlock(&p->job->told_lock);
    }
    p->last = (struct run_progress){
        .state = state ? state : progress_state(p->job),
        .detail = p->detail,
        .write_units = (double)p->job->write_units,
        .elapsed_seconds = (double)(at - p->began) / CLOCK_SECOND,
        .snapshot_age_seconds = (double)(at - p->job->exported) / CLOCK_SECOND,
        .tables = p->tables,
        .table_count = p->job->table_count,
    };
    if (p->listener && p->listener->progress) p->listener->progress(p->listener->context, &p->last);
}
