/* SPDX-License-Identifier: MIT
 *
 * Asking another program something: it is started without a shell, what it prints is kept, and it
 * has an end however it behaves. For short questions, one at a time; tasks are src/command's.
 */
#ifndef HEC_SYS_ASK_H
#define HEC_SYS_ASK_H

#include "base/strbuf.h"

#include <hec/error.h>

#include <stdint.h>

/* Of one stream; who prints more is told off. */
#define HEC__ASK_MAX ((size_t)256 << 20)

typedef struct hec__question {
    const char *const *argv;    /* argv[0] is looked for on PATH; ends with NULL */
    const char *const *changes; /* of the environment, as of hec_command; NULL: none */
    const char *cwd;            /* NULL: here */
    const char *input;          /* the file that becomes its standard input; NULL: none */
    uint32_t timeout_ms;        /* then its group is killed; 0: a minute */
} hec__question;

/* What came of it; to be ended with hec__answer_fini(). */
typedef struct hec__answer {
    hec__strbuf out, err;
    int exit_status; /* 128 + N where signal N ended it */
} hec__answer;

/* Asks, and waits for the end of the program; of what it leaves behind only as much is read as is
 * there by then. *ret is filled on success alone.
 * HEC_ENOENT: there is no such program. HEC_EAGAIN: it was killed for not ending in time.
 * HEC_EFORMAT: it printed more than HEC__ASK_MAX. HEC_EINTR: a signal came, and the program was
 * killed. HEC_EIO: the input cannot be read. HEC_ESYS, HEC_ENOMEM. */
int hec__ask(const hec__question *question, hec__answer *ret, hec_error *err);
void hec__answer_fini(hec__answer *answer);

#endif
