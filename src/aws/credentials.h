/* Who we are and where we go: access keys, region and endpoint, found by AWS's rules (SDKs and Tools Reference Guide).
 *
 * The providers here: environment, shared credentials file, config file with profiles. They stand in one table, in the order of
 * the chain; others take their place in it. Secrets are never put into an error. */
#ifndef AWS_CREDENTIALS_H
#define AWS_CREDENTIALS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"

struct aws_keys {
    char access_key_id[130];
    char secret_access_key[130];
    char session_token[4096]; /* empty: none */
};

/* What a plan or a script says; each may be NULL. */
struct aws_wish {
    const char *region, *endpoint, *profile;
};

#define AWS_ENDPOINT_OF_REGION "the region"

struct aws_setting {
    struct aws_keys keys;
    char keys_from[64]; /* e.g. "environment", "profile dev in ~/.aws/credentials": for reports */
    char region[64];
    char region_from[64];
    char endpoint[512]; /* a URL: from the plan, AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL, the profile's services section or
                           endpoint_url; else https://dynamodb.{region}.{suffix} */
    char endpoint_from[64]; /* who named it; AWS_ENDPOINT_OF_REGION: nobody */
};

/* Finds all of it; ERROR_TARGET with a hint that lists what was looked at when keys or region are missing or a file is
 * malformed (file:line). A profile asked for explicitly (wish) switches the environment's keys off. */
bool aws_settle(const struct aws_wish *wish, const char *service, struct aws_setting *out, struct error *err);

#endif
