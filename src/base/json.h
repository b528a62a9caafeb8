/* JSON: a pull reader over bytes from outside, and the escaping of strings.
 *
 * For: DynamoDB's responses, JSON columns, profiles. The reader keeps numbers as their text, so that nothing is
 * rounded, and copies nothing: a token is a slice of the input.
 * Not for: building documents (write them with a buffer and json_escape). Source: RFC 8259. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;

/* --- writing --- */

/* The most bytes that `n` input bytes can become (a control character is \u00XX). */
#define JSON_ESCAPED_MAX(n) ((size_t)(n)*6)

/* Writes `n` bytes of UTF-8 to dst as the inside of a JSON string; dst must hold JSON_ESCAPED_MAX(n).
 * Returns the bytes written. Does not judge the UTF-8 (utf8_valid does). */
size_t json_escape(char *dst, const char *src, size_t n);

/* Appends `"..."` with the text escaped. */
bool json_append_string(struct buffer *b, const char *text, size_t n) __attribute__((warn_unused_result));

/* Whether the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool utf8_valid(const char *data, size_t n);

/* --- reading --- */

#define JSON_DEPTH_MAX 128

enum json_token {
    JSON_ERROR, /* json.problem says what, json.at where */
    JSON_END,   /* one whole value was read and nothing follows it */
    JSON_OBJECT,
    JSON_OBJECT_END,
    JSON_ARRAY,
    JSON_ARRAY_END,
    JSON_KEY, /* as JSON_STRING; the value follows */
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

struct json {
    const char *start, *at, *end;
    const char *text; /* JSON_KEY, JSON_STRING: the inside of the quotes, still escaped; JSON_NUMBER: its text */
    size_t len;
    bool escaped;        /* the string has a backslash in it: json_unescape is needed */
    const char *problem; /* set with JSON_ERROR */
    int depth;           /* open objects and arrays */
    unsigned char state;
    unsigned char inside[JSON_DEPTH_MAX]; /* '{' or '[' for each open one */
};

/* Reads `n` bytes, which must stay while reading. */
void json_init(struct json *j, const char *data, size_t n);

/* The next token. Once it is JSON_ERROR or JSON_END it stays so. Strings are checked: no raw control characters,
 * known escapes, well-formed UTF-8. */
enum json_token json_next(struct json *j);

/* Skips the value whose first token was just returned (an object or array to its end); false on an error. */
bool json_skip(struct json *j, enum json_token first) __attribute__((warn_unused_result));

/* Whether the current key or string equals a text (escapes respected). */
bool json_is(const struct json *j, const char *text);

/* Unescapes the inside of a JSON string that json_next has accepted. dst must hold n bytes (it never grows).
 * Returns the bytes written, or (size_t)-1 when a \u escape is half a surrogate pair. */
size_t json_unescape(char *dst, const char *src, size_t n);

/* Copies the current string unescaped and terminated into dst; false when it does not fit or is half a surrogate. */
bool json_copy(const struct json *j, char *dst, size_t size) __attribute__((warn_unused_result));

#endif
