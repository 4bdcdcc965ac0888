/* SPDX-License-Identifier: MIT
 *
 * Feeds every file of a folder to a fuzz target: the part of fuzzing that every test run can do.
 * By hand, for as long as one likes:
 *
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -DHEC_STATIC \
 *         -Iinclude -Isrc tests/fuzz/fuzz_hostlist.c src/base/{arena,error,strbuf}.c \
 *         src/topo/{text,hostlist,cgroup}.c -o /tmp/fuzz && /tmp/fuzz
 * tests/fuzz/corpora/hostlist
 */
#include "base/cleanup.h"
#include "tap.h"

#include <dirent.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int feed(const char *path)
{
    static uint8_t bytes[1 << 20];
    HEC_AUTO_FILE f = fopen(path, "r");
    size_t n;

    if (!f)
        return -1;
    n = fread(bytes, 1, sizeof bytes, f);
    return ferror(f) ? -1 : LLVMFuzzerTestOneInput(bytes, n);
}

int main(int argc, char **argv)
{
    DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
    char path[4096];
    struct dirent *e;
    int fed = 0;

    ok(dir != NULL, "there is a folder");
    while (dir && (e = readdir(dir))) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], e->d_name);
        ok(feed(path) == 0, "%s", e->d_name);
        fed++;
    }
    if (dir)
        closedir(dir);
    ok(fed > 0, "%d files", fed);
    return done_testing();
}
