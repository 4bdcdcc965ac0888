/* SPDX-License-Identifier: MIT */
#include "sys/threads.h"

#include "sys/loaded.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* A library, the variable by which its user sets it, and the functions that do the same; builds
 * differ in the decoration of the name. */
static const struct library {
    const char *words[4];
    const char *variable;
    const char *setters[5];
    /* Variables of the library: whether its threads run, and how many it uses. */
    const char *running, *level;
} libraries[] = {
    {.words = {"libgomp", "libomp", "libiomp"},
     .variable = "OMP_NUM_THREADS",
     .setters = {"omp_set_num_threads"}},
    {.words = {"openblas"},
     .variable = "OPENBLAS_NUM_THREADS",
     .setters = {"openblas_set_num_threads", "openblas_set_num_threads64_",
                 "scipy_openblas_set_num_threads", "scipy_openblas_set_num_threads64_"},
     .running = "blas_server_avail",
     .level = "blas_cpu_number"},
    {.words = {"libmkl_rt"}, .variable = "MKL_NUM_THREADS", .setters = {"MKL_Set_Num_Threads"}},
    {.words = {"libblis"},
     .variable = "BLIS_NUM_THREADS",
     .setters = {"bli_thread_set_num_threads"}},
    {.variable = "NUMEXPR_NUM_THREADS"},
    {.variable = "NUMBA_NUM_THREADS"},
    {.variable = "VECLIB_MAXIMUM_THREADS"},
    {.variable = "RAYON_NUM_THREADS"},
    {.variable = "POLARS_MAX_THREADS"},
};

/* OpenBLAS ends its threads before a fork and starts them again, also when there is nothing to do,
 * as soon as it is told their number: they then spin for a tenth of a second, in every new worker.
 * So while they do not run, the number is put where the library will look when it needs it. */
static bool tell_quietly(const hec__loaded *l, int i, const struct library *lib, int n)
{
    int *running = lib->running ? hec__loaded_symbol(l, i, lib->running) : NULL;
    int *level = lib->level ? hec__loaded_symbol(l, i, lib->level) : NULL;

    if (!running || !level || *running != 0 || *level < 1)
        return false;
    *level = n;
    return true;
}

static int share; /* set while the process has one thread */

/* Tells all loaded copies of one library. */
static int tell(const struct library *lib, int n)
{
    hec__loaded l;
    int told = 0;

    hec__loaded_find(&l, lib->words);
    for (int i = 0; i < l.n; i++) {
        if (tell_quietly(&l, i, lib, n)) {
            told++;
            continue;
        }
        for (int s = 0; lib->setters[s]; s++) {
            void (*set)(long); /* int or long: on every ABI we run on both come in a register */

            *(void **)&set = hec__loaded_symbol(&l, i, lib->setters[s]);
            if (!set)
                continue;
            set(n);
            told++;
            break;
        }
    }
    return told;
}

int hec__threads_limit(int n)
{
    bool omp_set = getenv("OMP_NUM_THREADS") != NULL;
    int told = 0;
    char text[16];

    share = n;
    snprintf(text, sizeof text, "%d", n);
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        const struct library *lib = &libraries[i];

        /* OMP_NUM_THREADS is what most libraries fall back on: who sets it means all of them. */
        if (omp_set || getenv(lib->variable))
            continue;
        setenv(lib->variable, text, 0);
        told += lib->words[0] ? tell(lib, n) : 0;
    }
    return told;
}

int hec__threads_share(void)
{
    return share;
}
