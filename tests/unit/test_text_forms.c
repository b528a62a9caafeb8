/* The vectorised forms of json_escape, each by itself: a processor that has the widest would otherwise never run the others. They are
 * compiled a second time into this program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

size_t other_escape(char *dst, const char *src, size_t n);
bool other_valid(const char *data, size_t n);
#define json_escape other_escape
#define utf8_valid other_valid
#include "../../src/base/text.c"
#undef json_escape
#undef utf8_valid

typedef size_t escape_form(char *dst, const char *src, size_t n);

static size_t by_bytes(char *dst, const char *src, size_t n) {
    char *d = dst;
    for (size_t i = 0; i < n; i++) d = escape_byte(d, (unsigned char)src[i]);
    return (size_t)(d - dst);
}

/* Source and room are exactly as large as they must be, so that a sanitizer sees a byte too many. */
static void check(escape_form *form, const char *text, size_t n) {
    size_t room = n ? JSON_ESCAPED_MAX(n) : 1;
    char *src = malloc(n ? n : 1), *want = malloc(room), *got = malloc(room);
    assert_true(src && want && got);
    memcpy(src, text, n);
    size_t len = by_bytes(want, src, n);
    assert_int_equal(form(got, src, n), len);
    assert_memory_equal(got, want, len);
    free(src);
    free(want);
    free(got);
}

static void check_form(escape_form *form) {
    static const char alphabet[] = "abcdefgh\"\\\n\x01\xc3\xa9";
    char text[300];
    uint64_t seed = 11;
    for (int round = 0; round < 30000; round++) {
        size_t n = (size_t)round % sizeof text, odd = 1 + (size_t)round % 14;
        for (size_t k = 0; k < n; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            text[k] = alphabet[(seed >> 40) % (sizeof alphabet - odd)]; /* some rounds have nothing to escape */
        }
        check(form, text, n);
    }
    memset(text, 1, sizeof text); /* each becomes six bytes: the room is used up */
    for (size_t n = 0; n <= 130; n++) check(form, text, n);
}

static void words(void **state) {
    (void)state;
    char text[70];
    for (size_t n = 0; n < 70; n++) {
        memset(text, 'a', sizeof text);
        for (size_t at = 0; at < n; at++) {
            char d[JSON_ESCAPED_MAX(70)], want[JSON_ESCAPED_MAX(70)];
            text[at] = '"';
            size_t len = by_bytes(want, text, n);
            assert_int_equal(escape_words(d, text, text + n) - d, len);
            assert_memory_equal(d, want, len);
            text[at] = 'a';
        }
    }
}

static void vectors(void **state) {
    (void)state;
#if defined(__SSE2__)
    check_form(escape_sse2);
    if (__builtin_cpu_supports("avx2")) check_form(escape_avx2);
    if (__builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512vl")) check_form(escape_vbmi2);
#endif
    check_form(other_escape);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(vectors),
    };
    return cmocka_run_group_tests_name("text forms", tests, NULL, NULL);
}
