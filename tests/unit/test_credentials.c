/* Keys, region and endpoint from the environment and from profile files in a home folder of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aws/credentials.h"
#include "aws/profile.h"

static char home[] = "/tmp/hlua-test-XXXXXX";

static void write_home(const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", home, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void remove_home(const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", home, name);
    unlink(path);
}

static int group_setup(void **state) {
    (void)state;
    char path[256];
    if (mkdtemp(home) == NULL) return -1;
    snprintf(path, sizeof path, "%s/.aws", home);
    return mkdir(path, 0700);
}

static void clear_files(void) {
    remove_home(".aws/credentials");
    remove_home(".aws/config");
    remove_home("other");
}

static int group_teardown(void **state) {
    (void)state;
    char path[256];
    clear_files();
    snprintf(path, sizeof path, "%s/.aws", home);
    return rmdir(path) | rmdir(home);
}

/* Nothing of the machine's own settings may reach a test. */
static int test_setup(void **state) {
    (void)state;
    static const char *const names[] = {"AWS_ACCESS_KEY_ID",
                                        "AWS_SECRET_ACCESS_KEY",
                                        "AWS_SESSION_TOKEN",
                                        "AWS_PROFILE",
                                        "AWS_DEFAULT_PROFILE",
                                        "AWS_REGION",
                                        "AWS_DEFAULT_REGION",
                                        "AWS_SHARED_CREDENTIALS_FILE",
                                        "AWS_CONFIG_FILE",
                                        "AWS_ENDPOINT_URL",
                                        "AWS_ENDPOINT_URL_DYNAMODB",
                                        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
                                        "AWS_WEB_IDENTITY_TOKEN_FILE",
                                        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                        "AWS_CONTAINER_CREDENTIALS_FULL_URI"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unsetenv(names[i]);
    clear_files();
    return setenv("HOME", home, 1);
}

static void set_keys(void) {
    setenv("AWS_ACCESS_KEY_ID", "ENVKEY", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "envsecret", 1);
}

static struct aws_setting settle(const struct aws_wish *wish) {
    struct aws_setting out;
    struct error err;
    if (!aws_settle(wish, "dynamodb", &out, &err)) fail_msg("%s (%s)", err.text, err.hint);
    return out;
}

static struct error settle_fails(const struct aws_wish *wish) {
    struct aws_setting out;
    struct error err = {0};
    assert_false(aws_settle(wish, "dynamodb", &out, &err));
    assert_int_equal(err.kind, ERROR_TARGET);
    assert_null(strstr(err.text, "hidden"));
    assert_null(strstr(err.hint, "hidden"));
    return err;
}

static void expect_in(const char *text, const char *part) {
    if (strstr(text, part) == NULL) fail_msg("\"%s\" does not have \"%s\"", text, part);
}

static const struct aws_wish NONE = {0};
static const struct aws_wish IN_IRELAND = {.region = "eu-west-1"};

/* --- keys --- */

static void test_environment(void **state) {
    (void)state;
    set_keys();
    setenv("AWS_SESSION_TOKEN", "tok/+=", 1);
    struct aws_setting s = settle(&IN_IRELAND);
    assert_string_equal(s.keys.access_key_id, "ENVKEY");
    assert_string_equal(s.keys.secret_access_key, "envsecret");
    assert_string_equal(s.keys.session_token, "tok/+=");
    assert_string_equal(s.keys_from, "environment");
    assert_string_equal(s.region_from, "the plan");
    setenv("AWS_SESSION_TOKEN", "", 1);
    assert_string_equal(settle(&IN_IRELAND).keys.session_token, "");
}

static void test_half_a_pair(void **state) {
    (void)state;
    setenv("AWS_SECRET_ACCESS_KEY", "hidden", 1);
    struct error err = settle_fails(&IN_IRELAND);
    expect_in(err.text, "AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not");
    write_home(".aws/credentials", "[default]\naws_access_key_id = hidden\n");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    err = settle_fails(&IN_IRELAND);
    expect_in(err.text, "profile default in ~/.aws/credentials: aws_access_key_id is set, aws_secret_access_key is not");
}

static void test_values_that_would_break_headers(void **state) {
    (void)state;
    set_keys();
    setenv("AWS_SESSION_TOKEN", "hidden\r\nx: y", 1);
    expect_in(settle_fails(&IN_IRELAND).text, "AWS_SESSION_TOKEN from environment");
    char longest[5000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    setenv("AWS_SESSION_TOKEN", longest, 1);
    expect_in(settle_fails(&IN_IRELAND).text, "too long");
}

static const char TWO_PROFILES[] = "# comment\n[default]\naws_access_key_id=DEFKEY\naws_secret_access_key = defsecret ; mine\n"
                                   "\n[dev]\r\nAWS_Access_Key_Id = DEVKEY\r\naws_secret_access_key = dev#secret\r\n"
                                   "aws_session_token = devtoken\r\n";

static void test_profiles(void **state) {
    (void)state;
    write_home(".aws/credentials", TWO_PROFILES);
    struct aws_setting s = settle(&IN_IRELAND);
    assert_string_equal(s.keys.access_key_id, "DEFKEY");
    assert_string_equal(s.keys.secret_access_key, "defsecret");
    assert_string_equal(s.keys_from, "profile default in ~/.aws/credentials");
    setenv("AWS_PROFILE", "dev", 1);
    s = settle(&IN_IRELAND);
    assert_string_equal(s.keys.access_key_id, "DEVKEY");
    assert_string_equal(s.keys.secret_access_key, "dev#secret");
    assert_string_equal(s.keys.session_token, "devtoken");
}

/* As botocore: keys in the environment go before AWS_PROFILE, but not before a profile that is said explicitly. */
static void test_environment_and_profile(void **state) {
    (void)state;
    write_home(".aws/credentials", TWO_PROFILES);
    set_keys();
    setenv("AWS_PROFILE", "dev", 1);
    assert_string_equal(settle(&IN_IRELAND).keys.access_key_id, "ENVKEY");
    struct aws_wish wish = {.region = "eu-west-1", .profile = "default"};
    assert_string_equal(settle(&wish).keys.access_key_id, "DEFKEY");
}

static void test_config_file_keys(void **state) {
    (void)state;
    write_home(".aws/config", "[profile dev]\naws_access_key_id = CONFKEY\naws_secret_access_key = s\nregion = eu-south-2\n"
                              "[dev]\naws_access_key_id = NOT_A_PROFILE\n");
    setenv("AWS_PROFILE", "dev", 1);
    struct aws_setting s = settle(&NONE);
    assert_string_equal(s.keys.access_key_id, "CONFKEY");
    assert_string_equal(s.keys_from, "profile dev in ~/.aws/config");
    assert_string_equal(s.region, "eu-south-2");
    write_home(".aws/credentials", "[dev]\naws_access_key_id = CREDKEY\naws_secret_access_key = s\n");
    assert_string_equal(settle(&NONE).keys.access_key_id, "CREDKEY");
}

static void test_other_paths(void **state) {
    (void)state;
    write_home("other", TWO_PROFILES);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "~/other", 1);
    assert_string_equal(settle(&IN_IRELAND).keys.access_key_id, "DEFKEY");
    char path[256];
    snprintf(path, sizeof path, "%s/other", home);
    setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1);
    assert_string_equal(settle(&IN_IRELAND).keys.access_key_id, "DEFKEY");
}

static void test_nothing_found(void **state) {
    (void)state;
    struct error err = settle_fails(&IN_IRELAND);
    expect_in(err.text, "no AWS credentials found");
    expect_in(err.hint, "~/.aws/credentials (no such file)");
    setenv("AWS_CONFIG_FILE", home, 1); /* a folder */
    expect_in(settle_fails(&IN_IRELAND).hint, "directory");
    unsetenv("HOME");
    expect_in(settle_fails(&IN_IRELAND).hint, "HOME is not set");
}

static void test_no_such_profile(void **state) {
    (void)state;
    set_keys();
    struct aws_wish wish = {.region = "eu-west-1", .profile = "dve"};
    expect_in(settle_fails(&wish).hint, "no such file");
    write_home(".aws/credentials", TWO_PROFILES);
    struct error err = settle_fails(&wish);
    expect_in(err.text, "profile \"dve\" (named by the plan)");
    expect_in(err.hint, "dev");
    setenv("AWS_PROFILE", "dve", 1);
    expect_in(settle_fails(&IN_IRELAND).text, "named by AWS_PROFILE");
}

static void test_unsupported(void **state) {
    (void)state;
    static const struct {
        const char *line, *names;
    } cases[] = {
        {"role_arn = arn:aws:iam::1:role/x\nsource_profile = default", "role_arn: credentials by assuming a role"},
        {"role_arn = arn:aws:iam::1:role/x\nweb_identity_token_file = /t", "web identity"},
        {"sso_session = corp", "single sign-on"},
        {"sso_start_url = https://x", "single sign-on"},
        {"credential_process = /bin/x", "credential_process"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[300];
        snprintf(text, sizeof text, "[default]\n%s\n", cases[i].line);
        write_home(".aws/config", text);
        expect_in(settle_fails(&IN_IRELAND).text, cases[i].names);
    }
    /* Keys in the credentials file stand before a process in the chain. */
    write_home(".aws/credentials", TWO_PROFILES);
    assert_string_equal(settle(&IN_IRELAND).keys.access_key_id, "DEFKEY");
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/t", 1);
    expect_in(settle_fails(&IN_IRELAND).text, "AWS_WEB_IDENTITY_TOKEN_FILE");
    unsetenv("AWS_WEB_IDENTITY_TOKEN_FILE");
    clear_files();
    setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x", 1);
    expect_in(settle_fails(&IN_IRELAND).text, "container");
}

static void test_malformed_files(void **state) {
    (void)state;
    set_keys();
    write_home(".aws/config", "[default]\nregion = eu-west-1\nhidden\n");
    expect_in(settle_fails(&NONE).text, "~/.aws/config:3: ");
    write_home(".aws/config", "region = x\n");
    expect_in(settle_fails(&NONE).text, "~/.aws/config:1: ");
}

/* --- region --- */

static void test_region(void **state) {
    (void)state;
    set_keys();
    struct error err = settle_fails(&NONE);
    expect_in(err.text, "no AWS region");
    expect_in(err.hint, "AWS_DEFAULT_REGION");
    write_home(".aws/config", "[default]\n  region = eu-central-1\n  output = json\n");
    assert_string_equal(settle(&NONE).region, "eu-central-1");
    assert_string_equal(settle(&NONE).region_from, "profile default");
    setenv("AWS_DEFAULT_REGION", "us-west-2", 1);
    assert_string_equal(settle(&NONE).region, "us-west-2");
    setenv("AWS_REGION", "us-east-2", 1);
    assert_string_equal(settle(&NONE).region, "us-east-2");
    assert_string_equal(settle(&IN_IRELAND).region, "eu-west-1");
    setenv("AWS_REGION", "evil.example.com/", 1);
    expect_in(settle_fails(&NONE).text, "AWS_REGION");
}

/* --- endpoint --- */

static void expect_endpoint(const struct aws_wish *wish, const char *url, const char *from) {
    struct aws_setting s = settle(wish);
    assert_string_equal(s.endpoint, url);
    assert_string_equal(s.endpoint_from, from);
}

static void test_endpoint_precedence(void **state) {
    (void)state;
    set_keys();
    expect_endpoint(&IN_IRELAND, "https://dynamodb.eu-west-1.amazonaws.com", "the region");
    write_home(".aws/config", "[default]\nendpoint_url = http://profile\n");
    expect_endpoint(&IN_IRELAND, "http://profile", "profile default");
    write_home(".aws/config",
               "[default]\nendpoint_url = http://profile\nservices = local\n"
               "[services local]\ns3 =\n  endpoint_url = http://s3\ndynamodb = \n  x = y\n  endpoint_url = http://services\n"
               "ec2 =\n  endpoint_url = http://ec2\n");
    expect_endpoint(&IN_IRELAND, "http://services", "profile default");
    setenv("AWS_ENDPOINT_URL", "http://all", 1);
    expect_endpoint(&IN_IRELAND, "http://all", "AWS_ENDPOINT_URL");
    setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://ddb", 1);
    expect_endpoint(&IN_IRELAND, "http://ddb", "AWS_ENDPOINT_URL_DYNAMODB");
    setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", 1);
    expect_endpoint(&IN_IRELAND, "https://dynamodb.eu-west-1.amazonaws.com", "the region");
    struct aws_wish wish = {.region = "eu-west-1", .endpoint = "http://localhost:8000"};
    expect_endpoint(&wish, "http://localhost:8000", "the plan");
}

static void test_endpoint_ignored_by_profile(void **state) {
    (void)state;
    set_keys();
    write_home(".aws/config", "[default]\nendpoint_url = http://profile\nignore_configured_endpoint_urls = true\n");
    expect_endpoint(&IN_IRELAND, "https://dynamodb.eu-west-1.amazonaws.com", "the region");
    setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false", 1);
    expect_endpoint(&IN_IRELAND, "http://profile", "profile default");
}

static void test_missing_services_section(void **state) {
    (void)state;
    set_keys();
    write_home(".aws/config", "[default]\nservices = gone\n");
    expect_in(settle_fails(&IN_IRELAND).text, "services \"gone\"");
}

static void test_partitions(void **state) {
    (void)state;
    set_keys();
    static const struct {
        const char *region, *url;
    } cases[] = {
        {"cn-north-1", "https://dynamodb.cn-north-1.amazonaws.com.cn"},
        {"us-gov-west-1", "https://dynamodb.us-gov-west-1.amazonaws.com"},
        {"us-iso-east-1", "https://dynamodb.us-iso-east-1.c2s.ic.gov"},
        {"us-isob-east-1", "https://dynamodb.us-isob-east-1.sc2s.sgov.gov"},
        {"eusc-de-east-1", "https://dynamodb.eusc-de-east-1.amazonaws.eu"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct aws_wish wish = {.region = cases[i].region};
        assert_string_equal(settle(&wish).endpoint, cases[i].url);
    }
}

/* --- the files' syntax --- */

static void expect_found(const char *text, bool is_config, const char *kind, const char *name, const char *parent,
                         const char *key, const char *want) {
    struct profile_text t = {text, strlen(text), is_config};
    struct profile_slice got = profile_get(&t, kind, name, parent, key);
    if ((want == NULL) != (got.text == NULL) || (want && (strlen(want) != got.n || memcmp(want, got.text, got.n) != 0))) {
        fail_msg("%s of %s: \"%.*s\", expected \"%s\"", key, name, (int)got.n, got.text ? got.text : "", want ? want : "(none)");
    }
}

static void test_syntax(void **state) {
    (void)state;
    expect_found("\xef\xbb\xbf[ default ] # c\na=1", true, "profile", "default", NULL, "a", "1");
    expect_found("[profile   \"my dev\"]\na = b = c", true, "profile", "my dev", NULL, "a", "b = c");
    expect_found("[profile dev]\na = 1\n[profile x]\na=2\n[profile dev]\na = 3\n", true, "profile", "dev", NULL, "a", "3");
    expect_found("[default]\na = #no\nb = x # yes\nc= ;all", true, "profile", "default", NULL, "a", "");
    expect_found("[default]\na =#no", true, "profile", "default", NULL, "a", "#no");
    expect_found("[default]\nb = x # yes", true, "profile", "default", NULL, "b", "x");
    expect_found("[default]\na = 1\n  more text\nb = 2", true, "profile", "default", NULL, "b", "2");
    expect_found("[default]\na =\n  b = 1\nb = 2", true, "profile", "default", "A", "B", "1");
    expect_found("[default]\na =\n  b = 1\nb = 2", true, "profile", "default", NULL, "b", "2");
    expect_found("[default]\n\ta = 1\n\tb = 2", true, "profile", "default", NULL, "b", "2");
    expect_found("[dev]\na = 1", true, "profile", "dev", NULL, "a", NULL);
    expect_found("[profile dev]\na = 1", false, "profile", "dev", NULL, "a", NULL);
    expect_found("[dev]\na = 1", false, "profile", "dev", NULL, "a", "1");
    expect_found("", true, "profile", "dev", NULL, "a", NULL);
}

static void test_bad_syntax(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int line;
    } cases[] = {
        {"a = 1", 1}, {"[default", 1}, {"[]", 1}, {"[x]\n\nnonsense", 3}, {"[x]\n= 1", 2}, {"[x] y\n", 1}, {"\n\n[ ]", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct profile_text t = {cases[i].text, strlen(cases[i].text), true};
        int line = 0;
        const char *problem = NULL;
        assert_false(profile_check(&t, &line, &problem));
        assert_int_equal(line, cases[i].line);
        assert_non_null(problem);
    }
    struct profile_text zero = {"[x]\na\0b = 1", 11, true};
    int line;
    const char *problem;
    assert_false(profile_check(&zero, &line, &problem));
}

/* Every truncation and every single wrong byte is read without leaving the memory (in fresh memory of just that size). */
static void test_every_offset(void **state) {
    (void)state;
    static const char text[] = "[default]\nservices = l ; c\n[services l]\ndynamodb =\n  endpoint_url = http://x\n";
    static const char bytes[] = {0, '\n', '[', ']', '=', ' ', '#', '"', '\r'};
    for (size_t i = 0; i < sizeof text - 1; i++) {
        for (size_t b = 0; b < sizeof bytes; b++) {
            size_t n = b ? sizeof text - 1 : i;
            char *copy = malloc(n ? n : 1);
            assert_non_null(copy);
            memcpy(copy, text, n);
            if (b) copy[i] = bytes[b];
            struct profile_text t = {copy, n, true};
            int line;
            const char *problem;
            assert_true(profile_check(&t, &line, &problem) == (problem == NULL));
            profile_get(&t, "services", "l", "dynamodb", "endpoint_url");
            free(copy);
        }
    }
}

#define TEST(f) cmocka_unit_test_setup(f, test_setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_environment),
        TEST(test_half_a_pair),
        TEST(test_values_that_would_break_headers),
        TEST(test_profiles),
        TEST(test_environment_and_profile),
        TEST(test_config_file_keys),
        TEST(test_other_paths),
        TEST(test_nothing_found),
        TEST(test_no_such_profile),
        TEST(test_unsupported),
        TEST(test_malformed_files),
        TEST(test_region),
        TEST(test_endpoint_precedence),
        TEST(test_endpoint_ignored_by_profile),
        TEST(test_missing_services_section),
        TEST(test_partitions),
        TEST(test_syntax),
        TEST(test_bad_syntax),
        TEST(test_every_offset),
    };
    return cmocka_run_group_tests_name("credentials", tests, group_setup, group_teardown);
}
