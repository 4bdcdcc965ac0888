/* SPDX-License-Identifier: MIT
 *
 * Commands and their ends as bytes, for an engine whose places are on other nodes.
 *
 * Two programs speak through one stream of bytes in each direction: who gives commands (the
 * *giver*), and an *agent* on each node, which runs them. A stream is a row of frames:
 *
 *     u32 size of the payload | u32 type | payload
 *
 * Integers are little-endian. A text is u32 length | bytes | NUL, so that the receiver can point to
 * it; length 0xffffffff and nothing else is no text at all. A list is u32 count | texts.
 *
 *     agent -> giver   HELLO    first: what it is and what its node has
 *     giver -> agent   BEGIN    the answer: how many at a time, and in what environment
 *     giver -> agent   RUN      a command
 *     giver -> agent   CANCEL   ends one, or all, as a time limit would; KILL: without grace
 *     giver -> agent   TAKE     gives back up to so many that were not begun
 *     agent -> giver   DATA     output of a command; END: its end; BACK: one that is given back
 *     agent -> giver   PING     it lives, when there was nothing else to say
 *     agent -> giver   TROUBLE  last: why it cannot go on
 *
 * What comes from the other side is checked here; a frame that makes no sense is HEC_EFORMAT.
 */
#ifndef HEC_TASK_WIRE_H
#define HEC_TASK_WIRE_H

#include "base/strbuf.h"

#include <hec/command.h>

#define HEC__WIRE_VERSION 1u
#define HEC__WIRE_HEAD    8u
/* No frame is larger: an argument list has 2 MiB, or what a raised limit of the stack gives. */
#define HEC__WIRE_MAX (64u << 20)

enum hec__wire_type {
    HEC__WIRE_HELLO = 1,
    HEC__WIRE_BEGIN,
    HEC__WIRE_RUN,
    HEC__WIRE_CANCEL,
    HEC__WIRE_KILL,
    HEC__WIRE_TAKE,
    HEC__WIRE_DATA,
    HEC__WIRE_END,
    HEC__WIRE_BACK,
    HEC__WIRE_PING,
    HEC__WIRE_TROUBLE,
};

/* One frame, whichever; only the fields of its type mean something. After reading, texts and lists
 * are valid until the bytes are gone or hec__wire_fini() is called. */
typedef struct hec__frame {
    uint32_t type;
    uint32_t version, cpus, width, grace_ms, mask; /* HELLO, BEGIN */
    const char *name, *host, *release;             /* HELLO; release also BEGIN */
    uint64_t task;                                 /* RUN, CANCEL, KILL, DATA, END, BACK */
    uint32_t count;                                /* TAKE */
    int32_t stream;                                /* DATA */
    const void *bytes;                             /* DATA */
    size_t size;
    const char *cwd; /* BEGIN, RUN; NULL: none */
    char **argv;     /* RUN; NULL at the end */
    char **env;      /* RUN: changes, NULL: none; BEGIN: all of it */
    uint64_t timeout_ms, memory_bytes;
    hec_command_end end; /* END, but for out, err and error, which is: */
    hec_error error;     /* END of a refused one, TROUBLE; code 0: none */
    char **owned[2];     /* what hec__wire_fini() frees */
} hec__frame;

/* Appends a frame. Memory that is short shows in out->failed; HEC_EINVAL: larger than a frame may
 * be, and nothing was appended. */
int hec__wire_put(hec__strbuf *out, const hec__frame *f, hec_error *err);

/* How many bytes the first frame of these has: 0: not all of its head is there. HEC_EFORMAT. The
 * frame may have more bytes than there are yet. */
int64_t hec__wire_size(const void *bytes, size_t size, hec_error *err);

/* Reads a frame that is there in full. HEC_EFORMAT, HEC_ENOMEM: nothing is owned. */
int hec__wire_get(const void *bytes, size_t size, hec__frame *ret, hec_error *err);

void hec__wire_fini(hec__frame *f);

#endif
