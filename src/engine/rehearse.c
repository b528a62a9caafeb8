#include "engine/rehearse.h"

#include "base/clock.h"
#include "engine/listing.h"
#include "engine/rehearse_parts.h"

/* What is kept of the items: about a million of them with three indexes. */
#define TAPE_BYTES ((size_t)48 << 20)

static bool prepare(struct rehearsing *r, const struct plan *plan, struct error *err) {
    struct session *s = &r->session;
    struct rehearsal *out = r->out;
    r->names = key_names_new();
    if (r->names == NULL) return error_memory(err, "rehearsing");
    if (!session_open_job(s, plan, out->arena, err) || !session_open_source(s, err)) return false;
    if (!listing_make(&s->job, s->source, NULL, 0, true, s->listener, err)) return false;
    out->tables = arena_array(out->arena, (size_t)s->job.table_count, sizeof *out->tables);
    if (out->tables == NULL) return error_memory(err, "rehearsing");
    for (int i = 0; i < s->job.table_count; i++) {
        const struct job_table *t = &s->job.tables[i];
        out->tables[i] = (struct rehearsed_table){.name = t->plan->name, .from = t->spec.from, .to = t->schema.name};
    }
    out->table_count = s->job.table_count;
    return true;
}

bool rehearse(const struct plan *plan, const struct rehearse_options *options, const struct run_listener *listener,
              struct rehearsal *out, struct error *err) {
    *out = (struct rehearsal){.arena = arena_new()};
    if (out->arena == NULL) return error_memory(err, "rehearsing");
    struct rehearsing r = {.options = options, .out = out, .run_options = {.where = options->where, .jobs = options->jobs}};
    r.session = (struct session){.options = &r.run_options, .listener = listener, .began = clock_now()};
    tape_init(&r.tape, TAPE_BYTES);
    bool ok = prepare(&r, plan, err) && rehearse_targets(&r, err) && rehearse_read(&r, err) && rehearse_play(&r, err);
    out->took = (double)(clock_now() - r.session.began) / (double)CLOCK_SECOND;
    rehearse_targets_free(&r);
    tape_free(&r.tape);
    key_names_free(r.names);
    session_close(&r.session);
    return ok;
}

void rehearsal_free(struct rehearsal *out) {
    arena_free(out->arena);
    *out = (struct rehearsal){0};
}
