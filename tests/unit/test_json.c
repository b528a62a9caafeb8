/* The JSON reader (base/json.h): tokens, refusals, truncation at every offset, random damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/json.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* Reads a text that lies in memory of exactly its size; what its tokens are, a letter each. */
static enum json_token read_all(const char *text, size_t n, char *letters, size_t size, const char **problem) {
    char *data = malloc(n ? n : 1);
    assert_non_null(data);
    if (n) memcpy(data, text, n);
    struct json j;
    size_t count = 0;
    enum json_token token;
    json_init(&j, data, n);
    while ((token = json_next(&j)) != JSON_END && token != JSON_ERROR) {
        if (count + 1 < size) letters[count++] = "??{}[]ksntf0"[token];
        assert_true(j.at >= data && j.at <= data + n);
        if (token == JSON_KEY || token == JSON_STRING || token == JSON_NUMBER) {
            assert_true(j.text >= data && j.text + j.len <= data + n);
        }
        assert_true(j.depth >= 0 && j.depth <= JSON_DEPTH_MAX);
    }
    letters[count] = '\0';
    *problem = j.problem;
    assert_int_equal(json_next(&j), token); /* the end stays */
    assert_int_equal(token == JSON_ERROR, j.problem != NULL);
    free(data);
    return token;
}

static void known_texts(void **state) {
    (void)state;
    static const struct {
        const char *text, *tokens;
    } table[] = {
        {"{}", "{}"},
        {" [ ] ", "[]"},
        {"{\"a\":1,\"b\":[true,false,null,\"x\"]}", "{knk[tf0s]}"},
        {"[[],[{}],{\"k\":{}}]", "[[][{}]{k{}}]"},
        {"\"text\"", "s"},
        {"-0", "n"},
        {"0.5e-10", "n"},
        {"1E+400", "n"},
        {"\t\r\n true ", "t"},
        {"[\"\\u00e9\\ud83d\\ude00\\\\\\/\"]", "[s]"},
        {"\"\xf0\x9f\x98\x80\"", "s"},
    };
    char letters[64];
    const char *problem;
    for (size_t i = 0; i < COUNT(table); i++) {
        enum json_token end = read_all(table[i].text, strlen(table[i].text), letters, sizeof letters, &problem);
        if (end != JSON_END) fail_msg("%s: %s", table[i].text, problem);
        assert_string_equal(letters, table[i].tokens);
    }
}

static void refusals(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "{]",
        "[}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "[,]",
        "[1,]",
        "[1 2]",
        "{\"a\" 1}",
        "{1:2}",
        "{\"a\":1 \"b\":2}",
        "{} {}",
        "1 2",
        "[]]",
        "tru",
        "truE",
        "nul",
        "True",
        "NaN",
        "Infinity",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "-a",
        "0x10",
        "1_0",
        "--1",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u123g\"",
        "\"\\",
        "\"\n\"",
        "\"\x01\"",
        "\"\x80\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "'a'",
        "/**/1",
        "\xef\xbb\xbf{}",
    };
    char letters[64];
    const char *problem;
    for (size_t i = 0; i < COUNT(texts); i++) {
        if (read_all(texts[i], strlen(texts[i]), letters, sizeof letters, &problem) != JSON_ERROR)
            fail_msg("taken: %s", texts[i]);
    }
    assert_int_equal(read_all("\"\0\"", 3, letters, sizeof letters, &problem), JSON_ERROR);
    assert_int_equal(read_all("1\0", 2, letters, sizeof letters, &problem), JSON_ERROR);
}

static const char *const documents[] = {
    "{\"UnprocessedItems\":{\"T\":[{\"PutRequest\":{\"Item\":{\"PK\":{\"S\":\"\\u00e4\\n\"},\"N\":{\"N\":\"-1.5e3\"}}}}]}}",
    "[1,-2.5,1e10,true,false,null,\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\",[],{},[[[{\"a\":[{}]}]]]]",
    "{\"a\":{\"b\":{\"c\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\ud83d\\ude00\"}},\"\":\"\",\"a b\":[\"\"]}",
};

static void truncated_anywhere(void **state) {
    (void)state;
    char letters[256];
    const char *problem;
    for (size_t i = 0; i < COUNT(documents); i++) {
        size_t n = strlen(documents[i]);
        assert_int_equal(read_all(documents[i], n, letters, sizeof letters, &problem), JSON_END);
        for (size_t cut = 0; cut < n; cut++) {
            if (read_all(documents[i], cut, letters, sizeof letters, &problem) != JSON_ERROR)
                fail_msg("document %zu at %zu", i, cut);
        }
    }
}

static void damaged_anyhow(void **state) {
    (void)state;
    static const char marks[] = "{}[]\",:\\u0019-+.eEtfn \n\x80\xff";
    char text[256], letters[512];
    const char *problem;
    uint64_t seed = 1;
    for (int i = 0; i < 100000; i++) {
        const char *document = documents[(size_t)i % COUNT(documents)];
        size_t n = strlen(document);
        memcpy(text, document, n);
        for (int k = 0; k <= i % 4; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            text[(seed >> 33) % n] = marks[(seed >> 20) % (sizeof marks - 1)];
        }
        read_all(text, n, letters, sizeof letters, &problem); /* its assertions are the test */
    }
}

static void depth(void **state) {
    (void)state;
    char text[2 * JSON_DEPTH_MAX + 4], letters[2 * JSON_DEPTH_MAX + 4];
    const char *problem;
    for (size_t n = JSON_DEPTH_MAX - 1; n <= JSON_DEPTH_MAX + 1; n++) {
        memset(text, '[', n);
        memset(text + n, ']', n);
        enum json_token want = n <= JSON_DEPTH_MAX ? JSON_END : JSON_ERROR;
        assert_int_equal(read_all(text, 2 * n, letters, sizeof letters, &problem), want);
    }
}

static void skipping(void **state) {
    (void)state;
    static const char text[] = "{\"a\":{\"x\":[1,{\"y\":2}]},\"b\":3,\"c\":[[],{}],\"d\":\"end\"}";
    struct json j;
    json_init(&j, text, sizeof text - 1);
    assert_int_equal(json_next(&j), JSON_OBJECT);
    for (const char *key = "abcd"; *key; key++) {
        char name[2] = {*key, '\0'};
        assert_int_equal(json_next(&j), JSON_KEY);
        assert_true(json_is(&j, name));
        assert_false(json_is(&j, "aa") || json_is(&j, ""));
        assert_true(json_skip(&j, json_next(&j)));
    }
    assert_int_equal(json_next(&j), JSON_OBJECT_END);
    assert_int_equal(json_next(&j), JSON_END);
    for (size_t cut = 6; cut < 22; cut++) { /* the inside of a's value */
        json_init(&j, text, cut);
        json_next(&j), json_next(&j);
        assert_false(json_skip(&j, json_next(&j)));
    }
    assert_false(json_skip(&j, JSON_END));
}

static void unescaping(void **state) {
    (void)state;
    static const struct {
        const char *text, *plain;
    } table[] = {
        {"", ""},
        {"abc", "abc"},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
        {"\\u0041\\u00e9\\u20ac\\u07ff\\u0800", "A\xc3\xa9\xe2\x82\xac\xdf\xbf\xe0\xa0\x80"},
        {"\\ud83d\\ude00", "\xf0\x9f\x98\x80"},
        {"\\uD800\\uDC00\\uDBFF\\uDFFF", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
        {"\\ud83d", NULL},
        {"\\ude00", NULL},
        {"\\ud83dx", NULL},
        {"\\ud83d\\n", NULL},
        {"\\ud83d\\u0041", NULL},
        {"\\ud83d\\ud83d", NULL},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        size_t n = strlen(table[i].text);
        char *src = malloc(n + 1), *dst = malloc(n + 1), *small = malloc(n + 1);
        assert_true(src && dst && small);
        memcpy(src, table[i].text, n);
        size_t got = json_unescape(dst, src, n);
        struct json j = {.text = src, .len = n, .escaped = true};
        bool copied = json_copy(&j, small, n + 1);
        assert_int_equal(copied, table[i].plain != NULL);
        if (table[i].plain) {
            assert_int_equal(got, strlen(table[i].plain));
            assert_memory_equal(dst, table[i].plain, got);
            assert_string_equal(small, table[i].plain);
            assert_true(json_is(&j, table[i].plain));
        } else {
            assert_int_equal(got, (size_t)-1);
            assert_false(json_is(&j, ""));
        }
        if (n) assert_false(json_copy(&j, small, n));
        free(src), free(dst), free(small);
    }
    struct json zero = {.text = "a\\u0000b", .len = 8, .escaped = true};
    char out[16];
    assert_true(json_copy(&zero, out, sizeof out));
    assert_memory_equal(out, "a\0b", 4);
    assert_false(json_is(&zero, "ab"));
}

/* What json_append_string writes, the reader gives back. */
static void round_trip(void **state) {
    (void)state;
    struct buffer b;
    buffer_init(&b, 4096);
    uint64_t seed = 3;
    for (int i = 0; i < 5000; i++) {
        char text[80], back[500];
        size_t n = (size_t)i % sizeof text;
        for (size_t k = 0; k < n; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            text[k] = (char)(seed >> 57);
        }
        b.len = 0;
        assert_true(json_append_string(&b, text, n));
        struct json j;
        json_init(&j, b.data, b.len);
        assert_int_equal(json_next(&j), JSON_STRING);
        assert_int_equal(j.escaped ? json_unescape(back, j.text, j.len) : j.len, n);
        assert_memory_equal(j.escaped ? back : j.text, text, n);
        assert_int_equal(json_next(&j), JSON_END);
    }
    struct buffer small;
    buffer_init(&small, 7);
    assert_false(json_append_string(&small, "ab", 2)); /* room for the worst case is asked for */
    assert_true(json_append_string(&small, "", 0));
    buffer_free(&small);
    buffer_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_texts),    cmocka_unit_test(refusals),   cmocka_unit_test(truncated_anywhere),
        cmocka_unit_test(damaged_anyhow), cmocka_unit_test(depth),      cmocka_unit_test(skipping),
        cmocka_unit_test(unescaping),     cmocka_unit_test(round_trip),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
