/*
 * Calls a fuzz target once with each file of the folders that are named: the ordinary test run
 * replays every corpus and every input that ever failed. Needs no fuzzing engine.
 */
#include <dirent.h>

#include "fuzz.h"

enum { INPUT_MAX = 1 << 20 };

/* In a block of just its size, so that a read beyond its end is seen. */
static void replay_file(const char *path) {
    static uint8_t content[INPUT_MAX];
    puts(path);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    size_t size = fread(content, 1, sizeof content, file);
    fclose(file);
    FUZZ_CHECK(size < INPUT_MAX);
    uint8_t *input = malloc(size + 1 - (size > 0));
    FUZZ_CHECK(input != NULL);
    memcpy(input, content, size);
    LLVMFuzzerTestOneInput(input, size);
    free(input);
}

/* Returns how many files there were; a folder that is not there has none. */
static size_t replay_folder(const char *folder) {
    struct dirent **entries;
    size_t files = 0;
    int count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[4096];
        if (entries[i]->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
            replay_file(path);
            files++;
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return files;
}

/* The last name printed is that of the input that failed. */
int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    size_t files = 0;
    for (int i = 1; i < argc; i++)
        files += replay_folder(argv[i]);
    printf("%zu inputs\n", files);
    return files > 0 ? 0 : 1;
}
