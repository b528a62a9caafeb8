#include "endpoint/faults.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {
    [FAULT_UNPROCESSED] = "unprocessed",
    [FAULT_THROTTLE] = "throttle",
    [FAULT_5XX] = "5xx",
    [FAULT_DELAY] = "delay",
    [FAULT_CUT] = "cut",
    [FAULT_CUT_BEFORE] = "cut-before",
    [FAULT_CRC] = "crc",
    [FAULT_REFUSE] = "refuse",
    [FAULT_ERROR] = "error",
};

static bool read_kind(struct fault *f, const char *text) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(text, kinds[i]) != 0) continue;
        f->kind = (enum fault_kind)i;
        return true;
    }
    return false;
}

static bool read_number(const char *text, int64_t *value) {
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *value > 0;
}

/* One name=value; false when there is no such field, or the value does not fit it. */
static bool read_field(struct fault *f, const char *name, const char *value) {
    static const struct {
        const char *name;
        size_t offset, size; /* size 0: a number */
    } fields[] = {
        {"op", offsetof(struct fault, op), sizeof f->op},
        {"type", offsetof(struct fault, type), sizeof f->type},
        {"reason", offsetof(struct fault, reason), sizeof f->reason},
        {"match", offsetof(struct fault, match), sizeof f->match},
        {"n", offsetof(struct fault, nth), 0},
        {"every", offsetof(struct fault, every), 0},
        {"from", offsetof(struct fault, from), 0},
        {"count", offsetof(struct fault, count), 0},
        {"keep", offsetof(struct fault, keep), 0},
        {"ms", offsetof(struct fault, ms), 0},
        {"status", offsetof(struct fault, status), 0},
    };
    if (strcmp(name, "what") == 0) return read_kind(f, value);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strcmp(name, fields[i].name) != 0) continue;
        char *place = (char *)f + fields[i].offset;
        if (fields[i].size == 0) return read_number(value, (int64_t *)(void *)place);
        size_t n = strlen(value);
        if (n == 0 || n >= fields[i].size) return false;
        memcpy(place, value, n + 1);
        return true;
    }
    return false;
}

/* What must be said with each kind, and what is meant when it is not said. */
static const char *complete(struct fault *f, bool has_kind) {
    if (!has_kind) return "what= is missing";
    if (f->kind == FAULT_UNPROCESSED && !f->keep) return "what=unprocessed needs keep=";
    if (f->kind == FAULT_DELAY && !f->ms) return "what=delay needs ms=";
    if (f->kind == FAULT_REFUSE && !f->match[0]) return "what=refuse needs match=";
    if (f->kind == FAULT_ERROR && !f->type[0]) return "what=error needs type=";
    if (!f->status) f->status = f->kind == FAULT_5XX ? 500 : 400;
    if (f->status > 599 || f->status < 400) return "status= must be 400 to 599";
    if (f->kind == FAULT_5XX && f->status < 500) return "what=5xx needs a status of 500 to 599";
    if (!f->count) f->count = INT64_MAX;
    return NULL;
}

bool faults_add(struct faults *f, const char *spec, struct error *err) {
    struct fault fault = {0};
    char text[1024];
    bool has_kind = false;
    if (f->count == FAULTS_MAX) return error_set(err, ERROR_USAGE, "more than %d faults", FAULTS_MAX);
    if (strlen(spec) >= sizeof text) return error_set(err, ERROR_USAGE, "a fault of more than 1,023 bytes");
    memcpy(text, spec, strlen(spec) + 1);
    char *rest = text;
    for (char *part; (part = strsep(&rest, ",")) != NULL;) {
        char *value = strchr(part, '=');
        if (value) *value++ = '\0';
        if (value == NULL || !read_field(&fault, part, value))
            return error_set(err, ERROR_USAGE, "the fault '%s' is wrong at '%s'", spec, part);
        has_kind |= strcmp(part, "what") == 0;
    }
    const char *problem = complete(&fault, has_kind);
    if (problem) return error_set(err, ERROR_USAGE, "the fault '%s' is wrong: %s", spec, problem);
    f->list[f->count++] = fault;
    return true;
}

void faults_clear(struct faults *f) {
    f->count = 0;
}

/* Without op=, held back and refused are writes only; everything else may befall any operation. */
static bool concerns(const struct fault *f, const struct request *r) {
    bool batch = r->op == OPERATION_BATCH_WRITE_ITEM, write = batch || r->op == OPERATION_PUT_ITEM;
    if (f->kind == FAULT_UNPROCESSED && !batch) return false;
    if (f->kind == FAULT_REFUSE && !write) return false;
    if (f->op[0] && !slice_is(r->name, f->op)) return false;
    return !f->match[0] || memmem(r->body.data, r->body.len, f->match, strlen(f->match)) != NULL;
}

static bool fires(const struct fault *f) {
    return f->count > 0 && (!f->nth || f->seen == f->nth) && (!f->every || f->seen % f->every == 0) &&
           (!f->from || f->seen >= f->from);
}

const struct fault *faults_next(struct faults *f, const struct request *r) {
    struct fault *found = NULL;
    for (int i = 0; i < f->count; i++) {
        struct fault *fault = &f->list[i];
        if (!concerns(fault, r)) continue;
        fault->seen++;
        if (found == NULL && fires(fault)) found = fault;
    }
    if (found) found->count--;
    return found;
}

const char *fault_name(const struct fault *f) {
    return kinds[f->kind];
}
