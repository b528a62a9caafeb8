/* Answers to a BatchWriteItem, and items whose key is hashed, as any bytes. */
#include "dynamodb/batch.h"
#include "dynamodb/key.h"
#include "require.h"

static const struct dynamodb_schema schema = {
    .name = "T", .partition = {.name = "P", .type = DYNAMODB_S}, .sort = {.name = "N", .type = DYNAMODB_N}};
static const struct dynamodb_schema binary = {.name = "T", .partition = {.name = "P", .type = DYNAMODB_B}};

static void fill(struct batch *b) {
    static const char *const items[] = {"{\"P\":{\"S\":\"a\"},\"N\":{\"N\":\"1\"}}", "{\"P\":{\"S\":\"b\"},\"N\":{\"N\":\"20\"}}",
                                        "{\"P\":{\"S\":\"\xc3\xa4\"},\"N\":{\"N\":\"-0.5\"}}"};
    batch_init(b);
    require(batch_begin(b, &schema));
    for (int i = 0; i < 3; i++) {
        struct batch_item like = {.place = i};
        require(dynamodb_key_hash_item(&schema, items[i], strlen(items[i]), &like.key));
        require(batch_add(b, &like, items[i], strlen(items[i])));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = exact_copy(data, size);
    struct batch b;
    struct batch_answer answer;
    uint64_t key, again;
    fill(&b);
    batch_read_answer(&b, text, size, &answer);
    int count = answer.left_count, flags = 0;
    for (int i = 0; i < DYNAMODB_BATCH_ITEMS_MAX; i++) flags += answer.left[i];
    require(count == -1 ? flags == b.count : count == flags && count <= b.count);
    require(answer.consumed == -1 || (answer.consumed >= 0 && answer.consumed <= 1e6 && count >= 0));
    batch_keep(&b, answer.left);
    require(b.count == flags && batch_finish(&b));
    if (dynamodb_key_hash_item(&schema, text, size, &key)) {
        require(dynamodb_key_hash_item(&schema, text, size, &again) && key == again);
    }
    dynamodb_key_hash_item(&binary, text, size, &key);
    batch_free(&b);
    free(text);
    return 0;
}
