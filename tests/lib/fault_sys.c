/* SPDX-License-Identifier: MIT
 *
 * The countdown behind fault_sys.h. Armed by one thread; others of the library may call meanwhile.
 */
#include "fault_sys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#define FAULT_NAME(name, sys)  #name,
#define FAULT_ERRNO(name, sys) sys,
const char *const fault_call_names[FAULT_CALLS_N] = {FAULT_CALLS(FAULT_NAME)};
static const int fault_errno[FAULT_CALLS_N] = {FAULT_CALLS(FAULT_ERRNO)};

static _Atomic enum fault_call armed;
static _Atomic long countdown;
static _Atomic bool fired, stays, everywhere;
static _Atomic pid_t by;

void fault_sys_arm(enum fault_call call, long n, bool on)
{
    armed = call;
    stays = on;
    everywhere = call == FAULT_fallocate64;
    fired = false;
    by = getpid();
    countdown = n; /* last: from here on it counts */
}

bool fault_sys_disarm(void)
{
    countdown = 0;
    return fired;
}

static bool fails(enum fault_call call)
{
    long left = countdown;

    if (left == 0 || call != armed || (getpid() != by && !everywhere))
        return false;
    while (left > 0 && !atomic_compare_exchange_weak(&countdown, &left,
                                                     left > 1 ? left - 1
                                                     : stays  ? 1
                                                              : 0))
        continue;
    if (left != 1)
        return false;
    fired = true;
    errno = fault_errno[call];
    return true;
}

/* One wrapper: its result, name, what failure returns, parameters and arguments. */
#define WRAP(type, name, failed, params, args)                                                     \
    type __real_##name params;                                                                     \
    type __wrap_##name params;                                                                     \
    type __wrap_##name params                                                                      \
    {                                                                                              \
        return fails(FAULT_##name) ? (failed) : __real_##name args;                                \
    }

WRAP(void *, mmap64, MAP_FAILED, (void *at, size_t n, int prot, int flags, int fd, off_t offset),
     (at, n, prot, flags, fd, offset))
WRAP(int, memfd_create, -1, (const char *name, unsigned flags), (name, flags))
WRAP(int, ftruncate64, -1, (int fd, off_t size), (fd, size))
WRAP(int, fallocate64, -1, (int fd, int mode, off_t offset, off_t n), (fd, mode, offset, n))
WRAP(int, epoll_create1, -1, (int flags), (flags))
WRAP(int, epoll_ctl, -1, (int ep, int op, int fd, struct epoll_event *ev), (ep, op, fd, ev))
WRAP(int, eventfd, -1, (unsigned n, int flags), (n, flags))
WRAP(pid_t, fork, -1, (void), ())
WRAP(int, pipe2, -1, (int fds[2], int flags), (fds, flags))
