/* SPDX-License-Identifier: MIT
 *
 * What a site would object to. Each rule has a name, and is told by one call of hec__object();
 * which rules there are, the guide's page on checks lists.
 */
#ifndef HEC_BATCH_RULES_H
#define HEC_BATCH_RULES_H

#include "batch/request.h"
#include "batch/site.h"

typedef struct hec__check {
    const hec_request *q;
    const hec_site *site;
    const hec__partition *partition; /* the one that is asked for, if the site file knows it */
    const uint32_t *lines;           /* of each option in a script; NULL: there is none */
    hec_finding_told *told;
    void *ctx;
    int serious; /* how many so far */
} hec__check;

/* How bad it is: the site would refuse, end or punish it; or it could be better. */
enum hec__weight { HEC__ADVICE, HEC__SERIOUS };

/* Tells of something; as printf. line: of a script, 0 where there is none. */
void hec__object(hec__check *c, const char *rule, enum hec__weight weight, uint32_t line,
                 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* The line of an option; 0 where it has none. */
uint32_t hec__check_line(const hec__check *c, enum hec__option option);

/* The site, its partitions and its limits. */
void hec__check_limits(hec__check *c);

/* How the job uses what it asks for: arrays, mail, memory, output, threads. */
void hec__check_use(hec__check *c);

/* ---- lines of shell ---- */

/* What is remembered from one line to the next. */
typedef struct hec__shell_check {
    hec__check *check;
    int loops;            /* around the present line */
    uint32_t starts;      /* of steps by srun, so far */
    bool ready;           /* `module` can be used */
    uint64_t threads;     /* OMP_NUM_THREADS and the like, the largest that is set */
    const char *variable; /* which */
    uint32_t threads_line;
} hec__shell_check;

/* Looks at one line of a script, or a command. */
void hec__check_shell(hec__shell_check *s, const char *text, uint32_t line);

/* What can only be said after the last. cpus: of a node; 0: not known. */
void hec__check_shell_end(hec__shell_check *s, uint32_t cpus);

#endif
