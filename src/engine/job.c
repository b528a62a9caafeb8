#include "engine/job.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"

bool job_set_targets(struct job *j, struct job_table *t, const char *const *names, int count, struct error *err) {
    t->targets = arena_array(j->arena, (size_t)count + 1, sizeof *t->targets);
    if (t->targets == NULL) return error_memory(err, "naming the target tables");
    t->target_count = count;
    for (int i = 0; i < count; i++) {
        t->targets[i] = (struct job_target){
            .table = t, .number = j->target_count++, .schema = t->schema, .seed = hash_64(names[i], strlen(names[i]), 0)};
        t->targets[i].schema.name = names[i];
    }
    return true;
}

void job_wait_text(struct job *j, const char *text) {
    pthread_mutex_lock(&j->told_lock);
    snprintf(j->wait_text, sizeof j->wait_text, "%s", text);
    pthread_mutex_unlock(&j->told_lock);
}

/* Counters are statistics: no other memory depends on their order. */
static void add(_Atomic int64_t *counter, int64_t n) {
    if (n) atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

void job_live_add(struct live_counts *live, const struct run_counts *counts, int sign) {
    add(&live->rows_read, sign * counts->rows_read);
    add(&live->rows_written, sign * counts->rows_written);
    add(&live->rows_rejected, sign * counts->rows_rejected);
    add(&live->rows_filtered, sign * counts->rows_filtered);
    add(&live->rows_superseded, sign * counts->rows_superseded);
    add(&live->items_written, sign * counts->items_written);
    add(&live->bytes, sign * counts->bytes);
    add(&live->write_units, sign * counts->write_units);
}

void job_live_done(struct live_counts *live, const struct run_counts *counts) {
    job_live_add(live, counts, 1);
    add(&live->items_this_time, counts->items_written);
    add(&live->units_this_time, counts->write_units);
}

void job_live_read(const struct live_counts *live, struct run_counts *out) {
    *out = (struct run_counts){
        .rows_read = live->rows_read,
        .rows_written = live->rows_written,
        .rows_rejected = live->rows_rejected,
        .rows_filtered = live->rows_filtered,
        .rows_superseded = live->rows_superseded,
        .items_written = live->items_written,
        .bytes = live->bytes,
        .write_units = live->write_units,
    };
}

bool job_sum_holds(const struct run_counts *c) {
    return c->rows_read == c->rows_written + c->rows_rejected + c->rows_filtered + c->rows_superseded;
}
