/* SPDX-License-Identifier: MIT */
#include "sys/forkable.h"

#include "sys/child.h"
#include "sys/loaded.h"
#include "sys/openmp.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CUDA_SUCCESS 0 /* of cuda.h; an error says that cuInit() was not called, or failed */

/* The driver's own word. Asking does not initialise anything: it is the documented way to find
 * out. */
static bool is_cuda_initialised(void)
{
    static const char *const words[] = {"libcuda.so", NULL};
    hec__loaded l;

    hec__loaded_find(&l, words);
    for (int i = 0; i < l.n; i++) {
        int (*count)(int *), n = 0;

        *(void **)&count = hec__loaded_symbol(&l, i, "cuDeviceGetCount");
        if (count && count(&n) == CUDA_SUCCESS)
            return true;
    }
    return false;
}

const char *hec__gpu_in_use(void)
{
    /* The device of unified memory is CUDA's alone; tools that only watch a GPU do not open it. */
    static const char *const cuda[] = {"/dev/nvidia-uvm", NULL};
    static const char *const rocm[] = {"/dev/kfd", NULL};

    if (is_cuda_initialised() || hec__device_is_open(cuda))
        return "CUDA";
    return hec__device_is_open(rocm) ? "ROCm" : NULL;
}

static bool is_open_on(dev_t device)
{
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *entry;
    bool found = false;

    while (dir && !found && (entry = readdir(dir))) {
        struct stat st;

        found = entry->d_name[0] != '.' && fstat((int)strtol(entry->d_name, NULL, 10), &st) == 0 &&
                S_ISCHR(st.st_mode) && st.st_rdev == device;
    }
    if (dir)
        closedir(dir);
    return found;
}

bool hec__device_is_open(const char *const *paths)
{
    struct stat st;

    for (; *paths; paths++)
        if (stat(*paths, &st) == 0 && S_ISCHR(st.st_mode) && is_open_on(st.st_rdev))
            return true;
    return false;
}

static void read_name(hec__thread *t)
{
    char path[64];
    FILE *f;

    snprintf(path, sizeof path, "/proc/self/task/%d/comm", (int)t->tid);
    f = fopen(path, "re");
    t->name[0] = '\0';
    if (!f)
        return; /* it has ended meanwhile */
    if (fgets(t->name, sizeof t->name, f))
        t->name[strcspn(t->name, "\n")] = '\0';
    fclose(f);
}

static int list_threads(hec__thread *threads, int max)
{
    DIR *dir = opendir("/proc/self/task");
    int32_t own = (int32_t)syscall(SYS_gettid);
    const struct dirent *entry;
    int n = 0;

    if (!dir)
        return -1;
    while ((entry = readdir(dir))) {
        int32_t tid = (int32_t)strtol(entry->d_name, NULL, 10);

        if (tid == 0 || tid == own)
            continue;
        if (n < max) {
            threads[n].tid = tid;
            read_name(&threads[n]);
        }
        n++;
    }
    closedir(dir);
    return n;
}

/* What its own handler does at a fork. *ret_hidden: there is one that does not offer it. */
static int end_openblas_threads(bool *ret_hidden)
{
    static const char *const words[] = {"openblas", NULL};
    static const char *const names[] = {"blas_thread_shutdown_", "scipy_blas_thread_shutdown_"};
    hec__loaded l;
    int ended = 0;

    hec__loaded_find(&l, words);
    for (int i = 0; i < l.n; i++) {
        const int *running = hec__loaded_symbol(&l, i, "blas_server_avail");
        int (*shutdown)(void) = NULL;

        for (size_t k = 0; !shutdown && k < sizeof names / sizeof *names; k++)
            *(void **)&shutdown = hec__loaded_symbol(&l, i, names[k]);
        *ret_hidden = *ret_hidden || !shutdown;
        if (!shutdown || (running && !*running))
            continue;
        shutdown();
        ended++;
    }
    return ended;
}

/* A library that ends its threads before each fork, and does not offer to do so otherwise, does it
 * for a child that ends at once, too: what is there afterwards is there at a fork. */
static void fork_in_vain(void)
{
    hec__child child = {.fd = -1};
    int status;

    switch (hec__child_fork(&child, NULL)) {
    case 0:
        kill(child.pid, SIGKILL); /* should a library's handler keep it */
        hec__child_reap(&child, true, &status);
        hec__child_forget(&child);
        break;
    case 1:
        _exit(0);
    default:
        break; /* without it there are more threads than need be: that is no danger */
    }
}

int hec__other_threads(hec__thread *threads, int max)
{
    int n = list_threads(threads, 0);
    bool hidden = false;

    if (n > 0 && hec__openmp_pause() + end_openblas_threads(&hidden) > 0)
        n = list_threads(threads, 0);
    if (n > 0 && hidden) {
        fork_in_vain();
        n = list_threads(threads, 0);
    }
    return n > 0 ? list_threads(threads, max) : n;
}
