/* JSON as any bytes: the reader, and JSON columns as DynamoDB values. What is taken is an item whose size agrees. */
#include "base/json.h"
#include "dynamodb/value.h"
#include "mapping/json_value.h"
#include "require.h"

static void try_string(const struct json *j) {
    char *plain = malloc(j->len + 1);
    require(plain != NULL);
    size_t n = json_unescape(plain, j->text, j->len);
    require(n == (size_t)-1 || n <= j->len);
    if (n != (size_t)-1) require(utf8_valid(plain, n));
    char small[16];
    if (json_copy(j, small, sizeof small) && strlen(small) == n) require(json_is(j, small));
    free(plain);
}

/* Returns whether it is one whole JSON value. */
static bool try_reader(const char *text, size_t n) {
    struct json j;
    json_init(&j, text, n);
    for (size_t steps = 0;; steps++) {
        enum json_token token = json_next(&j);
        if (token == JSON_END || token == JSON_ERROR) {
            require((token == JSON_ERROR) == (j.problem != NULL) && json_next(&j) == token);
            return token == JSON_END;
        }
        require(steps <= n && j.at <= text + n);
        if (token == JSON_KEY || token == JSON_STRING) try_string(&j);
        if (token == JSON_NUMBER) require(j.len > 0 && j.text + j.len <= text + n);
    }
}

static void try_value(const char *text, size_t n, bool whole) {
    struct buffer out, keys;
    size_t size = 0, item = 0;
    struct json_value_fault fault = {0};
    buffer_init(&out, 1 << 22);
    buffer_init(&keys, JSON_VALUE_KEYS_BYTES);
    require(buffer_append_text(&out, "{\"a\":"));
    enum json_value_result result = json_value_write(text, n, &out, &keys, &size, &fault);
    if (result == JSON_VALUE_OK) {
        require(whole && buffer_append_text(&out, "}"));
        require(dynamodb_item_size(out.data, out.len, &item, NULL) && item == size + 1);
    } else {
        require(out.len == 5 && (result == JSON_VALUE_MEMORY || (fault.why && *fault.why && fault.at <= n)));
    }
    buffer_free(&out);
    buffer_free(&keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = exact_copy(data, size);
    try_value(text, size, try_reader(text, size));
    free(text);
    return 0;
}
