/* SPDX-License-Identifier: MIT
 *
 * A parallel region in the parent, then a fork, then one in the child: with GNU OpenMP the child
 * would wait for ever for threads that only its parent has.
 */
#include "tap.h"

#include "sys/openmp.h"

#include <stdlib.h>

#ifndef _OPENMP
int main(void)
{
    bool required = getenv("HEC_REQUIRE") && strcmp(getenv("HEC_REQUIRE"), "1") == 0;

    printf("%sok 1 - OpenMP is paused before a fork # SKIP no compiler option for OpenMP\n1..1\n",
           required ? "not " : "");
    return required;
}
#else
#include <poll.h>
#include <omp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static int sum(void)
{
    int n = 0;

#pragma omp parallel for num_threads(4) reduction(+ : n)
    for (int i = 0; i < 1000; i++)
        n += i;
    return n;
}

int main(void)
{
    int status = -1;
    pid_t pid;

    alarm(30);
    ok(sum() == 499500, "a parallel region in the parent");
    ok(hec__openmp_pause() >= 1, "the runtime is found and paused");
    pid = fork();
    if (pid == 0) {
        alarm(10); /* a hang is a death by SIGALRM */
        _exit(sum() == 499500 ? 0 : 1);
    }
    ok(waitpid(pid, &status, 0) == pid && status == 0, "one in the child does not hang (%d)",
       status);
    ok(sum() == 499500, "nor another in the parent");
    return done_testing();
}
#endif
