#include "aws/trust.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static X509_STORE *store;               /* connections hold it as well, so it may be replaced */
static char *store_file, *store_folder; /* empty: none */
static struct timespec store_time;

bool trust_can_share(const char *ssl_version) {
    static const char name[] = "OpenSSL/";
    return ssl_version && strncmp(ssl_version, name, sizeof name - 1) == 0 &&
           strcmp(ssl_version + sizeof name - 1, OpenSSL_version(OPENSSL_VERSION_STRING)) == 0;
}

static bool loaded(const char *file, const char *folder, struct timespec time) {
    return store && strcmp(store_file, file) == 0 && strcmp(store_folder, folder) == 0 && store_time.tv_sec == time.tv_sec &&
           store_time.tv_nsec == time.tv_nsec;
}

/* As libcurl has it: an authority of the file's is enough, though it is not a root. */
static bool load(const char *file, const char *folder) {
    X509_STORE *made = X509_STORE_new();
    char *names[2] = {strdup(file), strdup(folder)};
    bool ok = made && names[0] && names[1] &&
              X509_STORE_load_locations(made, *file ? file : NULL, *folder ? folder : NULL) == 1 &&
              X509_STORE_set_flags(made, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN) == 1;
    if (!ok) {
        ERR_clear_error();
        X509_STORE_free(made);
        for (int i = 0; i < 2; i++) free(names[i]);
        return false;
    }
    X509_STORE_free(store);
    free(store_file);
    free(store_folder);
    store = made;
    store_file = names[0];
    store_folder = names[1];
    return true;
}

bool trust_load(const char *file, const char *folder) {
    struct stat st = {0};
    if (file == NULL) file = "";
    if (folder == NULL) folder = "";
    if (*file && stat(file, &st) != 0) return false;
    pthread_mutex_lock(&lock);
    bool ok = loaded(file, folder, st.st_mtim) || load(file, folder);
    if (ok) store_time = st.st_mtim;
    pthread_mutex_unlock(&lock);
    return ok;
}

bool trust_give(void *ssl_ctx) {
    pthread_mutex_lock(&lock);
    bool ok = store != NULL;
    if (ok) SSL_CTX_set1_cert_store(ssl_ctx, store);
    pthread_mutex_unlock(&lock);
    return ok;
}
