/* Which URL a service is called at, by AWS's order of precedence (SDKs and Tools Reference Guide, "Service-specific
 * endpoints"): the plan, AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, the profile's services section, the profile's
 * endpoint_url, the partition's own. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "aws/settings.h"

static bool take(struct aws_setting *out, const char *url, size_t n, const char *from, struct error *err) {
    snprintf(out->endpoint_from, sizeof out->endpoint_from, "%s", from);
    if (n >= sizeof out->endpoint) {
        return error_set(err, ERROR_TARGET, "the endpoint from %s has more than %zu bytes", from, sizeof out->endpoint - 1);
    }
    memcpy(out->endpoint, url, n);
    out->endpoint[n] = '\0';
    return true;
}

static bool ignores_configured(const struct settings *s) {
    const char *value = settings_env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    if (value) return strcasecmp(value, "true") == 0;
    struct profile_slice p = settings_get(s, "ignore_configured_endpoint_urls");
    return p.n == 4 && strncasecmp(p.text, "true", 4) == 0;
}

/* AWS_ENDPOINT_URL_<SERVICE>, the service's name in capitals. */
static void service_variable(const char *service, char *out, size_t size) {
    snprintf(out, size, "AWS_ENDPOINT_URL_%s", service);
    for (char *p = out; *p; p++) *p = *p == '-' || *p == ' ' ? '_' : (char)toupper((unsigned char)*p);
}

/* Sets *found to the URL in the services section that the profile names; false when it names one that is not there. */
static bool services_section(const struct settings *s, const char *service, struct profile_slice *found, struct error *err) {
    char name[256];
    struct profile_slice named = settings_get(s, "services");
    *found = (struct profile_slice){0};
    if (named.text == NULL) return true;
    snprintf(name, sizeof name, "%.*s", (int)named.n, named.text);
    if (!profile_has(&s->config.text, "services", name)) {
        error_set(err, ERROR_TARGET, "profile \"%s\" names services \"%s\", which %s does not have", s->profile, name,
                  s->config.shown);
        return error_hint(err, "add a section [services %s], or take the line \"services = %s\" out", name, name);
    }
    *found = profile_get(&s->config.text, "services", name, service, "endpoint_url");
    return true;
}

static const char *partition_suffix(const char *region) {
    static const struct {
        const char *prefix, *suffix;
    } partitions[] = {
        {"cn-", "amazonaws.com.cn"},    {"us-iso-", "c2s.ic.gov"},      {"us-isob-", "sc2s.sgov.gov"},
        {"eu-isoe-", "cloud.adc-e.uk"}, {"us-isof-", "csp.hci.ic.gov"}, {"eusc-", "amazonaws.eu"},
    };
    for (size_t i = 0; i < sizeof partitions / sizeof *partitions; i++) {
        if (strncmp(region, partitions[i].prefix, strlen(partitions[i].prefix)) == 0) return partitions[i].suffix;
    }
    return "amazonaws.com";
}

static bool take_default(const char *service, struct aws_setting *out, struct error *err) {
    char url[sizeof out->endpoint];
    int n = snprintf(url, sizeof url, "https://%s.%s.%s", service, out->region, partition_suffix(out->region));
    return take(out, url, (size_t)n, AWS_ENDPOINT_OF_REGION, err);
}

bool settings_endpoint(const struct settings *s, const char *service, struct aws_setting *out, struct error *err) {
    if (s->wish->endpoint) return take(out, s->wish->endpoint, strlen(s->wish->endpoint), "the plan", err);
    if (ignores_configured(s)) return take_default(service, out, err);
    char variable[64], from[sizeof out->endpoint_from];
    service_variable(service, variable, sizeof variable);
    const char *const variables[] = {variable, "AWS_ENDPOINT_URL"};
    for (size_t i = 0; i < 2; i++) {
        const char *url = settings_env(variables[i]);
        if (url) return take(out, url, strlen(url), variables[i], err);
    }
    struct profile_slice url;
    if (!services_section(s, service, &url, err)) return false;
    if (url.n == 0) url = settings_get(s, "endpoint_url");
    if (url.n == 0) return take_default(service, out, err);
    snprintf(from, sizeof from, "profile %s", s->profile);
    return take(out, url.text, url.n, from, err);
}
