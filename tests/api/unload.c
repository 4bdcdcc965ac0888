/* SPDX-License-Identifier: MIT
 *
 * A plugin's host: the library comes, runs loops on threads, and goes again, many times. No thread
 * may be left in code that is gone, nor a handler for forks.
 */
#include <hec/parallel.h>

#include <dlfcn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int loop(uint64_t, hec_parallel_body *, void *, const hec_parallel_options *, hec_error *);

static int nothing(void *ctx, uint64_t begin, uint64_t end)
{
    (void)ctx;
    (void)begin;
    (void)end;
    return 0;
}

static int come_and_go(const char *path)
{
    const hec_parallel_options four = {.threads = 4};
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    loop *run = NULL;

    if (!library)
        return 1;
    *(void **)&run = dlsym(library, "hec_parallel_for");
    if (!run || run(1000, nothing, NULL, &four, NULL) != 0)
        return 2;
    dlclose(library);
    return dlopen(path, RTLD_NOW | RTLD_NOLOAD) ? 3 : 0;
}

int main(int argc, char **argv)
{
    int status = 0;
    pid_t child;

    if (argc != 2)
        return 9;
    for (int i = 0; i < 100; i++) {
        int r = come_and_go(argv[1]);

        if (r != 0) {
            fprintf(stderr, "round %d: %d\n", i, r);
            return r;
        }
    }
    child = fork();
    if (child == 0)
        _exit(come_and_go(argv[1]));
    return waitpid(child, &status, 0) == child ? status != 0 : 8;
}
