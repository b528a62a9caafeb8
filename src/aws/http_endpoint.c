/* Endpoint URLs (declared in http.h): which are allowed, and what of them goes into a request. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "aws/http.h"

struct url_parts {
    bool tls;
    char host[256]; /* in lower case, an IPv6 address in its brackets */
    int port;       /* 0: the scheme's own */
    const char *path;
};

static bool bad_url(struct error *err, const char *url, const char *why) {
    error_set(err, ERROR_PLAN, "endpoint \"%.300s\" %s", url, why);
    return error_hint(err, "an endpoint is http://HOST:PORT or https://HOST, without user, query or fragment");
}

static bool parse_port(const char *text, size_t n, int *port) {
    if (n == 0 || n > 5) return false;
    int value = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isdigit((unsigned char)text[i])) return false;
        value = value * 10 + (text[i] - '0');
    }
    *port = value;
    return value >= 1 && value <= 65535;
}

static bool valid_host(const char *host) {
    size_t n = strlen(host);
    if (host[0] == '[') {
        char address[256];
        struct in6_addr ignored;
        snprintf(address, sizeof address, "%.*s", (int)(n - 2), host + 1);
        return inet_pton(AF_INET6, address, &ignored) == 1;
    }
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char)host[i]) && host[i] != '-' && host[i] != '.' && host[i] != '_') return false;
    }
    return n > 0 && host[0] != '.' && host[0] != '-';
}

static bool split_authority(const char *url, const char *text, size_t n, struct url_parts *out, struct error *err) {
    const char *end = text + n;
    const char *host_end = *text == '[' ? memchr(text, ']', n) : memchr(text, ':', n);
    if (*text == '[' && host_end == NULL) return bad_url(err, url, "has an address without its closing bracket");
    if (*text == '[') host_end++;
    if (host_end == NULL) host_end = end;
    size_t host_len = (size_t)(host_end - text);
    if (host_len >= sizeof out->host) return bad_url(err, url, "has a host name longer than 255 bytes");
    for (size_t i = 0; i < host_len; i++) out->host[i] = (char)tolower((unsigned char)text[i]);
    out->host[host_len] = '\0';
    if (!valid_host(out->host)) return bad_url(err, url, "has no valid host name");
    if (host_end == end) return true;
    if (*host_end != ':' || !parse_port(host_end + 1, (size_t)(end - host_end) - 1, &out->port)) {
        return bad_url(err, url, "has a port that is not a number from 1 to 65535");
    }
    return true;
}

static bool split_url(const char *url, struct url_parts *out, struct error *err) {
    *out = (struct url_parts){0};
    const char *rest;
    if (strncasecmp(url, "https://", 8) == 0) {
        out->tls = true;
        rest = url + 8;
    } else if (strncasecmp(url, "http://", 7) == 0) {
        rest = url + 7;
    } else {
        return bad_url(err, url, "does not begin with https:// or http://");
    }
    size_t n = strcspn(rest, "/?#");
    if (memchr(rest, '@', n)) {
        /* The URL is not repeated: what stands before the @ may be a password. */
        error_set(err, ERROR_PLAN, "the endpoint has a user name in it");
        return error_hint(err, "an endpoint is http://HOST:PORT or https://HOST; credentials come from the AWS chain");
    }
    if (n == 0) return bad_url(err, url, "has no host");
    out->path = rest + n;
    for (const char *p = out->path; *p; p++) {
        if (*p == '?' || *p == '#') return bad_url(err, url, "has a query or a fragment");
        if (*p <= ' ' || *p > '~') return bad_url(err, url, "has a path with bytes that are not printable ASCII");
    }
    return split_authority(url, rest, n, out, err);
}

static bool is_loopback(const char *host) {
    struct in_addr v4;
    if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0) return true;
    return inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

bool http_endpoint_parse(const char *url, bool allow_http, struct http_endpoint *out, struct error *err) {
    struct url_parts u;
    if (!split_url(url, &u, err)) return false;
    *out = (struct http_endpoint){.tls = u.tls, .loopback = is_loopback(u.host)};
    if (!u.tls && !allow_http && !out->loopback) {
        error_set(err, ERROR_PLAN, "endpoint \"%.300s\" is plain http on a host that is not this machine", url);
        return error_hint(err, "use https, or say allow_http = true if rows and signatures may be read on the way");
    }
    int own = u.tls ? 443 : 80;
    if (u.port == own) u.port = 0;
    snprintf(out->url, sizeof out->url, "%s://%s:%d", u.tls ? "https" : "http", u.host, u.port ? u.port : own);
    int n = u.port ? snprintf(out->host_header, sizeof out->host_header, "%s:%d", u.host, u.port)
                   : snprintf(out->host_header, sizeof out->host_header, "%s", u.host);
    int m = snprintf(out->path, sizeof out->path, "%s", *u.path ? u.path : "/");
    if ((size_t)n >= sizeof out->host_header || (size_t)m >= sizeof out->path) {
        return bad_url(err, url, "has a path longer than 199 bytes");
    }
    return true;
}
