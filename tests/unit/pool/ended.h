/* SPDX-License-Identifier: MIT
 *
 * The end of a child that ends by itself. Where the system has no pidfd, reaping kills what still
 * runs, so its end is waited for first.
 */
#ifndef HEC_TESTS_POOL_ENDED_H
#define HEC_TESTS_POOL_ENDED_H

#include "sys/child.h"

#include <poll.h>
#include <signal.h>

/* Its status, -1 if it does not end within a minute. The child is reaped and forgotten. */
static inline int ended(hec__child *child)
{
    struct pollfd p = {.fd = child->fd, .events = POLLIN};
    int status = -1;

    if (poll(&p, 1, 60000) != 1)
        hec__child_kill(child, SIGKILL);
    hec__child_reap(child, true, &status);
    hec__child_forget(child);
    return status;
}

#endif
