/* Which columns rows hold, and the key of one row as text for reports. */
#include <string.h>

#include "pg/field_text.h"
#include "pg/source_parts.h"

static int add_selected(struct pg_source *s, struct pg_column shown, const char *read) {
    s->selected[s->selected_count] = shown;
    s->selected_read[s->selected_count] = read;
    return s->selected_count++;
}

/* The place of a key column among the selected ones. One that is not selected, or selected in the form of the
 * plan's expression, is read once more in its own. */
static int place_key(struct pg_source *s, const struct source_key *key) {
    for (int i = 0; i < s->selected_count; i++) {
        if (key->base >= 0 && strcmp(s->selected_read[i], key->read) == 0) return i;
    }
    return add_selected(s, key->shown, key->read);
}

bool pg_source_select(struct pg_source *s, const bool *used, struct error *err) {
    size_t room = (size_t)s->columns.count + (size_t)s->key_count;
    s->selected = arena_array(s->arena, room, sizeof *s->selected);
    s->selected_read = arena_array(s->arena, room, sizeof *s->selected_read);
    s->key_places = arena_array(s->arena, (size_t)s->key_count + 1, sizeof *s->key_places);
    if (s->selected == NULL || s->selected_read == NULL || s->key_places == NULL) return error_memory(err, "choosing columns");
    s->selected_count = 0;
    for (int i = 0; i < s->columns.count; i++) {
        if (used[i]) add_selected(s, s->columns.shown[i], s->columns.read[i]);
    }
    for (int i = 0; i < s->key_count; i++) s->key_places[i] = place_key(s, &s->key[i]);
    return true;
}

const struct pg_column *pg_source_selected(const struct pg_source *s, int *count) {
    *count = s->selected_count;
    return s->selected;
}

const int *pg_source_key(const struct pg_source *s, int *count) {
    *count = s->key_count;
    return s->key_places;
}

/* --- the key of a row --- */

struct line {
    char *out;
    size_t used, size;
};

/* Appends what fits; a character of UTF-8 is never cut in two, and nothing comes after a cut. */
static void append(struct line *l, const char *text) {
    size_t n = strlen(text), room = l->size - 1 - l->used;
    if (n > room) {
        n = room;
        while (n && ((unsigned char)text[n] & 0xC0) == 0x80) n--;
        l->size = l->used + n + 1;
    }
    memcpy(l->out + l->used, text, n);
    l->used += n;
}

static void append_value(struct line *l, enum pg_type type, struct pg_field f) {
    size_t room = l->size - l->used;
    size_t whole = pg_field_text(type, f, l->out + l->used, room);
    l->used += strlen(l->out + l->used);
    if (whole >= room) l->size = l->used + 1;
}

void pg_source_key_text(const struct pg_source *s, const struct pg_row *row, char *out, size_t size) {
    struct line l = {.out = out, .size = size};
    if (size == 0) return;
    for (int i = 0; i < s->key_count; i++) {
        int place = s->key_places[i];
        if (place >= row->count) break;
        if (i) append(&l, ",");
        append(&l, s->key[i].shown.name);
        append(&l, "=");
        struct pg_field f = row->fields[place];
        if (f.len < 0)
            append(&l, "NULL");
        else
            append_value(&l, s->key[i].shown.type, f);
    }
    l.out[l.used] = '\0';
}
