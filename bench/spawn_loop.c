/* SPDX-License-Identifier: MIT
 *
 *     spawn_loop COUNT WIDTH MEGABYTES COMMAND [ARGUMENT ...]
 *
 * The least that running many commands can cost: posix_spawn() and wait() in a loop, so many at a
 * time, nothing taken from them and nothing known about them. MEGABYTES of this process's memory
 * are written to first. Prints commands per second.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int start(const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
                 char **argv)
{
    pid_t pid;

    return posix_spawnp(&pid, argv[0], actions, attributes, argv, environ);
}

int main(int argc, char **argv)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    long count, width, megabytes, started = 0, ended = 0, failed = 0;
    char *memory;
    double began;
    int r = 0, status;

    if (argc < 5) {
        fprintf(stderr, "usage: spawn_loop COUNT WIDTH MEGABYTES COMMAND [ARGUMENT ...]\n");
        return 2;
    }
    count = strtol(argv[1], NULL, 10);
    width = strtol(argv[2], NULL, 10);
    megabytes = strtol(argv[3], NULL, 10);
    memory = malloc((size_t)megabytes << 20);
    if (megabytes && memory)
        memset(memory, 1, (size_t)megabytes << 20);
    posix_spawn_file_actions_init(&actions);
    for (int fd = 0; fd < 2; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    posix_spawnattr_init(&attributes);
    began = now_s();
    while (r == 0 && ended < count) {
        if (started < count && started - ended < width) {
            r = start(&actions, &attributes, argv + 4);
            started++;
        } else if (wait(&status) > 0) {
            ended++;
            failed += status != 0;
        }
    }
    if (r) {
        fprintf(stderr, "spawn_loop: %s: %s\n", argv[4], strerror(r));
        return 1;
    }
    if (failed) {
        fprintf(stderr, "spawn_loop: %s failed %ld times\n", argv[4], failed);
        return 1;
    }
    printf("%.1f\n", (double)count / (now_s() - began));
    free(memory);
    return 0;
}
