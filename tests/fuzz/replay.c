/* Runs a fuzzer's function once over each file of the directories it is given: the seeds as a plain
 * test, with any compiler. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"

static void replay_file(const char *path)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    FILE *file = fopen(path, "rb");
    must(file);
    for (size_t n = 1; n;) {
        n = fread(buf_reserve(&b, 65536), 1, 65536, file);
        buf_grew(&b, n);
    }
    fclose(file);
    LLVMFuzzerTestOneInput(b.p, b.n);
}

static int replay_directory(const char *path)
{
    int files = 0;
    DIR *directory = opendir(path);
    must(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.')
            continue;
        CLEANUP(xfree) char *file = xasprintf("%s/%s", path, entry->d_name);
        replay_file(file);
        files++;
    }
    closedir(directory);
    return files;
}

int main(int argc, char **argv)
{
    int files = 0;
    for (int i = 1; i < argc; i++)
        files += replay_directory(argv[i]);
    printf("%d inputs\n", files);
    return files ? 0 : 1;
}
