#include "aws/credentials.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "aws/settings.h"

enum outcome { ABSENT, FOUND, FAILED };

static const char *why(const struct settings_file *f) {
    return f->trouble ? f->trouble : "no keys in it";
}

/* --- values --- */

/* Copies a part of the keys. What goes into a header must be printable ASCII: a line's end in it would begin a new header. */
static bool take(char *out, size_t size, const char *text, size_t n, const char *what, const char *from, struct error *err) {
    bool printable = true;
    for (size_t i = 0; i < n; i++) printable &= text[i] > ' ' && text[i] <= '~';
    if (n < size && printable) {
        memcpy(out, text, n);
        out[n] = '\0';
        return true;
    }
    error_set(err, ERROR_TARGET, "%s from %s %s", what, from,
              n < size ? "has blanks or bytes that are not printable ASCII" : "is too long");
    return error_hint(err, "it can have at most %zu printable characters", size - 1);
}

static struct profile_slice of_text(const char *text) {
    return (struct profile_slice){text, text ? strlen(text) : 0};
}

/* Keys of one place: both parts or none; the token is optional. Names are how that place calls its parts. */
static enum outcome take_keys(struct aws_setting *out, const char *const names[3], const struct profile_slice parts[3],
                              const char *from, struct error *err) {
    if (parts[0].n == 0 && parts[1].n == 0) return ABSENT;
    if (parts[0].n == 0 || parts[1].n == 0) {
        int there = parts[0].n == 0;
        error_set(err, ERROR_TARGET, "%s: %s is set, %s is not", from, names[there], names[!there]);
        error_hint(err, "set both, or none of them");
        return FAILED;
    }
    struct aws_keys *k = &out->keys;
    bool ok = take(k->access_key_id, sizeof k->access_key_id, parts[0].text, parts[0].n, names[0], from, err) &&
              take(k->secret_access_key, sizeof k->secret_access_key, parts[1].text, parts[1].n, names[1], from, err) &&
              take(k->session_token, sizeof k->session_token, parts[2].n ? parts[2].text : "", parts[2].n, names[2], from, err);
    if (!ok) return FAILED;
    snprintf(out->keys_from, sizeof out->keys_from, "%s", from);
    return FOUND;
}

/* --- the providers --- */

static enum outcome from_environment(const struct settings *s, struct aws_setting *out, struct error *err) {
    /* A profile that the plan names is meant; one named by AWS_PROFILE is not above keys named beside it. */
    if (s->wish->profile) return ABSENT;
    static const char *const names[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"};
    struct profile_slice parts[3];
    for (size_t i = 0; i < 3; i++) parts[i] = of_text(settings_env(names[i]));
    return take_keys(out, names, parts, "environment", err);
}

static enum outcome from_file(const struct settings *s, const struct settings_file *f, struct aws_setting *out,
                              struct error *err) {
    static const char *const names[] = {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"};
    struct profile_slice parts[3];
    for (size_t i = 0; i < 3; i++) parts[i] = settings_get_in(s, f, names[i]);
    char from[sizeof s->profile + sizeof f->shown + 16];
    snprintf(from, sizeof from, "profile %s in %s", s->profile, f->shown);
    return take_keys(out, names, parts, from, err);
}

static enum outcome from_credentials_file(const struct settings *s, struct aws_setting *out, struct error *err) {
    return from_file(s, &s->credentials, out, err);
}

static enum outcome from_config_file(const struct settings *s, struct aws_setting *out, struct error *err) {
    return from_file(s, &s->config, out, err);
}

/* A profile, or the environment, asks for a way to credentials that this chain does not have: to go on with the next provider
 * would be to work as somebody else. */
static enum outcome unsupported(const char *who, const char *key, const char *what, struct error *err) {
    error_set(err, ERROR_TARGET, "%s sets %s: credentials by %s are not supported", who, key, what);
    error_hint(err, "put keys into the environment instead: eval \"$(aws configure export-credentials --format env)\"");
    return FAILED;
}

struct unsupported_key {
    const char *key, *what;
};

static enum outcome refuse_profile_keys(const struct settings *s, const struct unsupported_key *keys, size_t count,
                                        struct error *err) {
    char who[sizeof s->profile + 16];
    snprintf(who, sizeof who, "profile \"%s\"", s->profile);
    for (size_t i = 0; i < count; i++) {
        if (settings_get(s, keys[i].key).text) return unsupported(who, keys[i].key, keys[i].what, err);
    }
    return ABSENT;
}

static enum outcome refuse_role(const struct settings *s, struct aws_setting *out, struct error *err) {
    (void)out;
    static const struct unsupported_key keys[] = {{"web_identity_token_file", "web identity"}, {"role_arn", "assuming a role"}};
    return refuse_profile_keys(s, keys, 2, err);
}

static enum outcome refuse_web_identity(const struct settings *s, struct aws_setting *out, struct error *err) {
    (void)out;
    if (s->wish->profile || !settings_env("AWS_WEB_IDENTITY_TOKEN_FILE")) return ABSENT;
    return unsupported("the environment", "AWS_WEB_IDENTITY_TOKEN_FILE", "web identity", err);
}

static enum outcome refuse_sso(const struct settings *s, struct aws_setting *out, struct error *err) {
    (void)out;
    static const struct unsupported_key keys[] = {{"sso_session", "single sign-on"}, {"sso_start_url", "single sign-on"}};
    return refuse_profile_keys(s, keys, 2, err);
}

static enum outcome refuse_process(const struct settings *s, struct aws_setting *out, struct error *err) {
    (void)out;
    static const struct unsupported_key keys[] = {{"credential_process", "a process"}};
    return refuse_profile_keys(s, keys, 1, err);
}

static enum outcome refuse_container(const struct settings *s, struct aws_setting *out, struct error *err) {
    (void)s;
    (void)out;
    static const char *const names[] = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"};
    for (size_t i = 0; i < 2; i++) {
        if (settings_env(names[i])) return unsupported("the environment", names[i], "a container's role", err);
    }
    return ABSENT;
}

/* The chain, in AWS's order; the first that has something to say ends it. */
static enum outcome (*const CHAIN[])(const struct settings *s, struct aws_setting *out, struct error *err) = {
    from_environment,      refuse_role,    refuse_web_identity, refuse_sso,
    from_credentials_file, refuse_process, from_config_file,    refuse_container,
};

static bool settle_keys(const struct settings *s, struct aws_setting *out, struct error *err) {
    for (size_t i = 0; i < sizeof CHAIN / sizeof *CHAIN; i++) {
        enum outcome o = CHAIN[i](s, out, err);
        if (o != ABSENT) return o == FOUND;
    }
    error_set(err, ERROR_TARGET, "no AWS credentials found");
    return error_hint(err, "looked at: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (%s); profile %s in %s (%s) and in %s (%s)",
                      s->wish->profile ? "not used, because the plan names a profile" : "not set", s->profile,
                      s->credentials.shown, why(&s->credentials), s->config.shown, why(&s->config));
}

/* --- the region --- */

/* The region becomes part of a host name and of the signature's scope. */
static bool take_region(struct aws_setting *out, const char *text, size_t n, const char *from, struct error *err) {
    bool ok = n > 0 && n < sizeof out->region;
    for (size_t i = 0; ok && i < n; i++)
        ok = islower((unsigned char)text[i]) || isdigit((unsigned char)text[i]) || text[i] == '-';
    if (!ok) {
        error_set(err, ERROR_TARGET, "region \"%.*s\" from %s is not a region's name", n < 80 ? (int)n : 80, text, from);
        return error_hint(err, "a region is written like eu-west-1");
    }
    memcpy(out->region, text, n);
    out->region[n] = '\0';
    snprintf(out->region_from, sizeof out->region_from, "%s", from);
    return true;
}

static bool settle_region(const struct settings *s, struct aws_setting *out, struct error *err) {
    if (s->wish->region) return take_region(out, s->wish->region, strlen(s->wish->region), "the plan", err);
    static const char *const variables[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    for (size_t i = 0; i < 2; i++) {
        const char *region = settings_env(variables[i]);
        if (region) return take_region(out, region, strlen(region), variables[i], err);
    }
    struct profile_slice region = settings_get(s, "region");
    char from[sizeof s->profile + 16];
    snprintf(from, sizeof from, "profile %s", s->profile);
    if (region.text) return take_region(out, region.text, region.n, from, err);
    error_set(err, ERROR_TARGET, "no AWS region found");
    return error_hint(err,
                      "looked at: the plan's region, AWS_REGION, AWS_DEFAULT_REGION, region of profile %s in %s (%s) and %s (%s)",
                      s->profile, s->credentials.shown, s->credentials.trouble ? s->credentials.trouble : "not in it",
                      s->config.shown, s->config.trouble ? s->config.trouble : "not in it");
}

bool aws_settle(const struct aws_wish *wish, const char *service, struct aws_setting *out, struct error *err) {
    struct settings s;
    memset(out, 0, sizeof *out);
    bool ok = settings_open(&s, wish, err) && settle_region(&s, out, err) && settings_endpoint(&s, service, out, err) &&
              settle_keys(&s, out, err);
    settings_close(&s);
    return ok;
}
