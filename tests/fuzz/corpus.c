/* SPDX-License-Identifier: MIT */
#include "corpus.h"

#include <dirent.h>
#include <stdio.h>

static int feed(const char *path)
{
    static uint8_t bytes[1 << 20];
    FILE *f = fopen(path, "rb");
    size_t n;
    int bad;

    if (!f)
        return -1;
    n = fread(bytes, 1, sizeof bytes, f);
    bad = ferror(f);
    fclose(f);
    return bad ? -1 : LLVMFuzzerTestOneInput(bytes, n);
}

int corpus_feed(const char *folder, void (*each)(const char *name, int good))
{
    DIR *dir = opendir(folder);
    char path[4096];
    struct dirent *e;
    int fed = 0;

    while (dir && (e = readdir(dir))) {
        int good;

        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        good = feed(path) == 0;
        if (each)
            each(e->d_name, good);
        fed += good;
    }
    if (dir)
        closedir(dir);
    return fed;
}

uint64_t corpus_any(void)
{
    static uint64_t seed = 88172645463325252u;

    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}
