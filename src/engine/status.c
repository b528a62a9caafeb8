/* What the ledger says of a plan's run, also while another process runs it: `status`, `rejects`. */
#include <stdio.h>
#include <string.h>

#include "engine/bind.h"
#include "engine/ledger.h"
#include "engine/ledger_path.h"

/* Opens the ledger for reading and finds the run; *l NULL when there is no ledger or no run. */
static bool find(const struct plan *plan, const struct run_options *options, struct arena *a, struct ledger **l,
                 struct ledger_run *run, struct error *err) {
    char path[4096];
    bool found = false;
    *l = NULL;
    if (!ledger_path(plan, options->ledger, path, sizeof path, err)) return false;
    struct ledger *open = ledger_open(path, LEDGER_READ, err);
    if (open == NULL) return strcmp(err->code, "absent") == 0;
    const char *key = bind_run_key(options, a);
    bool ok = key ? ledger_run_find(open, key, run, &found, a, err) : error_memory(err, "reading the ledger");
    if (ok && found) {
        *l = open;
    } else {
        ledger_close(open);
    }
    return ok;
}

/* The target tables of a plan's table whose `to` is a template. */
static bool read_targets(struct ledger *l, const struct ledger_run *run, const struct plan *plan, int number, struct run_table *t,
                         struct arena *a, struct error *err) {
    const char **names;
    if (number >= plan->table_count || plan->tables[number].to_template == NULL) return true;
    t->templated = true;
    if (!ledger_targets(l, run->id, number, a, &names, &t->target_count, err)) return false;
    t->targets = names;
    return true;
}

static bool read_tables(struct ledger *l, const struct ledger_run *run, const struct plan *plan, struct run_summary *out,
                        struct error *err) {
    struct ledger_table *tables;
    int count;
    if (!ledger_tables(l, run->id, out->arena, &tables, &count, err)) return false;
    out->tables = arena_array(out->arena, (size_t)count + 1, sizeof *out->tables);
    if (out->tables == NULL) return error_memory(err, "reading the ledger");
    out->resumes = run->resumes;
    if (!ledger_reject_count(l, run->id, &out->rejects, err)) return false;
    out->sum_holds = true;
    for (int i = 0; i < count; i++) {
        struct ledger_totals totals;
        struct run_table *t = &out->tables[out->table_count++];
        if (!ledger_totals(l, run->id, tables[i].number, &totals, err)) return false;
        *t = (struct run_table){.name = tables[i].name,
                                .from = tables[i].from,
                                .to = tables[i].to,
                                .counts = totals.counts,
                                .rows_estimated = tables[i].rows_estimated,
                                .chunks = totals.chunks,
                                .chunks_done = totals.chunks_done,
                                .snapshots = totals.snapshots};
        if (!read_targets(l, run, plan, tables[i].number, t, out->arena, err)) return false;
        out->sum_holds = out->sum_holds && job_sum_holds(&t->counts);
    }
    out->outcome = run->finished ? RUN_DONE : RUN_STOPPED;
    return true;
}

static bool read_retries(struct ledger *l, const struct ledger_run *run, struct run_status *out, struct error *err) {
    struct ledger_retry *list;
    int count;
    if (!ledger_retries(l, run->id, out->summary.arena, &list, &count, err)) return false;
    out->retries = arena_array(out->summary.arena, (size_t)count + 1, sizeof *out->retries);
    if (out->retries == NULL) return error_memory(err, "reading the ledger");
    for (; out->retry_count < count; out->retry_count++) {
        const struct ledger_retry *r = &list[out->retry_count];
        out->retries[out->retry_count] = (struct run_retried){.began = r->began,
                                                              .ended = r->ended,
                                                              .mapping_changed = r->mapping_changed,
                                                              .gone = r->rows_gone,
                                                              .counts = {.rows_read = r->rows_read,
                                                                         .rows_written = r->rows_written,
                                                                         .rows_rejected = r->rows_rejected,
                                                                         .rows_filtered = r->rows_filtered,
                                                                         .rows_superseded = r->rows_superseded}};
    }
    return true;
}

static bool fill(struct ledger *l, const struct ledger_run *run, const struct plan *plan, struct run_status *out,
                 struct error *err) {
    struct ledger_owner owner;
    if (!ledger_owner(l, &owner, err)) return false;
    if (!read_tables(l, run, plan, &out->summary, err)) return false;
    out->running = owner.alive;
    /* one that was refused before its chunks were planned has done nothing, and begins anew (run.c) */
    out->found = out->running || out->summary.table_count > 0;
    if (!out->found) return true;
    out->owner_pid = owner.pid;
    out->finished = run->finished;
    snprintf(out->owner_host, sizeof out->owner_host, "%s", owner.host);
    snprintf(out->started, sizeof out->started, "%s", run->started ? run->started : "");
    snprintf(out->updated, sizeof out->updated, "%s", run->updated ? run->updated : "");
    return read_retries(l, run, out, err);
}

bool run_status_read(const struct plan *plan, const struct run_options *options, struct run_status *out, struct error *err) {
    *out = (struct run_status){.summary = {.outcome = RUN_STOPPED, .arena = arena_new()}};
    struct ledger *l;
    struct ledger_run run;
    if (out->summary.arena == NULL) return error_memory(err, "reading the ledger");
    if (!find(plan, options, out->summary.arena, &l, &run, err)) return false;
    if (l == NULL) return true;
    bool ok = fill(l, &run, plan, out, err);
    ledger_close(l);
    return ok;
}

bool run_rejects(const struct plan *plan, const struct run_options *options,
                 bool (*each)(void *context, const struct run_reject *r), void *context, struct error *err) {
    struct arena *a = arena_new();
    struct ledger *l = NULL;
    struct ledger_run run;
    if (a == NULL) return error_memory(err, "reading the ledger");
    bool ok = find(plan, options, a, &l, &run, err);
    if (ok && l) ok = ledger_rejects(l, run.id, each, context, err);
    ledger_close(l);
    arena_free(a);
    return ok;
}
