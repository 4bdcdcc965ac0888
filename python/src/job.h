/* SPDX-License-Identifier: MIT
 *
 * A site, options and a command of Python's, in C's terms.
 */
#ifndef PYHEC_JOB_H
#define PYHEC_JOB_H

#include "state.h"

typedef struct job_asked {
    hec_site *site;
    hec_request *request;
} job_asked;

/* options: pairs of text. -1 with an exception; then there is nothing to end. */
int job_asked_init(job_asked *a, PyObject *site, PyObject *options, PyObject *command);
void job_asked_fini(job_asked *a);

/* None, or a name or path. -1 with an exception. */
int job_open_site(PyObject *name, hec_site **ret_site);

#endif
