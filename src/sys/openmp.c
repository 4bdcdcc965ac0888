/* SPDX-License-Identifier: MIT */
#include "sys/openmp.h"

#include "sys/loaded.h"

#define PAUSE_HARD 2 /* omp_pause_hard of OpenMP 5.0 */

/* GNU's, LLVM's and Intel's. */
static const char *const runtimes[] = {"libgomp", "libomp", "libiomp", NULL};

int hec__openmp_pause(void)
{
    hec__loaded l;
    int paused = 0;

    hec__loaded_find(&l, runtimes);
    for (int i = 0; i < l.n; i++) {
        int (*pause_all)(int);

        *(void **)&pause_all = hec__loaded_symbol(&l, i, "omp_pause_resource_all");
        if (pause_all && pause_all(PAUSE_HARD) == 0)
            paused++;
    }
    return paused;
}
