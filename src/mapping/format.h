/* How one column's value becomes text: in a template ({column:format}), or as it is ({column}, hlua.S(hlua.column ...)).
 *
 * Formats: strftime parts for times; %d %012d %x %X for whole numbers, %.2f for numbers with a fraction; lower, upper (A-Z only),
 * hex, shard(n). Without a format: the value's natural text, as lua/REFERENCE.md's table of types has it. */
#ifndef MAPPING_FORMAT_H
#define MAPPING_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pg/row.h"
#include "pg/types.h"

enum format_kind {
    /* the natural text of a value, by its type */
    FORMAT_TEXT, /* its bytes */
    FORMAT_INTEGER,
    FORMAT_NUMBER, /* any other */
    FORMAT_BOOL,
    FORMAT_UUID,
    FORMAT_JSON,
    FORMAT_TIME, /* or by strftime parts: `pieces` */
    /* others */
    FORMAT_WHOLE,   /* %d, %x, %X with `width` */
    FORMAT_DECIMAL, /* %.Nf: exactly `digits` after the point */
    FORMAT_LOWER,
    FORMAT_UPPER,
    FORMAT_HEX,
    FORMAT_SHARD, /* CRC-32 of the natural text modulo `shards` */
};

/* What the text of a time is put together from. */
struct format_piece {
    enum { PIECE_MOMENT, PIECE_OWN, PIECE_DAY_OF_YEAR, PIECE_EPOCH } what; /* of pg_moment_text; of the format's text; %j; %s */
    unsigned from, len;                                                    /* of the first two */
};

#define FORMAT_PIECES 6

struct format {
    enum format_kind kind;
    enum format_kind natural; /* the kind of the type's own text */
    enum pg_type type;
    const char *text;
    size_t len;
    int width, digits;
    bool zeros;      /* padded with zeros: a negative or wider number is refused, since it would not sort */
    char conversion; /* d, x or X */
    uint32_t shards;
    /* FORMAT_TIME: the first pieces, and what of the text they do not cover begins at `rest` */
    int piece_count;
    struct format_piece pieces[FORMAT_PIECES];
    size_t rest;
};

struct format_problem {
    size_t at; /* byte of the format, from 0 */
    char message[200];
    const char *hint;
};

/* What a value that has a bound can become (the text of any number or time, a padded number), bytes, and room to write behind it. */
#define FORMAT_BOUNDED 400

/* Reads a format (NULL: none) for a column of *type; type NULL: any (syntax alone). */
bool format_parse(const char *text, size_t len, const enum pg_type *type, struct format *out, struct format_problem *problem);

/* How finely values must be told apart for this format to write each of its texts once: cut to the grain, a value still gives the
 * same text. */
enum pg_grain format_grain(const struct format *f);

/* Bytes that a field of `len` bytes can become beyond FORMAT_BOUNDED. */
size_t format_room(const struct format *f, int32_t len);

/* Whether what format_run writes stands in a JSON string as it is, whatever the value: digits, times and the like. */
bool format_plain(const struct format *f);
/* Whether a text of the plan does: printable ASCII without quotes and backslashes. */
bool format_plain_text(const char *text, size_t len);

/* Splits strftime parts of `len` bytes, from *at on, into at most FORMAT_PIECES pieces, and moves *at behind them. Returns how many. */
int format_split(const char *text, size_t len, size_t *at, struct format_piece pieces[FORMAT_PIECES]);

/* Writes the text of a field that is not NULL, and returns its end; what is written behind it stays in the room that was asked for. NULL:
 * *why says, in words that fit after the column's name. */
char *format_run(const struct format *f, struct pg_field field, char *out, const char **why);

#endif
