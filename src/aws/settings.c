#include "aws/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"

#define FILE_MAX (1 << 20) /* bytes: a profile file has a few thousand */
#define NAMES_MAX 64       /* profiles that a hint chooses from */

const char *settings_env(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* --- the files --- */

/* The path from the variable (with a leading ~/ expanded) or, below the home folder, the default. */
static void find_file(struct settings_file *f, const char *variable, const char *usual) {
    const char *path = settings_env(variable), *home = settings_env("HOME");
    snprintf(f->shown, sizeof f->shown, "%s%s", path ? "" : "~/", path ? path : usual);
    if (path && strncmp(path, "~/", 2) != 0) {
        snprintf(f->path, sizeof f->path, "%s", path);
    } else if (home) {
        snprintf(f->path, sizeof f->path, "%s/%s", home, path ? path + 2 : usual);
    } else {
        f->trouble = "HOME is not set";
    }
}

/* Everything of an open file; NULL with *trouble. */
static char *read_whole(FILE *in, size_t *n, const char **trouble) {
    char *data = malloc(FILE_MAX + 1);
    *trouble = data ? NULL : "out of memory";
    if (data == NULL) return NULL;
    *n = fread(data, 1, FILE_MAX + 1, in);
    if (ferror(in)) *trouble = strerror(errno);
    if (*n > FILE_MAX) *trouble = "larger than 1 MB";
    if (*trouble == NULL) return data;
    explicit_bzero(data, *n);
    free(data);
    return NULL;
}

static bool read_file(struct settings_file *f, struct error *err) {
    if (f->trouble) return true;
    FILE *in = fopen(f->path, "rbe");
    if (in == NULL) {
        f->trouble = errno == ENOENT || errno == ENOTDIR ? "no such file" : strerror(errno);
        return true;
    }
    setvbuf(in, NULL, _IONBF, 0); /* no second copy of the secrets in stdio's buffer */
    f->text.data = read_whole(in, &f->text.n, &f->trouble);
    fclose(in);
    if (f->trouble) {
        f->text.n = 0;
        return true;
    }
    int line;
    const char *problem;
    if (profile_check(&f->text, &line, &problem)) return true;
    error_set(err, ERROR_TARGET, "%s:%d: %s", f->shown, line, problem);
    return error_hint(err,
                      "see \"Shared config and credentials files\" in the AWS SDKs and Tools Reference Guide for the format");
}

static void wipe(struct settings_file *f) {
    if (f->text.data) explicit_bzero((char *)f->text.data, f->text.n);
    free((char *)f->text.data);
    f->text.data = NULL;
    f->text.n = 0;
}

void settings_close(struct settings *s) {
    wipe(&s->credentials);
    wipe(&s->config);
}

/* --- the profile --- */

/* Adds the profiles of a file to names, as terminated copies. */
static int list_profiles(const struct settings_file *f, char (*names)[64], int count) {
    struct profile_reader r;
    profile_init(&r, &f->text);
    for (enum profile_event e; (e = profile_next(&r)) != PROFILE_END && e != PROFILE_BAD;) {
        bool profile = e == PROFILE_SECTION && r.kind.n == 7 && memcmp(r.kind.text, "profile", 7) == 0;
        if (!profile || count == NAMES_MAX || r.name.n >= sizeof *names) continue;
        snprintf(names[count], sizeof *names, "%.*s", (int)r.name.n, r.name.text);
        bool twice = false;
        for (int i = 0; i < count; i++) twice |= strcmp(names[i], names[count]) == 0;
        count += !twice;
    }
    return count;
}

static bool no_such_profile(const struct settings *s, struct error *err) {
    char names[NAMES_MAX][64];
    const char *list[NAMES_MAX];
    int count = list_profiles(&s->config, names, list_profiles(&s->credentials, names, 0));
    for (int i = 0; i < count; i++) list[i] = names[i];
    error_set(err, ERROR_TARGET, "profile \"%s\" (named by %s) is in neither %s nor %s", s->profile, s->profile_from,
              s->credentials.shown, s->config.shown);
    char hint[400] = "";
    if (count) nearest_hint(s->profile, list, count, "profiles", hint, sizeof hint);
    if (count) return error_hint(err, "%s", hint);
    return error_hint(err, "there is no profile at all: %s: %s; %s: %s", s->credentials.shown,
                      s->credentials.trouble ? s->credentials.trouble : "empty", s->config.shown,
                      s->config.trouble ? s->config.trouble : "empty");
}

static bool settle_profile(struct settings *s, struct error *err) {
    const char *name = s->wish->profile;
    s->profile_from = name ? "the plan" : NULL;
    static const char *const variables[] = {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"};
    for (size_t i = 0; i < 2 && name == NULL; i++) {
        name = settings_env(variables[i]);
        if (name) s->profile_from = variables[i];
    }
    int n = snprintf(s->profile, sizeof s->profile, "%s", name ? name : "default");
    if ((size_t)n >= sizeof s->profile) return error_set(err, ERROR_TARGET, "a profile's name has more than 255 bytes");
    if (name == NULL || profile_has(&s->credentials.text, "profile", name) || profile_has(&s->config.text, "profile", name)) {
        return true;
    }
    return no_such_profile(s, err);
}

bool settings_open(struct settings *s, const struct aws_wish *wish, struct error *err) {
    *s = (struct settings){.wish = wish, .config.text.is_config = true};
    find_file(&s->credentials, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
    find_file(&s->config, "AWS_CONFIG_FILE", ".aws/config");
    return read_file(&s->credentials, err) && read_file(&s->config, err) && settle_profile(s, err);
}

struct profile_slice settings_get_in(const struct settings *s, const struct settings_file *f, const char *key) {
    struct profile_slice found = profile_get(&f->text, "profile", s->profile, NULL, key);
    return found.n ? found : (struct profile_slice){0};
}

struct profile_slice settings_get(const struct settings *s, const char *key) {
    struct profile_slice found = settings_get_in(s, &s->credentials, key);
    return found.text ? found : settings_get_in(s, &s->config, key);
}
