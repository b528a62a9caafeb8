/* PostgreSQL's binary values as any bytes: the first byte is the type, the rest the field, through every decoder. */
#include "dynamodb/value.h"
#include "pg/types.h"
#include "require.h"

static void try_number(enum pg_type type, struct pg_field f) {
    char *out = malloc(PG_NUMBER_MAX);
    size_t len = 0;
    require(out != NULL);
    enum pg_number result = pg_number_text(type, f, out, &len);
    if (result == PG_NUMBER_OK) {
        require(len > 0 && len <= PG_NUMBER_MAX);
        require(dynamodb_number_check(out, len) != DYNAMODB_NUMBER_SYNTAX);
    }
    free(out);
    int64_t integer;
    double real;
    if (pg_integer(type, f, &integer)) require(result == PG_NUMBER_OK);
    if (pg_float(type, f, &real)) require(result != PG_NUMBER_BAD);
}

static void try_time(enum pg_type type, struct pg_field f) {
    struct pg_time t;
    char text[32];
    int64_t epoch;
    enum pg_moment moment = pg_moment(type, f, &t);
    if (moment == PG_MOMENT_OK) {
        require(t.hour >= 0 && t.hour <= 24 && t.minute >= 0 && t.minute < 60 && t.second >= 0 && t.second < 60);
        require(t.microsecond >= 0 && t.microsecond < 1000000);
        if (type != PG_TIME) require(t.year >= 1 && t.year <= 9999 && t.month >= 1 && t.month <= 12 && t.day >= 1 && t.day <= 31);
        require(pg_time_iso(type, &t, text) <= sizeof text);
    }
    if (type != PG_TIME) require((pg_epoch(type, f, &epoch) == PG_MOMENT_OK) == (moment == PG_MOMENT_OK));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    enum pg_type type = (enum pg_type)(data[0] % (PG_SERVER_JSON + 1));
    char *bytes = exact_copy(data + 1, size - 1);
    struct pg_field f = {.data = bytes, .len = (int32_t)(size - 1)}, text;
    bool truth;
    char uuid[PG_UUID_TEXT];
    try_number(type, f);
    try_time(type, f);
    pg_bool(f, &truth);
    require(pg_uuid_text(f, uuid) == (f.len == 16));
    if (pg_json(type, f, &text)) require(text.len > 0 && text.data + text.len == f.data + f.len);
    free(bytes);
    return 0;
}
