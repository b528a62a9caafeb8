/* A plan's table beside the one that stands (tables.h). */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dynamodb/tables.h"

/* --- one side of a line, as text --- */

struct side {
    char text[300]; /* what is longer (many attributes, long names) ends in "..." */
    size_t len;
};

static void add(struct side *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct side *s, const char *format, ...) {
    size_t room = sizeof s->text - s->len;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(s->text + s->len, room, format, args);
    va_end(args);
    if (n > 0 && (size_t)n >= room) {
        s->len = sizeof s->text - 1;
        memcpy(s->text + s->len - 3, "...", 3);
    } else if (n > 0) {
        s->len += (size_t)n;
    }
}

static void add_keys(struct side *s, const struct dynamodb_key *keys, int count) {
    for (int i = 0; i < count; i++) {
        add(s, "%s%s (%s)", i ? " + " : "", keys[i].name, dynamodb_type_name(keys[i].type));
    }
}

static struct side show_key(const struct dynamodb_key *key) {
    struct side s = {.len = 0};
    if (key->name == NULL) add(&s, "none");
    add_keys(&s, key, key->name != NULL);
    return s;
}

/* NULL: there is no such index. */
static struct side show_index(const struct dynamodb_index *x) {
    struct side s = {.len = 0};
    if (x == NULL) {
        add(&s, "missing");
        return s;
    }
    if (x->local) {
        add(&s, "local");
    } else {
        add(&s, "partition ");
        add_keys(&s, x->partition, x->partition_count);
    }
    if (x->sort_count) add(&s, ", sort ");
    add_keys(&s, x->sort, x->sort_count);
    static const char *const names[] = {"ALL", "KEYS_ONLY", "INCLUDE"};
    add(&s, ", %s", names[x->projection]);
    if (x->projection != DYNAMODB_PROJECT_INCLUDE) return s;
    for (int i = 0; i < x->include_count; i++) add(&s, "%s%s", i ? ", " : " (", x->include[i]);
    if (x->include_count) add(&s, ")");
    return s;
}

/* --- equal or not --- */

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_keys(const struct dynamodb_key *a, int a_count, const struct dynamodb_key *b, int b_count) {
    if (a_count != b_count) return false;
    for (int i = 0; i < a_count; i++) {
        if (a[i].type != b[i].type || !same_text(a[i].name, b[i].name)) return false;
    }
    return true;
}

static bool includes(const struct dynamodb_index *x, const char *name) {
    for (int i = 0; i < x->include_count; i++) {
        if (strcmp(x->include[i], name) == 0) return true;
    }
    return false;
}

/* The order in which INCLUDE names its attributes means nothing. */
static bool same_projection(const struct dynamodb_index *a, const struct dynamodb_index *b) {
    if (a->projection != b->projection) return false;
    if (a->projection != DYNAMODB_PROJECT_INCLUDE) return true;
    for (int i = 0; i < a->include_count; i++) {
        if (!includes(b, a->include[i])) return false;
    }
    for (int i = 0; i < b->include_count; i++) {
        if (!includes(a, b->include[i])) return false;
    }
    return true;
}

/* A local index has its table's partition key, which is compared with the table. */
static bool same_index(const struct dynamodb_index *a, const struct dynamodb_index *b) {
    if (a->local != b->local || !same_projection(a, b)) return false;
    if (!same_keys(a->sort, a->sort_count, b->sort, b->sort_count)) return false;
    return a->local || same_keys(a->partition, a->partition_count, b->partition, b->partition_count);
}

static const struct dynamodb_index *find_index(const struct dynamodb_schema *s, const char *name) {
    for (int i = 0; i < s->index_count; i++) {
        if (strcmp(s->indexes[i].name, name) == 0) return &s->indexes[i];
    }
    return NULL;
}

/* --- keys and indexes: differences are an error --- */

#define SHOWN_MAX 8   /* differences that an error shows; the others are counted */
#define LABEL_MAX 280 /* a word and a name of 255 bytes */

struct differences {
    struct {
        char label[LABEL_MAX];
        struct side plan, table;
    } lines[SHOWN_MAX];
    int count; /* may be above SHOWN_MAX */
};

static void differ(struct differences *d, const char *what, const char *name, struct side plan, struct side table) {
    if (d->count < SHOWN_MAX) {
        snprintf(d->lines[d->count].label, LABEL_MAX, "%s%s%s", what, name ? " " : "", name ? name : "");
        d->lines[d->count].plan = plan;
        d->lines[d->count].table = table;
    }
    d->count++;
}

static void find_differences(const struct dynamodb_schema *plan, const struct dynamodb_schema *table, struct differences *d) {
    if (!same_keys(&plan->partition, 1, &table->partition, 1)) {
        differ(d, "partition key", NULL, show_key(&plan->partition), show_key(&table->partition));
    }
    bool neither = plan->sort.name == NULL && table->sort.name == NULL;
    if (!neither && !same_keys(&plan->sort, 1, &table->sort, 1)) {
        differ(d, "sort key", NULL, show_key(&plan->sort), show_key(&table->sort));
    }
    for (int i = 0; i < plan->index_count; i++) {
        const struct dynamodb_index *x = &plan->indexes[i], *other = find_index(table, x->name);
        if (other == NULL || !same_index(x, other)) differ(d, "index", x->name, show_index(x), show_index(other));
    }
}

/* One side under the other, so that the eye finds where they part. */
static bool report(const struct differences *d, const char *name, struct error *err) {
    int shown = d->count < SHOWN_MAX ? d->count : SHOWN_MAX, width = 0;
    for (int i = 0; i < shown; i++) {
        int label = (int)strlen(d->lines[i].label);
        if (label > width) width = label;
    }
    error_set(err, ERROR_TARGET, "table %s has other keys or indexes than the plan", name);
    int left = d->count;
    for (int i = 0; i < shown && err; i++) {
        char lines[2 * (LABEL_MAX + sizeof d->lines[i].plan.text + 16)];
        snprintf(lines, sizeof lines, "\n  %-*s  plan   %s\n  %-*s  table  %s", width, d->lines[i].label, d->lines[i].plan.text,
                 width, "", d->lines[i].table.text);
        size_t used = strlen(err->text), n = strlen(lines);
        if (used + n + 40 > sizeof err->text) break; /* room for the count of what is left out */
        memcpy(err->text + used, lines, n + 1);
        left--;
    }
    if (err && left > 0) {
        size_t used = strlen(err->text);
        snprintf(err->text + used, sizeof err->text - used, "\n  and %d more", left);
    }
    return error_hint(err, "make the plan's keys and indexes those of the table, or let the plan write to a table of another "
                           "name");
}

/* --- other settings: differences are notices --- */

/* Remembers the first failure. */
struct noting {
    struct dynamodb_notices *notices;
    const char *table;
    bool ok;
};

static void note(struct noting *n, const char *setting, const char *plan, const char *table) {
    n->ok =
        n->ok && dynamodb_notice(n->notices, "table %s, %s: the plan says %s, the table has %s", n->table, setting, plan, table);
}

static void note_texts(struct noting *n, const char *setting, const char *plan, const char *table, const char *neither) {
    if (!same_text(plan, table)) note(n, setting, plan ? plan : neither, table ? table : neither);
}

static void note_flags(struct noting *n, const char *setting, bool plan, bool table) {
    if (plan != table) note(n, setting, plan ? "on" : "off", table ? "on" : "off");
}

static void note_unknown(struct noting *n, const char *setting, bool wanted, const char *why) {
    if (!wanted) return;
    n->ok = n->ok && dynamodb_notice(n->notices, "table %s, %s: cannot be compared with the plan: %s", n->table, setting, why);
}

static struct side show_units(int64_t read, int64_t write) {
    struct side s = {.len = 0};
    add(&s, "%lld read and %lld write units", (long long)read, (long long)write);
    return s;
}

static void note_capacity(struct noting *n, const struct dynamodb_schema *plan, const struct dynamodb_schema *table) {
    static const char *const modes[] = {"PAY_PER_REQUEST", "PROVISIONED"};
    note_texts(n, "billing_mode", modes[plan->provisioned], modes[table->provisioned], "");
    if (!plan->provisioned || !table->provisioned) return;
    struct side mine = show_units(plan->read_units, plan->write_units);
    struct side theirs = show_units(table->read_units, table->write_units);
    note_texts(n, "provisioned", mine.text, theirs.text, "");
    for (int i = 0; i < plan->index_count; i++) {
        const struct dynamodb_index *x = &plan->indexes[i], *other = find_index(table, x->name);
        if (x->local || other == NULL) continue;
        char setting[LABEL_MAX];
        snprintf(setting, sizeof setting, "provisioned of index %s", x->name);
        mine = show_units(x->read_units ? x->read_units : plan->read_units, x->write_units ? x->write_units : plan->write_units);
        theirs = show_units(other->read_units, other->write_units);
        note_texts(n, setting, mine.text, theirs.text, "");
    }
}

/* Tags that others put on the table are theirs; the plan's own must be there. */
static void note_tags(struct noting *n, const struct dynamodb_schema *plan, const struct dynamodb_schema *table) {
    for (int i = 0; i < plan->tag_count; i++) {
        const char *value = NULL;
        for (int k = 0; k < table->tag_count; k++) {
            if (strcmp(table->tags[k].key, plan->tags[i].key) == 0) value = table->tags[k].value;
        }
        char setting[LABEL_MAX];
        snprintf(setting, sizeof setting, "tag %s", plan->tags[i].key);
        note_texts(n, setting, plan->tags[i].value, value, "none");
    }
}

static void note_indexes(struct noting *n, const struct dynamodb_schema *plan, const struct dynamodb_schema *table) {
    for (int i = 0; i < table->index_count; i++) {
        const struct dynamodb_index *x = &table->indexes[i];
        if (find_index(plan, x->name)) continue;
        struct side s = show_index(x);
        n->ok = n->ok && dynamodb_notice(n->notices,
                                         "table %s has an index that the plan does not: %s (%s); each item with its keys costs "
                                         "write units there too",
                                         n->table, x->name, s.text);
    }
}

static bool note_settings(const struct dynamodb_schema *plan, const struct dynamodb_description *d,
                          struct dynamodb_notices *notices) {
    const struct dynamodb_schema *table = &d->schema;
    struct noting n = {.notices = notices, .table = plan->name, .ok = true};
    note_indexes(&n, plan, table);
    note_capacity(&n, plan, table);
    note_texts(&n, "stream", plan->stream, table->stream, "off");
    note_flags(&n, "deletion_protection", plan->deletion_protection, table->deletion_protection);
    if (plan->table_class) {
        note_texts(&n, "table_class", plan->table_class, table->table_class ? table->table_class : "STANDARD", "");
    }
    if (d->time_to_live_unknown) {
        note_unknown(&n, "time_to_live", plan->time_to_live != NULL, d->time_to_live_unknown);
    } else {
        note_texts(&n, "time_to_live", plan->time_to_live, table->time_to_live, "none");
    }
    if (d->point_in_time_unknown) {
        note_unknown(&n, "point_in_time_recovery", plan->point_in_time_recovery, d->point_in_time_unknown);
    } else {
        note_flags(&n, "point_in_time_recovery", plan->point_in_time_recovery, table->point_in_time_recovery);
    }
    if (d->tags_unknown) {
        note_unknown(&n, "tags", plan->tag_count > 0, d->tags_unknown);
    } else {
        note_tags(&n, plan, table);
    }
    return n.ok;
}

bool dynamodb_table_compare(const struct dynamodb_schema *plan, const struct dynamodb_description *table,
                            struct dynamodb_notices *notices, struct error *err) {
    struct differences d = {.count = 0};
    find_differences(plan, &table->schema, &d);
    if (d.count > 0) return report(&d, plan->name, err);
    return note_settings(plan, table, notices) || error_memory(err, "comparing a table with the plan");
}
