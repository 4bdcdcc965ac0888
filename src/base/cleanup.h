/* SPDX-License-Identifier: MIT
 *
 * Scope cleanup: the one pattern by which src/ and cli/ give things back.
 *
 *     HEC_AUTO_DEFINE(hec_topology, hec_topology_destroy)     once, beside the type
 *     HEC_AUTO(hec_topology) t = NULL;                        destroyed at the end of the scope
 *     *ret_topology = HEC_STEAL(&t);                          unless it was handed on
 */
#ifndef HEC_BASE_CLEANUP_H
#define HEC_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HEC_AUTO(T) __attribute__((cleanup(T##_autofree))) T *
#define HEC_AUTO_DEFINE(T, destroy)                                                                \
    static inline void T##_autofree(T **p)                                                         \
    {                                                                                              \
        destroy(*p);                                                                               \
    }
#define HEC_STEAL(pp)                                                                              \
    (__extension__({                                                                               \
        __typeof__(*(pp)) stolen_ = *(pp);                                                         \
        *(pp) = NULL;                                                                              \
        stolen_;                                                                                   \
    }))

static inline void hec__free_ptr(char **p)
{
    free(*p);
}
static inline void hec__close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
static inline void hec__close_file(FILE **f)
{
    if (*f)
        fclose(*f);
}

#define HEC_AUTO_STR  __attribute__((cleanup(hec__free_ptr))) char *
#define HEC_AUTO_FD   __attribute__((cleanup(hec__close_fd))) int
#define HEC_AUTO_FILE __attribute__((cleanup(hec__close_file))) FILE *

#endif
