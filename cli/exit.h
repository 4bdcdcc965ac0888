/* SPDX-License-Identifier: MIT
 *
 * Exit statuses of the program, documented in hec(1). Errors of libhec bring their own, by
 * hec_error_exit_status(), from the same set.
 */
#ifndef HEC_CLI_EXIT_H
#define HEC_CLI_EXIT_H

enum exit_status {
    STATUS_OK = 0,
    STATUS_FAILED = 1,    /* some task failed */
    STATUS_USAGE = 2,     /* the command line makes no sense */
    STATUS_CONFIG = 3,    /* what it names does not */
    STATUS_SCHEDULER = 4, /* no such scheduler or host */
    STATUS_INTERNAL = 5,  /* the system or hec itself failed */
    STATUS_AGAIN = 75,    /* stopped before the end: start it again to go on (EX_TEMPFAIL) */
};

#endif
