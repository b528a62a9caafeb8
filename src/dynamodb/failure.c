#include "dynamodb/failure.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"

/* A longer text stays as it is escaped; only its beginning is kept anyway. */
#define UNESCAPED_MAX 8192
/* A body that is not DynamoDB's is quoted up to here. */
#define QUOTED_BYTES 120

/* Copies a text onto one line, cut at the end of a character where it is too long. */
static void keep_line(char *out, size_t size, const char *text, size_t n) {
    if (n >= size) {
        n = size - 1;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) n--;
    }
    for (size_t i = 0; i < n; i++) out[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i];
    out[n] = '\0';
}

/* The current string onto one line. */
static void keep_string(const struct json *j, char *out, size_t size) {
    char plain[UNESCAPED_MAX];
    if (json_copy(j, plain, sizeof plain)) {
        keep_line(out, size, plain, strlen(plain));
    } else {
        keep_line(out, size, j->text, j->len);
    }
}

/* com.amazonaws.dynamodb.v20120810#Name, or Name alone, or Name:http://... as some of AWS's services write
 * it. */
static void keep_type(const struct json *j, struct dynamodb_failure *out) {
    keep_string(j, out->type, sizeof out->type);
    const char *mark = strchr(out->type, '#');
    if (mark) memmove(out->type, mark + 1, strlen(mark + 1) + 1);
    out->type[strcspn(out->type, ":")] = '\0';
}

static void keep_reason(const struct json *j, struct dynamodb_failure *out) {
    char reason[80];
    keep_string(j, reason, sizeof reason);
    if (strstr(reason, "KeyRange")) out->limits |= DYNAMODB_LIMIT_PARTITION;
    if (strstr(reason, "ProvisionedThroughput")) out->limits |= DYNAMODB_LIMIT_PROVISIONED;
    if (strstr(reason, "AccountLimit")) out->limits |= DYNAMODB_LIMIT_ACCOUNT;
    if (strstr(reason, "MaxOnDemand")) out->limits |= DYNAMODB_LIMIT_ON_DEMAND;
    if (strncmp(reason, "Index", 5) == 0) out->limits |= DYNAMODB_LIMIT_INDEX;
    if (strstr(out->reasons, reason)) return;
    size_t used = strlen(out->reasons);
    if (used + strlen(reason) + 3 > sizeof out->reasons) return;
    snprintf(out->reasons + used, sizeof out->reasons - used, "%s%s", used ? ", " : "", reason);
}

/* arn:aws:dynamodb:REGION:ACCOUNT:table/NAME, then /index/NAME for an index. */
static void keep_index(const struct json *j, struct dynamodb_failure *out) {
    char resource[1024];
    keep_string(j, resource, sizeof resource);
    const char *index = strstr(resource, "/index/");
    if (index) keep_line(out->index, sizeof out->index, index + 7, strlen(index + 7));
}

/* [{"reason": "...", "resource": "..."}, ...]: each `reason`, and the first `resource`, at any depth below ThrottlingReasons. */
static bool read_reasons(struct json *j, enum json_token token, struct dynamodb_failure *out) {
    if (token != JSON_ARRAY) return json_skip(j, token);
    int depth = j->depth;
    bool first = true;
    while (j->depth >= depth) {
        token = json_next(j);
        if (token == JSON_ERROR) return false;
        if (token != JSON_KEY) continue;
        bool reason = json_is(j, "reason"), resource = json_is(j, "resource");
        if ((!reason && !resource) || json_next(j) != JSON_STRING) continue;
        if (reason) keep_reason(j, out);
        if (resource && first) keep_index(j, out);
        first = first && !resource;
    }
    return true;
}

static void read_error(const char *body, size_t n, struct dynamodb_failure *out) {
    struct json j;
    json_init(&j, body, n);
    if (json_next(&j) != JSON_OBJECT) return;
    while (json_next(&j) == JSON_KEY) {
        bool type = json_is(&j, "__type");
        bool message = json_is(&j, "message") || json_is(&j, "Message");
        bool reasons = json_is(&j, "ThrottlingReasons");
        enum json_token token = json_next(&j);
        if (type && token == JSON_STRING) {
            keep_type(&j, out);
        } else if (message && token == JSON_STRING) {
            keep_string(&j, out->message, sizeof out->message);
        } else if (!(reasons ? read_reasons(&j, token, out) : json_skip(&j, token))) {
            return;
        }
    }
}

/* A message for an answer that brings none of its own. */
static void make_message(const char *body, size_t n, struct dynamodb_failure *out) {
    if (out->type[0]) {
        snprintf(out->message, sizeof out->message, "no message (HTTP %d)", out->status);
        return;
    }
    if (n == 0) {
        snprintf(out->message, sizeof out->message, "HTTP %d with an empty body", out->status);
        return;
    }
    char quoted[QUOTED_BYTES + 1];
    size_t end = n;
    while (end > 0 && (unsigned char)body[end - 1] <= ' ') end--;
    keep_line(quoted, sizeof quoted, body, end);
    if (!utf8_valid(quoted, strlen(quoted))) {
        snprintf(out->message, sizeof out->message, "HTTP %d with a body that is not text", out->status);
    } else {
        snprintf(out->message, sizeof out->message, "HTTP %d with a body that is no DynamoDB error: %s", out->status, quoted);
    }
}

void dynamodb_failure_parse(int status, const char *body, size_t n, struct dynamodb_failure *out) {
    *out = (struct dynamodb_failure){.status = status};
    if (n > 0) read_error(body, n, out);
    if (out->message[0] == '\0') make_message(body, n, out);
    out->class = retry_classify(status, out->type, out->message);
}

bool dynamodb_clock_offset(const char *date, int64_t now, int64_t *offset) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm t = {0};
    char month[4] = "", zone[4] = "";
    int end = 0;
    int read = sscanf(date, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d %3s%n", &t.tm_mday, month, &t.tm_year, &t.tm_hour,
                      &t.tm_min, &t.tm_sec, zone, &end);
    if (read != 7 || date[end] != '\0' || strcmp(zone, "GMT") != 0 || strlen(month) != 3) return false;
    const char *found = strstr(months, month);
    if (found == NULL || (found - months) % 3 != 0) return false;
    if (t.tm_year < 2000 || t.tm_mday < 1 || t.tm_mday > 31 || t.tm_hour < 0 || t.tm_hour > 23 || t.tm_min < 0 || t.tm_min > 59 ||
        t.tm_sec < 0 || t.tm_sec > 60) {
        return false;
    }
    t.tm_mon = (int)(found - months) / 3;
    t.tm_year -= 1900;
    *offset = (int64_t)timegm(&t) - now;
    return true;
}
