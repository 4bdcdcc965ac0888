/* SPDX-License-Identifier: MIT
 *
 * Arrays that several processes see: memory shared with all workers of this process's pools, those
 * that run already and those that come. What one process writes, the others read; who writes when
 * is for the program to agree on. Sent to a worker such an array is not copied.
 *
 * An array belongs to the process that made it. It lives until that process has given up its
 * references and every worker that it was sent to has let its view go (or has died); then its
 * memory is used again, or goes back to the system.
 */
#ifndef HEC_ARRAY_H
#define HEC_ARRAY_H

#include <hec/task.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hec_array hec_array;

/* An array of `size` bytes, with one reference, which is the caller's. What is in it is undefined.
 * HEC_ENOMEM with a text that says how much there is; HEC_ESYS. Any thread. */
HEC_API int hec_array_create(size_t size, hec_array **ret_array, hec_error *err);

/* One reference more, one less; the last one frees the array. Any thread. A forked child may unref
 * what it inherited: there it does nothing. NULL is fine. */
HEC_API void hec_array_ref(hec_array *array);
HEC_API void hec_array_unref(hec_array *array);

HEC_API void *hec_array_data(const hec_array *array);
HEC_API size_t hec_array_size(const hec_array *array); /* bytes */

/* How a receiver sees what it is lent. */
typedef enum hec_lend {
    HEC_LEND_SHARED,  /* as it is, now and later; it may write to it */
    HEC_LEND_PRIVATE, /* as it is now, if nobody writes to it; what it writes, nobody else sees */
} hec_lend;

/* Adds `size` bytes from `offset` on of an array to a message, as hec_outbox_block() adds a copy.
 * The receiver holds a reference until it has let its view go. Returns 1; 0 when it cannot be lent
 * and has to be copied: by a worker to its parent, or where it is another process's array. */
HEC_API int hec_outbox_lend_array(hec_outbox *o, hec_array *array, size_t offset, size_t size,
                                  hec_lend how, hec_error *err);

/* The same for part of a view that came from a worker of the same pool, where nothing has been
 * written to it since. */
HEC_API int hec_outbox_lend_view(hec_outbox *o, hec_view *view, size_t offset, size_t size,
                                 hec_error *err);

/* What the shared arrays of this process take, in bytes. */
typedef struct hec_array_memory {
    uint64_t arrays; /* how many there are */
    uint64_t held;   /* their memory */
    uint64_t warm;   /* memory of arrays that are gone, kept for the next */
    uint64_t given_back;
} hec_array_memory;

HEC_API void hec_array_memory_read(hec_array_memory *ret);

#ifdef __cplusplus
}
#endif
#endif
