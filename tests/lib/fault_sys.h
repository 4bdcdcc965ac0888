/* SPDX-License-Identifier: MIT
 *
 * System calls that fail on command, as fault.h has it for allocations: linked with fault_sys.c
 * and the linker's --wrap for each. Only the process that armed them is
 * concerned, but for fallocate(), which only its children call: they do not tell that it failed.
 */
#ifndef HEC_TEST_FAULT_SYS_H
#define HEC_TEST_FAULT_SYS_H

#include <stdbool.h>

/* X(name, errno it fails with); the names are those of the linker, with _FILE_OFFSET_BITS=64 */
#define FAULT_CALLS(X)                                                                             \
    X(mmap64, ENOMEM)                                                                              \
    X(memfd_create, EMFILE)                                                                        \
    X(ftruncate64, EINVAL)                                                                         \
    X(fallocate64, ENOSPC)                                                                         \
    X(epoll_create1, EMFILE)                                                                       \
    X(epoll_ctl, ENOSPC)                                                                           \
    X(eventfd, EMFILE)                                                                             \
    X(fork, EAGAIN)                                                                                \
    X(pipe2, EMFILE)

enum fault_call {
#define FAULT_ENUM(name, sys) FAULT_##name,
    FAULT_CALLS(FAULT_ENUM)
#undef FAULT_ENUM
        FAULT_CALLS_N
};

extern const char *const fault_call_names[FAULT_CALLS_N];

/* The n-th such call from now fails, and, with `on`, all after it. */
void fault_sys_arm(enum fault_call call, long n, bool on);

/* Nothing fails any more. Whether anything did. */
bool fault_sys_disarm(void);

#endif
