/* The keys of rows whose items are under way: of each column of the key a length and the bytes, as they came, row after row. */
#include <string.h>

#include "engine/worker_parts.h"

bool keys_keep(struct fetched *f, const struct pg_row *row) {
    int count;
    const int *places = pg_source_key(f->chunk->work.table->source, &count);
    for (int i = 0; i < count; i++) {
        const struct pg_field *field = &row->fields[places[i]];
        size_t n = field->len > 0 ? (size_t)field->len : 0;
        if (!buffer_append(&f->keys, &field->len, sizeof field->len) || !buffer_append(&f->keys, field->data, n)) return false;
    }
    return true;
}

/* Rare: all rows before are passed. */
void keys_find(const struct fetched *f, int row, struct pg_field *fields) {
    int count;
    const int *places = pg_source_key(f->chunk->work.table->source, &count);
    const char *at = f->keys.data;
    for (int passed = 0; passed <= row; passed++) {
        for (int i = 0; i < count; i++) {
            struct pg_field *field = &fields[places[i]];
            memcpy(&field->len, at, sizeof field->len);
            field->data = at += sizeof field->len;
            if (field->len > 0) at += field->len;
        }
    }
}
