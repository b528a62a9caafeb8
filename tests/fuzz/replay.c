/* Gives a fuzz target each of the files named, and every beginning of it: the corpus as an ordinary test, without libFuzzer. */
#include <stdio.h>

#include "require.h"

#define INPUT_MAX (1 << 16)

int main(int argc, char **argv) {
    uint8_t *data = malloc(INPUT_MAX);
    if (data == NULL || argc < 2) return 2;
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        if (f == NULL) {
            perror(argv[i]);
            return 1;
        }
        size_t n = fread(data, 1, INPUT_MAX, f);
        fclose(f);
        for (size_t cut = 0; cut <= n && cut <= 4096; cut++) LLVMFuzzerTestOneInput(data, cut);
        LLVMFuzzerTestOneInput(data, n);
    }
    printf("%d files\n", argc - 1);
    free(data);
    return 0;
}
