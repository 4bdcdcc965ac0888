/* SPDX-License-Identifier: MIT
 *
 * The verbs, one file each: cmd_NAME.c defines verb_NAME, main.c has the table.
 */
#ifndef HEC_CLI_VERBS_H
#define HEC_CLI_VERBS_H

#include "opt.h"

extern const opt_verb verb_cancel, verb_check, verb_clean, verb_config, verb_diff, verb_help,
    verb_host, verb_list, verb_logs, verb_map, verb_mpi, verb_report, verb_rerun, verb_results,
    verb_resume, verb_script, verb_site, verb_status, verb_submit, verb_sweep, verb_wait;

/* The verb of this name, NULL where there is none: then it has complained. */
const opt_verb *verb_find(const char *name);

/* The list of verbs, on stdout. */
void verb_print_all(void);

#endif
