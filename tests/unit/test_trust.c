/* The certificates to trust: loaded once, again when the file has changed, and given to connections of any thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aws/trust.h"

static X509 *certificates[2];
static char file[64];

static X509 *certificate_new(int serial) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    assert_true(key && x && X509_set_version(x, 2) && ASN1_INTEGER_set(X509_get_serialNumber(x), serial));
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_NAME *name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(x, name);
    assert_true(X509_set_pubkey(x, key) && X509_sign(x, key, EVP_sha256()));
    EVP_PKEY_free(key);
    return x;
}

/* The file gets this certificate, or no certificate (NULL), and a time of its own. */
static void write_file(X509 *x, int time) {
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    assert_true(x ? PEM_write_X509(f, x) : fputs("no certificate\n", f) >= 0);
    fclose(f);
    struct timespec times[2] = {{.tv_sec = 1000000000 + time}, {.tv_sec = 1000000000 + time}};
    assert_int_equal(utimensat(AT_FDCWD, file, times, 0), 0);
}

static int setup(void **state) {
    (void)state;
    snprintf(file, sizeof file, "/tmp/hlua-trust-XXXXXX");
    int fd = mkstemp(file);
    for (int i = 0; i < 2; i++) certificates[i] = certificate_new(i + 1);
    return fd < 0 || close(fd);
}

static int teardown(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) X509_free(certificates[i]);
    return unlink(file);
}

/* What a new connection is given; NULL: nothing. The store stays the last one's until it is replaced. */
static X509_STORE *given(void) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    assert_non_null(context);
    X509_STORE *store = trust_give(context) ? SSL_CTX_get_cert_store(context) : NULL;
    SSL_CTX_free(context);
    return store;
}

static bool holds(X509 *x) {
    STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(given());
    for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
        if (X509_cmp(X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i)), x) == 0) return true;
    }
    return false;
}

static void nothing_is_given_before(void **state) {
    (void)state;
    assert_null(given());
    assert_false(trust_load("/nonexistent/certificates.pem", NULL));
    write_file(NULL, 0);
    assert_false(trust_load(file, NULL));
    assert_false(trust_load(NULL, NULL));
    assert_null(given());
    assert_int_equal(ERR_peek_error(), 0); /* nothing is left for who looks for an error of his own */
}

static void loads_once(void **state) {
    (void)state;
    write_file(certificates[0], 1);
    assert_true(trust_load(file, NULL));
    assert_true(holds(certificates[0]) && !holds(certificates[1]));
    X509_STORE *store = given();
    assert_true(trust_load(file, NULL));
    assert_ptr_equal(given(), store);
}

static void loads_again_what_has_changed(void **state) {
    (void)state;
    write_file(certificates[1], 2);
    assert_true(trust_load(file, NULL));
    assert_true(holds(certificates[1]) && !holds(certificates[0]));
    write_file(NULL, 3);
    assert_false(trust_load(file, NULL)); /* who asks is told; those that are there keep what they have */
    assert_true(holds(certificates[1]));
    write_file(certificates[0], 4);
    assert_true(trust_load(file, NULL));
    assert_true(holds(certificates[0]));
}

/* Another folder is another set, though the file is the same. */
static void a_folder_belongs_to_it(void **state) {
    (void)state;
    write_file(certificates[0], 5);
    assert_true(trust_load(file, NULL));
    X509_STORE *store = given();
    assert_true(trust_load(file, "/tmp"));
    assert_ptr_not_equal(given(), store);
    store = given();
    assert_true(trust_load(file, "/tmp"));
    assert_ptr_equal(given(), store);
    assert_true(trust_load(NULL, "/tmp"));
    assert_ptr_not_equal(given(), store);
}

static void shares_with_this_openssl_alone(void **state) {
    (void)state;
    char version[100];
    snprintf(version, sizeof version, "OpenSSL/%s", OpenSSL_version(OPENSSL_VERSION_STRING));
    assert_true(trust_can_share(version));
    snprintf(version, sizeof version, "OpenSSL/%sx", OpenSSL_version(OPENSSL_VERSION_STRING));
    assert_false(trust_can_share(version));
    assert_false(trust_can_share("OpenSSL/1.0.2"));
    assert_false(trust_can_share("GnuTLS/3.7.9"));
    assert_false(trust_can_share(NULL));
}

/* --- threads --- */

static _Atomic bool over;
static _Atomic int wrong;

static void *connects(void *context) {
    (void)context;
    while (!atomic_load(&over)) {
        SSL_CTX *made = SSL_CTX_new(TLS_client_method());
        trust_load(file, NULL); /* false while the file is being written */
        if (made == NULL || !trust_give(made)) atomic_fetch_add(&wrong, 1);
        SSL_CTX_free(made);
    }
    return NULL;
}

static void any_thread_may(void **state) {
    (void)state;
    pthread_t threads[3];
    write_file(certificates[0], 6);
    assert_true(trust_load(file, NULL));
    for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&threads[i], NULL, connects, NULL), 0);
    for (int i = 0; i < 100; i++) write_file(certificates[i % 2], 7 + i);
    atomic_store(&over, true);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_given_before),        cmocka_unit_test(loads_once),
        cmocka_unit_test(loads_again_what_has_changed),   cmocka_unit_test(a_folder_belongs_to_it),
        cmocka_unit_test(shares_with_this_openssl_alone), cmocka_unit_test(any_thread_may),
    };
    return cmocka_run_group_tests_name("trust", tests, setup, teardown);
}
