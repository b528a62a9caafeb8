#include "base/nearest.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_LETTERS 160 /* PostgreSQL's names have up to 63 bytes; a schema, a dot and quotes come with them */
#define LISTED_MAX 24

/* The letters that count, in lower case. Returns how many. */
static int letters(const char *name, char out[NAME_MAX_LETTERS]) {
    int n = 0;
    for (; *name && n < NAME_MAX_LETTERS; name++) {
        if (*name == '"') continue;
        out[n++] = *name >= 'A' && *name <= 'Z' ? (char)(*name + 32) : *name;
    }
    return n;
}

static int smaller(int a, int b) {
    return a < b ? a : b;
}

/* Levenshtein's distance: insertions, deletions and changes of one letter. */
static int distance(const char *a, int na, const char *b, int nb) {
    int row[NAME_MAX_LETTERS + 1];
    for (int j = 0; j <= nb; j++) row[j] = j;
    for (int i = 1; i <= na; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= nb; j++) {
            int above = row[j];
            int changed = diagonal + (a[i - 1] != b[j - 1]);
            row[j] = smaller(changed, smaller(above, row[j - 1]) + 1);
            diagonal = above;
        }
    }
    return row[nb];
}

/* The letters that two names share at their beginning and their end. */
static int shared(const char *a, int na, const char *b, int nb) {
    int most = smaller(na, nb), first = 0, last = 0;
    while (first < most && a[first] == b[first]) first++;
    while (last < most - first && a[na - 1 - last] == b[nb - 1 - last]) last++;
    return first + last;
}

int nearest_find(const char *wanted, const char *const *names, int count) {
    char a[NAME_MAX_LETTERS], b[NAME_MAX_LETTERS];
    int na = letters(wanted, a), best = -1, best_shared = 0;
    int limit = na / 3 > 2 ? na / 3 : smaller(2, na / 2); /* beyond it a suggestion would only confuse */
    for (int i = 0; i < count; i++) {
        int nb = letters(names[i], b);
        if (nb - na > limit || na - nb > limit) continue;
        int d = distance(a, na, b, nb);
        int alike = shared(a, na, b, nb);
        if (d > limit || (best >= 0 && d == limit && alike <= best_shared)) continue;
        best = i;
        best_shared = alike;
        limit = d;
        if (d == 0) break;
    }
    return best;
}

void nearest_hint(const char *wanted, const char *const *names, int count, const char *what, char *out, size_t size) {
    if (size == 0) return;
    out[0] = '\0';
    int near = nearest_find(wanted, names, count);
    size_t used = 0;
    if (near >= 0) {
        /* A name that brings its own quotes is shown as it is. */
        const char *quote = strchr(names[near], '"') ? "" : "\"";
        int n = snprintf(out, size, "did you mean %s%s%s? ", quote, names[near], quote);
        used = n > 0 ? (size_t)n : 0;
    }
    if (used >= size) return;
    int n = snprintf(out + used, size - used, "(%s: ", what);
    if (n < 0) return;
    used += (size_t)n;
    for (int i = 0; i < count; i++) {
        size_t need = strlen(names[i]) + sizeof ", ...)";
        if (i == LISTED_MAX || used + need >= size) {
            if (used < size) snprintf(out + used, size - used, "...)");
            return;
        }
        used += (size_t)snprintf(out + used, size - used, "%s%s", names[i], i + 1 < count ? ", " : "");
    }
    if (used < size) snprintf(out + used, size - used, "%s", count ? ")" : "none)");
}
