/* The door through which other processes talk to a running migration: a Unix socket beside the ledger, mode 0600, served by the main
 * thread between two looks at the progress.
 *
 * A request is one line (status, pause, resume, stop, wcu N), the answer is one line of JSON: {"ok":true,"state":...,"tables":[...]}, or
 * {"ok":false,"error":...,"hint":...}. One caller at a time; a caller that dawdles is cut off.
 * Not for: what a finished run did (status.c asks the ledger). */
#ifndef ENGINE_CONTROL_H
#define ENGINE_CONTROL_H

#include "base/buffer.h"
#include "engine/job.h"
#include "engine/progress.h"

struct control;

/* The socket's path: the ledger's with ".sock" after it. Only the ledger's owner may listen (its lock tells), so what lies there is
 * left over and removed. ERROR_LOCAL when it cannot be made. */
struct control *control_listen(const char *ledger, struct error *err);
/* Stops listening and removes the socket; NULL is fine. */
void control_close(struct control *c);

/* Answers who calls, and returns after about `wait_ms`, or when the job's bell rings. */
void control_serve(struct control *c, struct job *j, const struct progress *p, int wait_ms);

/* The other end: asks the migration that owns the ledger, and appends its answer without the line's end to `answer`. ERROR_LOCAL, code
 * "absent" when nobody listens. Waits ten seconds at most. */
bool control_ask(const char *ledger, const char *request, struct buffer *answer, struct error *err);

#endif
