/* Escaping and checking of text (base/text.c), in both its forms: the vectorised one, and the portable one, which is compiled a
 * second time into this program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

size_t portable_escape(char *dst, const char *src, size_t n);
bool portable_valid(const char *data, size_t n);
#define json_escape portable_escape
#define utf8_valid portable_valid
#undef __SSE2__
#include "../../src/base/text.c"
#undef json_escape
#undef utf8_valid

/* Exactly as large as it must be, so that a sanitizer sees a byte too many. */
static char *exact(const char *data, size_t n) {
    char *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    if (n) memcpy(copy, data, n);
    return copy;
}

/* --- json_escape --- */

static size_t naive_escape(char *d, const char *src, size_t n) {
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)src[i];
        const char *known = NULL;
        switch (c) {
        case '"': known = "\\\""; break;
        case '\\': known = "\\\\"; break;
        case '\b': known = "\\b"; break;
        case '\f': known = "\\f"; break;
        case '\n': known = "\\n"; break;
        case '\r': known = "\\r"; break;
        case '\t': known = "\\t"; break;
        default: break;
        }
        if (known) {
            len += (size_t)snprintf(d + len, 3, "%s", known);
        } else if (c < 0x20) {
            len += (size_t)snprintf(d + len, 7, "\\u%04x", c);
        } else {
            d[len++] = (char)c;
        }
    }
    return len;
}

static void check_escape(const char *text, size_t n) {
    char expected[64 * 6 + 8];
    size_t want = naive_escape(expected, text, n);
    char *src = exact(text, n), *dst = malloc(JSON_ESCAPED_MAX(n) + 1);
    assert_non_null(dst);
    assert_int_equal(json_escape(dst, src, n), want);
    assert_memory_equal(dst, expected, want);
    assert_int_equal(portable_escape(dst, src, n), want);
    assert_memory_equal(dst, expected, want);
    free(src);
    free(dst);
}

static void every_byte_at_every_offset(void **state) {
    (void)state;
    char text[48];
    for (int c = 0; c < 256; c++) {
        for (size_t n = 1; n <= 41; n += n < 41 && n > 33 ? 1 : 4) {
            for (size_t at = 0; at < n; at++) {
                memset(text, 'a', n);
                text[at] = (char)c;
                check_escape(text, n);
            }
        }
    }
    check_escape("", 0);
}

static void many_escapes(void **state) {
    (void)state;
    char text[64];
    for (size_t n = 0; n <= 64; n++) { /* each becomes six bytes: the room is used up */
        memset(text, 1, n);
        check_escape(text, n);
    }
    uint64_t seed = 7;
    for (int i = 0; i < 20000; i++) {
        size_t n = (size_t)i % 64;
        for (size_t k = 0; k < n; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            text[k] = (char)(seed >> 56 & (i & 64 ? 0x3f : 0xff)); /* the first half has many bytes to escape */
        }
        check_escape(text, n);
    }
}

/* --- utf8_valid --- */

static const struct {
    const char *text;
    size_t n;
    bool valid;
} sequences[] = {
    {"", 0, true},
    {"\0", 1, true},
    {"\x7f", 1, true},
    {"\xc2\x80", 2, true}, /* the first and the last of each length */
    {"\xdf\xbf", 2, true},
    {"\xe0\xa0\x80", 3, true},
    {"\xed\x9f\xbf", 3, true}, /* before the surrogates, and after */
    {"\xee\x80\x80", 3, true},
    {"\xef\xbf\xbf", 3, true},
    {"\xf0\x90\x80\x80", 4, true},
    {"\xf4\x8f\xbf\xbf", 4, true},
    {"\x80", 1, false}, /* a continuation alone */
    {"\xbf", 1, false},
    {"\xc0\x80", 2, false}, /* overlong */
    {"\xc1\xbf", 2, false},
    {"\xe0\x80\x80", 3, false},
    {"\xe0\x9f\xbf", 3, false},
    {"\xf0\x80\x80\x80", 4, false},
    {"\xf0\x8f\xbf\xbf", 4, false},
    {"\xed\xa0\x80", 3, false}, /* surrogates */
    {"\xed\xbf\xbf", 3, false},
    {"\xf4\x90\x80\x80", 4, false}, /* beyond U+10FFFF */
    {"\xf5\x80\x80\x80", 4, false},
    {"\xf8\x88\x80\x80\x80", 5, false},
    {"\xfe", 1, false},
    {"\xff", 1, false},
    {"\xc2", 1, false}, /* cut off */
    {"\xe2\x82", 2, false},
    {"\xe2", 1, false},
    {"\xf0\x9f\x98", 3, false},
    {"\xf0\x9f", 2, false},
    {"\xf0", 1, false},
    {"\xc2\x41", 2, false}, /* a continuation that is none */
    {"\xe2\x41\xac", 3, false},
    {"\xe2\x82\x41", 3, false},
    {"\xf0\x9f\x98\x41", 4, false},
    {"\xf0\x9f\xc2\x80", 4, false},
};

static void known_sequences(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof sequences / sizeof sequences[0]; i++) {
        for (size_t before = 0; before <= 40; before++) {
            for (size_t after = 0; after <= 20; after += 10) {
                char text[80];
                size_t n = before + sequences[i].n + after;
                memset(text, 'a', sizeof text);
                memcpy(text + before, sequences[i].text, sequences[i].n);
                char *data = exact(text, n);
                bool vector = utf8_valid(data, n), portable = portable_valid(data, n);
                free(data);
                if (vector != sequences[i].valid || portable != sequences[i].valid)
                    fail_msg("sequence %zu after %zu bytes", i, before);
            }
        }
    }
}

/* Every text of one to three bytes with a high one first, against the ranges of RFC 3629 written out. */
static bool valid_by_table(const unsigned char *s, size_t n) {
    for (size_t i = 0; i < n;) {
        unsigned c = s[i];
        if (c < 0x80) {
            i++;
            continue;
        }
        size_t len = c >= 0xc2 && c <= 0xdf ? 2 : c >= 0xe0 && c <= 0xef ? 3 : 0;
        if (len == 0 || i + len > n) return false;
        unsigned low = c == 0xe0 ? 0xa0 : 0x80, high = c == 0xed ? 0x9f : 0xbf;
        if (s[i + 1] < low || s[i + 1] > high) return false;
        if (len == 3 && (s[i + 2] < 0x80 || s[i + 2] > 0xbf)) return false;
        i += len;
    }
    return true;
}

static void all_short_texts(void **state) {
    (void)state;
    unsigned char s[3];
    for (unsigned v = 0; v < 1u << 24; v += v >> 16 < 0x80 ? 0x800000 : 1) {
        s[0] = (unsigned char)(v >> 16), s[1] = (unsigned char)(v >> 8), s[2] = (unsigned char)v;
        if (s[0] >= 0xf0) break; /* four bytes: the table above */
        bool want = valid_by_table(s, 3);
        if (utf8_valid((char *)s, 3) != want || portable_valid((char *)s, 3) != want) fail_msg("%06x", v);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_at_every_offset),
        cmocka_unit_test(many_escapes),
        cmocka_unit_test(known_sequences),
        cmocka_unit_test(all_short_texts),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
