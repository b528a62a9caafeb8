/* Profile files, as the credentials file and as the config file: every event's slices lie within the text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aws/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct profile_slice s, const char *text, size_t n) {
    /* "profile", the kind of a section that does not say it, stands outside. */
    if (s.text == NULL || (s.n == 7 && memcmp(s.text, "profile", 7) == 0)) return;
    if (s.text < text || s.text + s.n > text + n) abort();
}

static void read_all(const struct profile_text *t) {
    struct profile_reader r;
    int line, events = 0;
    const char *problem;
    profile_init(&r, t);
    enum profile_event e;
    while ((e = profile_next(&r)) != PROFILE_END && e != PROFILE_BAD) {
        inside(r.kind, t->data, t->n);
        inside(r.name, t->data, t->n);
        inside(r.parent, t->data, t->n);
        inside(r.key, t->data, t->n);
        inside(r.value, t->data, t->n);
        events++;
    }
    if ((size_t)events > t->n || profile_check(t, &line, &problem) != (e == PROFILE_END)) abort();
    inside(profile_get(t, "profile", "default", NULL, "region"), t->data, t->n);
    inside(profile_get(t, "services", "s", "dynamodb", "endpoint_url"), t->data, t->n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *copy = malloc(size + 1);
    if (copy == NULL) return 0;
    memcpy(copy, data, size);
    struct profile_text t = {.data = copy, .n = size};
    read_all(&t);
    t.is_config = true;
    read_all(&t);
    free(copy);
    return 0;
}
