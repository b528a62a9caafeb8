#include "engine/pace.h"

#include "base/clock.h"
#include "engine/pacing.h"

/* What is asked for at this moment. */
static bool look(struct pace *p, struct job *job, struct error *err) {
    int64_t now = clock_now(), units = 0;
    int64_t said = atomic_load(&job->control_units);
    if (said > 0) {
        atomic_store(&job->write_units, said);
        return true;
    }
    if (p->listener == NULL || p->listener->write_units == NULL || now < p->next) return true;
    p->next = now + CLOCK_SECOND;
    if (!p->listener->write_units(p->listener->context, &units, err)) return false;
    atomic_store(&job->write_units, units);
    return true;
}

bool pace_keep(struct pace *p, struct job *job, struct error *err) {
    bool ok = look(p, job, err);
    pacing_follow(job);
    return ok;
}
