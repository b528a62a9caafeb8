/* The small leaves of base: buffer, arena, error, hashes, clock, nearest names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/embedded.h"
#include "base/error.h"
#include "base/hash_lanes.h"
#include "base/nearest.h"

/* --- buffer --- */

static void buffer_grows(void **state) {
    (void)state;
    struct buffer b;
    buffer_init(&b, 10000);
    for (int i = 0; i < 1000; i++) assert_true(buffer_printf(&b, "%d,", i % 10));
    assert_int_equal(b.len, 2000);
    assert_true(buffer_append_text(&b, "end") && buffer_append(&b, "", 0) && buffer_append(&b, NULL, 0));
    assert_true(buffer_terminate(&b));
    assert_int_equal(b.len, 2003);
    assert_string_equal(b.data + 1996, "8,9,end");
    buffer_free(&b);
    assert_true(b.data == NULL && b.len == 0 && b.cap == 0 && b.max == 10000);
    assert_true(buffer_append_text(&b, "again"));
    buffer_free(&b);
}

static void buffer_has_a_maximum(void **state) {
    (void)state;
    struct buffer b;
    buffer_init(&b, 300);
    assert_true(buffer_reserve(&b, 300));
    assert_int_equal(b.cap, 300);
    assert_false(buffer_reserve(&b, 301));
    char bytes[300];
    memset(bytes, 'x', sizeof bytes);
    assert_true(buffer_append(&b, bytes, 299));
    assert_false(buffer_append(&b, "yz", 2));
    assert_false(buffer_printf(&b, "%s", "y")); /* its terminator needs room as well */
    assert_false(buffer_reserve(&b, SIZE_MAX));
    assert_int_equal(b.len, 299);
    assert_true(buffer_append(&b, "y", 1));
    assert_false(buffer_terminate(&b));
    assert_false(buffer_append(&b, "z", 1));
    assert_int_equal(b.data[299], 'y');
    buffer_free(&b);
    buffer_init(&b, 0);
    assert_true(buffer_reserve(&b, 0));
    assert_false(buffer_append(&b, "x", 1));
    buffer_free(&b);
}

/* --- arena --- */

static void arena_gives_zeroed_memory(void **state) {
    (void)state;
    struct arena *a = arena_new();
    char *seen[64];
    for (size_t i = 0; i < 64; i++) {
        size_t n = i * 311 % 20001;
        seen[i] = arena_alloc(a, n + 1);
        assert_non_null(seen[i]);
        assert_int_equal((uintptr_t)seen[i] % _Alignof(max_align_t), 0);
        for (size_t k = 0; k <= n; k++) assert_int_equal(seen[i][k], 0);
        memset(seen[i], (int)i + 1, n + 1);
    }
    for (size_t i = 0; i < 64; i++) { /* nothing lies on anything else */
        size_t n = i * 311 % 20001;
        assert_int_equal(seen[i][0], i + 1);
        assert_int_equal(seen[i][n], i + 1);
    }
    assert_null(arena_array(a, SIZE_MAX / 2, 3));
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_null(arena_alloc(a, SIZE_MAX / 2 + 1));
    assert_non_null(arena_array(a, 0, 8));
    arena_free(a);
    arena_free(NULL);
}

static void arena_copies(void **state) {
    (void)state;
    struct arena *a = arena_new();
    assert_memory_equal(arena_copy(a, "a\0b", 3), "a\0b\0", 4);
    assert_string_equal(arena_copy(a, NULL, 0), "");
    assert_string_equal(arena_text(a, "text"), "text");
    char *long_text = arena_printf(a, "%s-%09000d", "x", 7);
    assert_int_equal(strlen(long_text), 9002);
    assert_int_equal(long_text[9001], '7');
    arena_free(a);
}

/* --- error --- */

static void errors_are_values(void **state) {
    (void)state;
    struct error e = {.retryable = true};
    assert_false(error_set(&e, ERROR_SOURCE, "table \"%s\" is away", "logs"));
    assert_false(error_hint(&e, "look at %d", 7) || error_code(&e, "42P01"));
    assert_false(error_context(&e, "reading %s", "chunk 3"));
    assert_string_equal(e.text, "reading chunk 3: table \"logs\" is away");
    assert_string_equal(e.hint, "look at 7");
    assert_string_equal(e.code, "42P01");
    assert_false(e.retryable);
    assert_false(error_set(&e, ERROR_LOCAL, "again: %s", e.text)); /* its own text as an argument */
    assert_string_equal(e.text, "again: reading chunk 3: table \"logs\" is away");
    assert_true(e.hint[0] == '\0' && e.code[0] == '\0');
    assert_false(error_set(NULL, ERROR_LOCAL, "x") || error_hint(NULL, "x") || error_code(NULL, "x") || error_context(NULL, "x"));
    error_code(&e, NULL);
    assert_string_equal(e.code, "");
    error_memory(&e, "testing");
    assert_int_equal(e.kind, ERROR_LOCAL);
    char long_text[5000];
    memset(long_text, 'y', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    error_set(&e, ERROR_PLAN, "%s", long_text);
    error_context(&e, "%s", long_text);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    static const int codes[][2] = {{ERROR_NONE, 0},   {ERROR_PLAN, 1},    {ERROR_USAGE, 2}, {ERROR_SOURCE, 3},
                                   {ERROR_TARGET, 4}, {ERROR_REJECTS, 5}, {ERROR_LOCAL, 8}, {ERROR_INTERRUPTED, 130}};
    for (size_t i = 0; i < 8; i++) assert_int_equal(error_exit_code((enum error_kind)codes[i][0]), codes[i][1]);
}

/* --- hashes --- */

struct texts {
    char text[HASH_MANY][1000];
    const void *data[HASH_MANY];
    size_t n[HASH_MANY];
};

static void same_as_alone(struct hash_sha256 *h, const struct texts *t, int count, unsigned char many[][HASH_SHA256_BYTES]) {
    unsigned char one[HASH_SHA256_BYTES];
    for (int k = 0; k < count; k++) {
        assert_true(hash_sha256(h, t->data[k], t->n[k], one));
        assert_memory_equal(many[k], one, sizeof one);
    }
}

/* One to as many as there can be, of lengths around every boundary of a block and of its padding, that end together and apart: beside each
 * other they have to be what they are alone, by each way that this processor has and for any number that go in step. */
static void hash_many(void **state) {
    (void)state;
    struct hash_sha256 *h = hash_sha256_new();
    struct texts t;
    unsigned char many[HASH_MANY][HASH_SHA256_BYTES];
    const int none = HASH_MANY + 1;
    const struct hash_ways ways[] = {{true, none}, {true, 1},         {true, 2},  {true, 5},
                                     {true, 10},   {true, HASH_MANY}, {false, 1}, {false, 3}};
    for (int k = 0; k < HASH_MANY; k++) {
        for (size_t i = 0; i < sizeof t.text[k]; i++) t.text[k][i] = (char)(i * (size_t)(31 + 2 * k));
    }
    for (size_t a = 0; a < 140; a++) {
        for (size_t b = 0; b < 1000; b += b < 140 ? 1 : 61) {
            int count = 1 + (int)((a * 3 + b) % HASH_MANY);
            for (size_t k = 0; k < HASH_MANY; k++) {
                t.n[k] = k == 0 ? a : k == 1 ? b : (a * k + b * (k / 2)) % (k % 3 ? 300 : 1000);
                t.data[k] = t.text[k] + sizeof t.text[k] - t.n[k];
            }
            assert_true(hash_sha256_many(h, count, t.data, t.n, many));
            same_as_alone(h, &t, count, many);
            const struct hash_ways *w = &ways[(a + b) % (sizeof ways / sizeof *ways)];
            if ((w->ni && !hash_ni_supported()) || (w->wide_from < none && !hash_wide_supported())) continue;
            if (!w->ni && count < w->wide_from) continue;
            hash_lanes(*w, count, t.data, t.n, many);
            same_as_alone(h, &t, count, many);
        }
    }
    hash_sha256_free(h);
}

/* What is measured fits what the processor has, and is asked once. */
static void hash_quickest(void **state) {
    (void)state;
    struct hash_ways w = hash_lanes_ways(), again = hash_lanes_ways();
    struct hash_sha256 *h = hash_sha256_new();
    assert_int_equal(w.ni, hash_ni_supported());
    if (!hash_wide_supported()) assert_int_equal(w.wide_from, HASH_MANY + 1);
    assert_in_range(w.wide_from, 1, HASH_MANY + 1);
    assert_int_equal(w.wide_from, again.wide_from);
    assert_int_equal(hash_sha256_together(h), w.wide_from <= HASH_MANY ? 16 : 4);
    hash_sha256_free(h);
}

static void hash_vectors(void **state) {
    (void)state;
    assert_int_equal(hash_crc32("123456789", 9), 0xcbf43926); /* the check value of CRC-32 */
    assert_int_equal(hash_crc32("", 0), 0);
    assert_int_equal(hash_crc32("{}", 2), 2745614147u); /* what DynamoDB sends with an empty answer */
    struct hash_sha256 *h = hash_sha256_new();
    unsigned char digest[HASH_SHA256_BYTES];
    char hex[HASH_SHA256_HEX];
    static const struct {
        const char *text, *digest; /* FIPS 180-4's examples */
    } table[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t round = 0; round < 6; round++) { /* the context is used again */
        size_t i = round % 3;
        assert_true(hash_sha256(h, table[i].text, strlen(table[i].text), digest));
        hash_hex(digest, sizeof digest, hex);
        assert_string_equal(hex, table[i].digest);
    }
    hash_sha256_free(h);
    hash_sha256_free(NULL);
    hash_hex((const unsigned char *)"\x00\xff\x1a", 3, hex);
    assert_string_equal(hex, "00ff1a");
    assert_true(hash_64("a", 1, 0) == hash_64("a", 1, 0) && hash_64("a", 1, 0) != hash_64("a", 1, 1));
    assert_true(hash_64("a", 1, 0) != hash_64("b", 1, 0));
}

/* --- clock --- */

static void clock_tells_time(void **state) {
    (void)state;
    int64_t before = clock_now();
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_now();
        assert_true(now >= before);
        before = now;
    }
    assert_true(clock_unix() > INT64_C(1600000000));
    static const struct {
        int64_t seconds;
        const char *text;
    } table[] = {{0, "1970-01-01T00:00:00Z"},
                 {951782400, "2000-02-29T00:00:00Z"},
                 {-1, "1969-12-31T23:59:59Z"},
                 {253402300799, "9999-12-31T23:59:59Z"}};
    char out[21];
    for (size_t i = 0; i < 4; i++) {
        clock_iso(table[i].seconds, out, sizeof out);
        assert_string_equal(out, table[i].text);
    }
    clock_iso(0, out, 5); /* too small: nothing rather than a part */
    assert_string_equal(out, "");
}

static void jitter_is_even(void **state) {
    (void)state;
    double sum = 0, last = -1;
    for (int i = 0; i < 10000; i++) {
        double x = clock_jitter();
        assert_true(x >= 0 && x < 1 && x != last);
        sum += last = x;
    }
    assert_true(sum > 4700 && sum < 5300); /* ten standard deviations */
}

/* --- nearest --- */

static void nearest_names(void **state) {
    (void)state;
    static const char *const names[] = {"LogId", "LogTimestamp", "ServiceName", "UserId", "dbo.\"Logs\""};
    static const struct {
        const char *wanted;
        int found;
    } table[] = {{"logid", 0},       {"LogID", 0}, {"Log_Id", 0},   {"LogTimestmp", 1},
                 {"Servicename", 2}, {"Usrid", 3}, {"dbo.Logs", 4}, {"\"UserId\"", 3},
                 {"Amount", -1},     {"x", -1},    {"", -1}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int found = nearest_find(table[i].wanted, names, 5);
        if (found != table[i].found) fail_msg("%s: %d", table[i].wanted, found);
    }
    static const char *const ties[] = {"column", "columns", "clumns"};
    assert_int_equal(nearest_find("colums", ties, 3), 1);
    assert_int_equal(nearest_find("columm", ties, 3), 0);
    assert_int_equal(nearest_find("clums", ties, 3), 2);
    assert_int_equal(nearest_find("LogId", NULL, 0), -1);
    char out[200];
    nearest_hint("logid", names, 2, "columns", out, sizeof out);
    assert_string_equal(out, "did you mean \"LogId\"? (columns: LogId, LogTimestamp)");
    nearest_hint("Amount", names, 2, "columns", out, sizeof out);
    assert_string_equal(out, "(columns: LogId, LogTimestamp)");
    nearest_hint("dbo.Log", names, 5, "relations", out, sizeof out);
    assert_non_null(strstr(out, "did you mean dbo.\"Logs\"? "));
    nearest_hint("x", NULL, 0, "columns", out, sizeof out);
    assert_string_equal(out, "(columns: none)");
    for (size_t size = 0; size <= sizeof out; size++) { /* cut where it must be, never beyond */
        char *exact = malloc(size ? size : 1);
        assert_non_null(exact);
        nearest_hint("logid", names, 5, "columns", exact, size);
        if (size) assert_true(strlen(exact) < size);
        free(exact);
    }
}

/* --- embedded files --- */

static void embedded_files_are_there(void **state) {
    (void)state;
    const struct embedded_file *file = embedded_find("hlua/init.lua");
    assert_non_null(file);
    assert_true(file->len > 0 && strlen(file->data) == file->len);
    assert_non_null(embedded_find("src/engine/ledger.sql"));
    assert_null(embedded_find("hlua/none.lua"));
    assert_null(embedded_find(""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_grows),   cmocka_unit_test(buffer_has_a_maximum), cmocka_unit_test(arena_gives_zeroed_memory),
        cmocka_unit_test(arena_copies),   cmocka_unit_test(errors_are_values),    cmocka_unit_test(hash_vectors),
        cmocka_unit_test(hash_many),      cmocka_unit_test(hash_quickest),        cmocka_unit_test(clock_tells_time),
        cmocka_unit_test(jitter_is_even), cmocka_unit_test(nearest_names),        cmocka_unit_test(embedded_files_are_there),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
