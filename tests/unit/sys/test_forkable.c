/* SPDX-License-Identifier: MIT
 *
 * What speaks against a fork is seen: devices that are open, threads that are left.
 */
#include "sys/forkable.h"
#include "tap.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int ready[2], over[2];

static void *wait_for_end(void *name)
{
    int32_t tid = (int32_t)syscall(SYS_gettid);
    char c;

    if (name)
        pthread_setname_np(pthread_self(), name);
    if (write(ready[1], &tid, sizeof tid) < 0 || read(over[0], &c, 1) < 0)
        return NULL;
    return NULL;
}

static void devices(void)
{
    const char *const zero[] = {"/no/such/device", "/dev/zero", NULL};
    const char *const files[] = {"/proc/self/stat", NULL};
    int fd;

    ok(!hec__device_is_open(zero), "a device that nobody has open is not in use");
    fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    ok(fd >= 0 && hec__device_is_open(zero), "one that is open is");
    close(fd);
    ok(!hec__device_is_open(zero), "until it is closed");
    fd = open(files[0], O_RDONLY | O_CLOEXEC);
    ok(fd >= 0 && !hec__device_is_open(files), "a file is no device");
    close(fd);
}

#if defined(__SANITIZE_THREAD__)
#define WATCHED true
#else
#define WATCHED false
#endif

static void *wait_for_nothing(void *arg)
{
    return arg;
}

static void threads(void)
{
    hec__thread list[8];
    pthread_t threads[3];
    int before;
    int32_t tids[3] = {0};
    char own[16] = "", enough[3] = {0};
    bool found = false;

    /* The thread sanitizer has one of its own, from the first that is made on. */
    if (WATCHED && pthread_create(&threads[0], NULL, wait_for_nothing, NULL) == 0)
        pthread_join(threads[0], NULL);
    before = hec__other_threads(list, 8);
    pthread_getname_np(pthread_self(), own, sizeof own);
    ok(before == 0 || (WATCHED && before == 1), "a process of one thread has no others");
    if (!ok(pipe2(ready, O_CLOEXEC) == 0 && pipe2(over, O_CLOEXEC) == 0, "pipes"))
        return;
    for (int i = 0; i < 3; i++)
        if (pthread_create(&threads[i], NULL, wait_for_end, i == 1 ? (void *)"hec-test" : NULL) ||
            read(ready[0], &tids[i], sizeof tids[i]) != sizeof tids[i])
            return;
    ok(hec__other_threads(list, 8) == before + 3, "three threads are three");
    for (int i = 0; i < before + 3; i++)
        if (list[i].tid == tids[1])
            found = strcmp(list[i].name, "hec-test") == 0;
    ok(found, "with their names");
    for (int i = 0; i < before + 3; i++)
        if (list[i].tid == tids[0])
            found = strcmp(list[i].name, own) == 0;
    ok(found, "that of the program where they have none");
    ok(hec__other_threads(list, 1) == before + 3, "and are counted beyond the room there is");
    if (write(over[1], enough, sizeof enough) != sizeof enough)
        return;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 1000 && hec__other_threads(list, 8) > before; i++)
        poll(NULL, 0, 5); /* joined is not yet gone */
    ok(hec__other_threads(list, 8) == before, "those that have ended are not there");
}

int main(void)
{
    devices();
    threads();
    return done_testing();
}
