/* AWS's profile files (~/.aws/config and ~/.aws/credentials): a small INI dialect.
 *
 * For: looking values up in a file's text, which stays the caller's. Pure: no files, no environment, no allocation.
 * Not for: writing them. Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files".
 * Section and value names are compared as AWS's tools do: names of profiles exactly, keys without regard to case. A line that
 * is indented deeper than the property above it belongs to that property: "s3 =" and below it "  max_queue_size = 5". */
#ifndef AWS_PROFILE_H
#define AWS_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

struct profile_text {
    const char *data;
    size_t n;
    bool is_config; /* sections are "default", "profile NAME", "services NAME"...; otherwise each section is a profile's name */
};

struct profile_slice {
    const char *text; /* NULL: not there */
    size_t n;
};

enum profile_event {
    PROFILE_END,
    PROFILE_SECTION,  /* kind and name */
    PROFILE_PROPERTY, /* key and value */
    PROFILE_NESTED,   /* parent, key and value: a line below a property; key is empty if it has no '=' */
    PROFILE_BAD,      /* problem and line; stays so */
};

struct profile_reader {
    struct profile_slice kind, name, parent, key, value;
    const char *problem; /* static text */
    int line;            /* counted from 1: of the last event */

    const char *at, *end;
    size_t indent; /* of the last property */
    bool is_config, in_section, bad;
};

void profile_init(struct profile_reader *r, const struct profile_text *t);

/* The next section or property. */
enum profile_event profile_next(struct profile_reader *r);

/* Whether the whole text can be read; if not, the line and the problem. */
bool profile_check(const struct profile_text *t, int *line, const char **problem);

/* Whether there is a section; `kind` is "profile" for profiles. */
bool profile_has(const struct profile_text *t, const char *kind, const char *name);

/* The value of `key` (below `parent` if that is not NULL) in all sections of that name: the last one; text is NULL if none. */
struct profile_slice profile_get(const struct profile_text *t, const char *kind, const char *name, const char *parent,
                                 const char *key);

#endif
