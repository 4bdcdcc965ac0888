/* SPDX-License-Identifier: MIT
 *
 * hec report: cmd_report.c of batch jobs, report_tasks.c of tasks in a journal.
 */
#ifndef HEC_CLI_REPORT_H
#define HEC_CLI_REPORT_H

#include <hec/run.h>

#include <stdbool.h>

/* Of a map or a sweep, which it then owns; NULL: of the journal of this name. Returns the exit
 * status. */
int report_tasks(hec_rundir *run, const char *name, bool json);

#endif
