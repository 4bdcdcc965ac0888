/* SPDX-License-Identifier: MIT
 *
 *     native_spawn PROGRAM COUNT IN_FLIGHT GIB
 *
 * Runs a program so often, so many at a time, by posix_spawn and waitpid and nothing else, and
 * prints the seconds it took. GIB: so much memory is written before, since some ways to start a
 * process cost more the larger its parent is.
 */
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int run(char *program, long count, long in_flight)
{
    char *argv[] = {program, NULL};
    long started = 0, running = 0;

    while (started < count || running > 0) {
        int status;
        pid_t pid;

        if (started < count && running < in_flight) {
            if (posix_spawn(&pid, program, NULL, NULL, argv, environ) != 0)
                return -1;
            started++;
            running++;
            continue;
        }
        if (waitpid(-1, &status, 0) < 0 || status != 0)
            return -1;
        running--;
    }
    return 0;
}

int main(int argc, char **argv)
{
    size_t size;
    char *ballast;
    double start;

    if (argc != 5) {
        fprintf(stderr, "usage: native_spawn PROGRAM COUNT IN_FLIGHT GIB\n");
        return 2;
    }
    size = (size_t)atol(argv[4]) << 30;
    ballast = malloc(size + 1);
    if (!ballast)
        return 1;
    memset(ballast, 1, size + 1);
    start = now_s();
    if (run(argv[1], atol(argv[2]), atol(argv[3])) < 0) {
        fprintf(stderr, "native_spawn: a command failed\n");
        return 1;
    }
    printf("%.6f\n", now_s() - start);
    /* Used after the loop, so that no compiler leaves out the writing. */
    if (ballast[size] != 1)
        return 1;
    free(ballast);
    return 0;
}
