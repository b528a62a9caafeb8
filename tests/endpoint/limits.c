#include "endpoint/limits.h"

#include "base/clock.h"
#include "endpoint/refusal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_KEPT 3600 /* of the history of what was accepted */

/* A table as the model and the reader of items see it; outlives the catalog's. */
struct limits_table {
    struct limits_table *next;
    int number; /* in the model */
    struct dynamodb_schema schema;
    struct dynamodb_index *indexes;
    struct parts_reader *reader;
    char *names; /* of included attributes, and the lists of pointers to them */
    const char **included;
};

struct limits {
    struct capacity_rules rules;
    struct capacity *capacity;
    double latency[2]; /* ms: from, to */
    double seed;
    uint64_t random;
    struct limits_table *tables;
    int64_t began; /* the first write; 0: none yet */
    double accepted, refused[CAPACITY_LIMITS], seconds[SECONDS_KEPT];
    int second; /* the last one with a write */
};

/* --- the specification --- */

static bool read_number(const char *text, char **end, double *value) {
    errno = 0;
    *value = strtod(text, end);
    return errno == 0 && *end != text && *value >= 0 && *value <= 1e15;
}

static bool read_field(struct limits *l, const char *name, const char *value) {
    const struct {
        const char *name;
        double *number;
    } fields[] = {
        {"quota", &l->rules.quota},         {"partition", &l->rules.partition},
        {"warm", &l->rules.warm},           {"grow", &l->rules.grow_seconds},
        {"burst", &l->rules.burst_seconds}, {"partition-burst", &l->rules.partition_seconds},
        {"latency", &l->latency[0]},        {"seed", &l->seed},
    };
    char *end;
    double number;
    if (strcmp(name, "quota-of") == 0) {
        l->rules.quota_of = strcmp(value, "together") == 0 ? CAPACITY_QUOTA_TOGETHER : CAPACITY_QUOTA_EACH;
        return strcmp(value, "together") == 0 || strcmp(value, "each") == 0;
    }
    if (!read_number(value, &end, &number)) return false;
    if (strcmp(name, "keys") == 0) {
        l->rules.keys = number < 1e8 ? (int)number : 0;
        return *end == '\0' && l->rules.keys > 0;
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strcmp(name, fields[i].name) != 0) continue;
        *fields[i].number = number;
        if (fields[i].number != l->latency) return *end == '\0' && (number > 0 || fields[i].number == &l->seed);
        if (*end != '-' || !read_number(end + 1, &end, &l->latency[1])) return false;
        return *end == '\0' && l->latency[0] <= l->latency[1] && l->latency[1] <= 60000;
    }
    return false;
}

static bool read_spec(struct limits *l, const char *spec, struct error *err) {
    char text[512];
    if (strcmp(spec, "documented") == 0) return true;
    if (strlen(spec) >= sizeof text) return error_set(err, ERROR_USAGE, "--capacity is too long");
    memcpy(text, spec, strlen(spec) + 1);
    char *rest = text;
    for (char *part; (part = strsep(&rest, ",")) != NULL;) {
        char *value = strchr(part, '=');
        if (value) *value++ = '\0';
        if (value == NULL || !read_field(l, part, value))
            return error_set(err, ERROR_USAGE, "--capacity '%s' is wrong at '%s'", spec, part);
    }
    return true;
}

struct limits *limits_new(const char *spec, struct error *err) {
    struct limits *l = calloc(1, sizeof *l);
    if (l == NULL) {
        error_memory(err, "starting");
        return NULL;
    }
    l->latency[0] = 5;
    l->latency[1] = 15;
    bool ok = read_spec(l, spec, err);
    l->random = (uint64_t)l->seed;
    if (ok && (l->capacity = capacity_new(&l->rules)) == NULL) ok = error_memory(err, "starting");
    if (ok) return l;
    limits_free(l);
    return NULL;
}

static void table_free(struct limits_table *t) {
    parts_reader_free(t->reader);
    free(t->indexes);
    free(t->names);
    free(t->included);
    free(t);
}

void limits_free(struct limits *l) {
    if (l == NULL) return;
    while (l->tables) {
        struct limits_table *t = l->tables;
        l->tables = t->next;
        table_free(t);
    }
    capacity_free(l->capacity);
    free(l);
}

/* --- tables --- */

static struct dynamodb_key key_of(const struct catalog_table *c, int attribute) {
    char type = c->attributes[attribute].type;
    return (struct dynamodb_key){c->attributes[attribute].name, type == 'S' ? DYNAMODB_S : type == 'N' ? DYNAMODB_N : DYNAMODB_B};
}

/* The attributes of an INCLUDE; their names are copied to *name, pointers to them to *list. */
static void include(struct dynamodb_index *index, struct slice projection, char **name, const char ***list) {
    struct slice names, element;
    struct doc_each each;
    index->include = *list;
    if (!doc_get(projection, "NonKeyAttributes", &names)) return;
    doc_each(&each, names);
    while (doc_next(&each, &element)) {
        if (!doc_text(element, *name, DOC_NAME)) continue;
        *(*list)++ = *name;
        *name += strlen(*name) + 1;
        index->include_count++;
    }
}

static void copy_index(const struct catalog_table *c, const struct catalog_index *from, struct dynamodb_index *to, char **name,
                       const char ***list) {
    struct slice projection;
    char type[16] = "ALL";
    *to = (struct dynamodb_index){.name = from->name, .local = from->local};
    for (int k = 0; k < from->key.partitions; k++) to->partition[to->partition_count++] = key_of(c, from->key.partition[k]);
    for (int k = 0; k < from->key.sorts; k++) to->sort[to->sort_count++] = key_of(c, from->key.sort[k]);
    if (!doc_get(from->definition, "Projection", &projection)) return;
    doc_get_text(projection, "ProjectionType", type, sizeof type);
    if (strcmp(type, "KEYS_ONLY") == 0) to->projection = DYNAMODB_PROJECT_KEYS_ONLY;
    if (strcmp(type, "INCLUDE") != 0) return;
    to->projection = DYNAMODB_PROJECT_INCLUDE;
    include(to, projection, name, list);
}

/* What CreateTable gives to a table or an index. */
static struct capacity_given given_of(struct slice owner, bool provisioned) {
    struct slice value;
    int64_t units = 0;
    struct capacity_given given = {0};
    if (provisioned && doc_get(owner, "ProvisionedThroughput", &value) && doc_get_integer(value, "WriteCapacityUnits", &units))
        given.provisioned = (double)units;
    if (doc_get(owner, "WarmThroughput", &value) && doc_get_integer(value, "WriteUnitsPerSecond", &units))
        given.warm = (double)units;
    if (doc_get(owner, "OnDemandThroughput", &value) && doc_get_integer(value, "MaxWriteRequestUnits", &units))
        given.maximum = (double)units;
    return given;
}

/* All names of a definition fit into as many bytes as it has, and there are no more than half as many. */
static bool copy_schema(struct limits_table *t, const struct catalog_table *c) {
    t->indexes = calloc((size_t)c->index_count + 1, sizeof *t->indexes);
    t->names = malloc(c->definition_len + DOC_NAME);
    t->included = malloc((c->definition_len / 2 + 1) * sizeof *t->included);
    if (t->indexes == NULL || t->names == NULL || t->included == NULL) return false;
    char *name = t->names;
    const char **list = t->included;
    t->schema = (struct dynamodb_schema){
        .name = c->name, .partition = key_of(c, c->key.partition[0]), .indexes = t->indexes, .index_count = c->index_count};
    if (c->key.sorts) t->schema.sort = key_of(c, c->key.sort[0]);
    for (int i = 0; i < c->index_count; i++) copy_index(c, &c->indexes[i], &t->indexes[i], &name, &list);
    t->reader = parts_reader_new(&t->schema);
    return t->reader != NULL;
}

static struct limits_table *find_table(struct limits *l, struct catalog_table *c) {
    struct slice definition = {c->definition, c->definition_len};
    struct capacity_given given[1 + CATALOG_INDEXES_MAX];
    char mode[32] = "PROVISIONED";
    if (c->limits) return c->limits;
    struct limits_table *t = calloc(1, sizeof *t);
    if (t == NULL) return NULL;
    doc_get_text(definition, "BillingMode", mode, sizeof mode);
    bool provisioned = strcmp(mode, "PROVISIONED") == 0;
    given[0] = given_of(definition, provisioned);
    for (int i = 0; i < c->index_count; i++) given[1 + i] = given_of(c->indexes[i].definition, provisioned);
    t->number = capacity_add_table(l->capacity, given, 1 + c->index_count, clock_now());
    if (t->number < 0 || !copy_schema(t, c)) {
        table_free(t);
        return NULL;
    }
    t->next = l->tables;
    l->tables = t;
    return c->limits = t;
}

/* --- writes --- */

static void note(struct limits *l, int64_t now, uint32_t units, enum capacity_limit limit) {
    if (l->began == 0) l->began = now;
    int64_t second = (now - l->began) / CLOCK_SECOND;
    l->second = second < SECONDS_KEPT ? (int)second : SECONDS_KEPT - 1;
    if (limit == CAPACITY_ACCEPTED) {
        l->accepted += units;
        l->seconds[l->second] += units;
    } else {
        l->refused[limit] += units;
    }
}

static bool same_slice(struct slice a, struct slice b) {
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* As they are spelled: the tests spell a key as they did before. */
static bool same_keys(const struct dynamodb_key *keys, int count, struct slice a, struct slice b) {
    for (int i = 0; i < count; i++) {
        struct slice x, y;
        if (doc_get(a, keys[i].name, &x) && doc_get(b, keys[i].name, &y) && !same_slice(x, y)) return false;
    }
    return true;
}

static struct part *part_of(struct parts *p, int resource) {
    for (int i = 0; i < p->count; i++) {
        if (p->at[i].resource == resource) return &p->at[i];
    }
    return NULL;
}

/* What a write of `item` over `there` costs an index: none, one, or two writes more among `parts`. */
static void charge_index(const struct dynamodb_index *index, const struct part *old, struct slice item, struct slice there,
                         struct parts *parts) {
    struct part *new = part_of(parts, old->resource);
    bool stays = new &&same_keys(index->partition, index->partition_count, item, there) &&
                 same_keys(index->sort, index->sort_count, item, there);
    if (!stays) {
        if (parts->count < PARTS_MAX) parts->at[parts->count++] = *old;
    } else if (index->projection == DYNAMODB_PROJECT_KEYS_ONLY || same_slice(item, there)) {
        *new = parts->at[--parts->count];
    } else if (old->units > new->units) {
        new->units = old->units;
    }
}

static void charge(const struct dynamodb_schema *s, const struct parts *old, struct slice item, struct slice there,
                   struct parts *parts) {
    for (int i = 0; i < old->count; i++) {
        const struct part *p = &old->at[i];
        if (p->resource != PARTS_TABLE)
            charge_index(&s->indexes[p->resource - 1], p, item, there, parts);
        else if (p->units > parts->at[0].units)
            parts->at[0].units = p->units;
    }
}

bool limits_write(struct limits *l, struct catalog_table *c, struct slice item, struct slice there, struct parts *parts,
                  struct capacity_refusal *why, struct error *err) {
    struct limits_table *t = find_table(l, c);
    struct parts old;
    if (t == NULL) return error_memory(err, "limiting a table");
    if (!parts_read(t->reader, item.data, item.len, parts))
        return refuse_value(err, "One or more parameter values were invalid: an item that cannot be read, or without its key");
    if (there.data && parts_read(t->reader, there.data, there.len, &old)) charge(&t->schema, &old, item, there, parts);
    int64_t now = clock_now();
    capacity_write(l->capacity, now, t->number, parts, why);
    note(l, now, parts_units(parts), why->limit);
    return true;
}

int64_t limits_latency(struct limits *l) {
    uint64_t z = l->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    double share = (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
    return (int64_t)(l->latency[0] + (l->latency[1] - l->latency[0]) * share + 0.5);
}

bool limits_print(const struct limits *l, struct buffer *out) {
    static const char *const names[CAPACITY_LIMITS] = {
        [CAPACITY_PARTITION] = "partition", [CAPACITY_WARM] = "warm",       [CAPACITY_PROVISIONED] = "provisioned",
        [CAPACITY_ACCOUNT] = "account",     [CAPACITY_MAXIMUM] = "maximum",
    };
    bool ok = buffer_printf(out, ",\"capacity\":{\"accepted\":%.0f,\"refused\":{", l->accepted), any = false;
    for (int i = CAPACITY_PARTITION; ok && i < CAPACITY_LIMITS; i++) {
        if (l->refused[i] == 0) continue;
        ok = buffer_printf(out, "%s\"%s\":%.0f", any ? "," : "", names[i], l->refused[i]);
        any = true;
    }
    ok = ok && buffer_append_text(out, "},\"seconds\":[");
    for (int i = 0; ok && l->began && i <= l->second; i++) ok = buffer_printf(out, "%s%.0f", i ? "," : "", l->seconds[i]);
    return ok && buffer_append_text(out, "]}");
}
