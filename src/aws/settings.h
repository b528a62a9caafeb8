/* Where AWS's settings come from: the profile in force, and the two files that describe profiles.
 *
 * For: credentials.c and endpoint.c. Not for: callers elsewhere (credentials.h is theirs).
 * The files are read whole, checked once and wiped when closed: they hold secrets. */
#ifndef AWS_SETTINGS_H
#define AWS_SETTINGS_H

#include <stdbool.h>

#include "aws/credentials.h"
#include "aws/profile.h"
#include "base/error.h"

struct settings_file {
    char path[1024];
    char shown[128]; /* how reports name it: ~/.aws/config, or the path */
    struct profile_text text;
    const char *trouble; /* why there is no text ("no such file"); NULL: it was read */
};

struct settings {
    const struct aws_wish *wish;
    char profile[256];
    const char *profile_from; /* "the plan", "AWS_PROFILE"...; NULL: nobody named one, it is "default" */
    struct settings_file credentials, config;
};

/* Reads both files (a missing one is no error) and settles the profile, which must exist when it was named. `s` may be closed
 * whatever is returned. */
bool settings_open(struct settings *s, const struct aws_wish *wish, struct error *err);
void settings_close(struct settings *s);

/* A value of the profile in force, in the credentials file or else the config file; empty ones count as absent. */
struct profile_slice settings_get(const struct settings *s, const char *key);

/* The same in one of the files. */
struct profile_slice settings_get_in(const struct settings *s, const struct settings_file *f, const char *key);

/* An environment variable that is set and not empty, or NULL. */
const char *settings_env(const char *name);

/* endpoint.c: fills endpoint and endpoint_from; the region is settled already. */
bool settings_endpoint(const struct settings *s, const char *service, struct aws_setting *out, struct error *err);

#endif
