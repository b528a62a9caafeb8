/* DynamoDB's answers as any bytes: failures, table descriptions, items and their forms. Nothing may crash, and what is taken
 * must make sense. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "dynamodb/failure.h"
#include "dynamodb/item_form.h"
#include "dynamodb/put.h"
#include "dynamodb/tables.h"
#include "dynamodb/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds) abort();
}

static void try_failure(const char *body, size_t n) {
    struct dynamodb_failure f;
    dynamodb_failure_parse(400, body, n, &f);
    require(f.message[0] != '\0' && strchr(f.message, '\n') == NULL);
    int64_t offset;
    char date[64];
    size_t length = n < sizeof date - 1 ? n : sizeof date - 1;
    memcpy(date, body, length);
    date[length] = '\0';
    dynamodb_clock_offset(date, 0, &offset);
}

static void try_description(const char *body, size_t n) {
    struct arena *arena = arena_new();
    if (arena == NULL) return;
    struct dynamodb_description d;
    struct error err = {0};
    if (dynamodb_description_parse(body, n, &d, arena, &err)) {
        require(d.exists && d.status && d.schema.name && d.schema.partition.name);
        struct dynamodb_notices notices = {.arena = arena};
        require(dynamodb_table_compare(&d.schema, &d, &notices, &err)); /* what stands is as it is */
    } else {
        require(err.kind != ERROR_NONE && !d.exists);
    }
    arena_free(arena);
}

/* The item that a condition's failure shows: its form is its own, and of any item that can be measured there is one. */
static void try_items(const char *text, size_t n) {
    struct item_form form, again;
    const char *item = NULL;
    size_t len, size;
    struct error err = {0};
    item_form_init(&form);
    item_form_init(&again);
    if (put_found(text, n, &item, &len) && len) {
        require(item > text && item + len < text + n && item[0] == '{' && item[len - 1] == '}');
        if (item_form_make(&form, item, len, &err))
            require(item_form_make(&again, item, len, &err) && item_form_same(&form, &again));
    }
    if (item_form_make(&form, text, n, &err)) {
        require(form.bytes.len >= 5 && form.bytes.data[0] == 'M' && item_form_make(&again, text, n, &err));
        require(item_form_same(&form, &again));
    } else {
        /* what can be measured has a form, but for half a surrogate and bytes that are no base64 */
        bool excused = memchr(text, '\\', n) || memchr(text, 'B', n);
        require(err.kind == ERROR_TARGET && (excused || !dynamodb_item_size(text, n, &size, NULL)));
    }
    item_form_free(&form);
    item_form_free(&again);
}

static void try_values(const char *text, size_t n) {
    size_t size;
    if (dynamodb_item_size(text, n, &size, NULL)) require(size <= n);
    if (dynamodb_number_check(text, n) == DYNAMODB_NUMBER_OK) require(dynamodb_number_size(text, n) <= 21);
    unsigned char *bytes = malloc(DYNAMODB_BASE64_DECODE_ROOM(n) + 1);
    if (bytes == NULL) return;
    size_t decoded = dynamodb_base64_decode(bytes, text, n);
    if (decoded != (size_t)-1) require(decoded <= DYNAMODB_BASE64_DECODE_ROOM(n));
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *exact = malloc(size ? size : 1); /* a read past the end is seen */
    if (exact == NULL) return 0;
    if (size) memcpy(exact, data, size);
    try_failure(exact, size);
    try_description(exact, size);
    try_values(exact, size);
    try_items(exact, size);
    free(exact);
    return 0;
}
