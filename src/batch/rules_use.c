/* SPDX-License-Identifier: MIT
 *
 * Rules about what a job does with what it asks for.
 */
#include "batch/rules.h"

#include "base/units.h"
#include "batch/complete.h"
#include "batch/script.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#define SHORT_TASK_S ((uint64_t)600)    /* several sites ask for ten minutes at least */
#define LONG_JOB_S   ((uint64_t)172800) /* and for hours rather than days */
#define MANY         20
#define CROWD        100

/* ---- arrays ---- */

static void check_short_tasks(hec__check *c, uint64_t elements)
{
    const hec_request *q = c->q;
    uint64_t each = q->task_time_s ? q->task_time_s : q->time_s;
    uint32_t line = hec__check_line(c, HEC__OPTION_ARRAY);
    char text[32];

    if (!each || each >= SHORT_TASK_S || elements < MANY)
        return;
    hec__object(c, "short-tasks", q->task_time_s ? HEC__SERIOUS : HEC__ADVICE, line,
                "%" PRIu64 " elements of %s%s: a scheduler takes longer to start them; put %" PRIu64
                " tasks into each, with 'hec map'",
                elements, q->task_time_s ? "" : "at most ",
                hec__format_seconds(each, text, sizeof text), (SHORT_TASK_S + each - 1) / each);
}

static void check_array(hec__check *c)
{
    const hec_request *q = c->q;
    uint64_t elements = hec__request_elements(q), parts = hec__array_parts(q, c->site);
    uint32_t line = hec__check_line(c, HEC__OPTION_ARRAY);

    if (elements == 0)
        return;
    if (q->mail_to && c->site->array_no_mail)
        hec__object(c, "array-mail", HEC__SERIOUS, hec__check_line(c, HEC__OPTION_MAIL),
                    "%s rejects arrays with mail; send it from a small job with --after",
                    c->site->name);
    else if (q->mail_to && elements >= MANY)
        hec__object(c, "array-mail", HEC__ADVICE, hec__check_line(c, HEC__OPTION_MAIL),
                    "%" PRIu64 " elements may mean as many mails; send one from a small job with "
                    "--after",
                    elements);
    if (parts > 1 && c->lines)
        hec__object(c, "array-size", HEC__SERIOUS, line,
                    "an array of %" PRIu64 " elements up to index %" PRIu32
                    ": the site takes less in one; 'hec script' writes %" PRIu64 " jobs",
                    elements, q->ranges[q->n_ranges - 1].last, parts);
    else if (parts > 1)
        hec__object(c, "array-size", HEC__ADVICE, line,
                    "the array becomes %" PRIu64 " jobs, since the site takes less in one", parts);
    if (elements > CROWD && !q->throttle)
        hec__object(c, "array-throttle", HEC__ADVICE, line,
                    "%" PRIu64 " elements may begin all at once; %%50 behind the array runs 50 at "
                    "a time",
                    elements);
    check_short_tasks(c, elements);
    if (q->output && !strstr(q->output, "{index}") && !strstr(q->output, "%a") &&
        !strstr(q->output, "TASK_ID") && !strstr(q->output, "%I") && !strstr(q->output, "^array"))
        hec__object(c, "shared-output", HEC__SERIOUS, hec__check_line(c, HEC__OPTION_OUTPUT),
                    "all elements write to '%.80s'; {index} in it makes a file for each",
                    q->output);
}

/* ---- amounts that nobody gave ---- */

static void check_given(hec__check *c)
{
    const hec_request *q = c->q;
    bool memory = q->given & 1u << HEC__OPTION_MEMORY, time = q->given & 1u << HEC__OPTION_TIME;
    enum hec__weight weight = c->lines ? HEC__SERIOUS : HEC__ADVICE;
    char text[32];

    if (c->site->scheduler == HEC__LOCAL)
        return;
    if (!memory && c->lines)
        hec__object(c, "memory-missing", weight, 0,
                    "no memory is asked for: what the site gives then may be a fraction of what "
                    "is needed");
    else if (!memory && q->memory != HEC__MEMORY_ALL)
        hec__object(c, "memory-missing", weight, 0,
                    "no memory was given, so %s of each node is asked for; --memory says what is "
                    "needed",
                    hec__format_bytes(q->memory, text, sizeof text));
    if (!time && c->lines)
        hec__object(c, "time-missing", HEC__ADVICE, 0,
                    "no time limit is asked for: shorter jobs begin sooner");
    else if (!time)
        hec__object(c, "time-missing", HEC__ADVICE, 0,
                    "no time limit was given, so %s is asked for",
                    hec__format_seconds(q->time_s, text, sizeof text));
    if (q->time_s > LONG_JOB_S)
        hec__object(c, "long-job", HEC__ADVICE, hec__check_line(c, HEC__OPTION_TIME),
                    "%s is long: keep jobs to hours, and let them go on where they were (hec map "
                    "--journal)",
                    hec__format_seconds(q->time_s, text, sizeof text));
}

static void check_nodes(hec__check *c)
{
    const hec_request *q = c->q;
    bool cpus = q->given & 1u << HEC__OPTION_CPUS, memory = q->given & 1u << HEC__OPTION_MEMORY;

    if (q->nodes > 1 && !q->constraint && c->site->scheduler == HEC__SLURM)
        hec__object(c, "mixed-nodes", HEC__ADVICE, 0,
                    "%" PRIu32 " nodes may be of different kinds; --constraint asks for one kind",
                    q->nodes);
    if (q->exclusive && !cpus)
        hec__object(c, "whole-nodes", HEC__ADVICE, hec__check_line(c, HEC__OPTION_EXCLUSIVE),
                    "whole nodes are asked for, and one CPU of each; --cpus says how many are "
                    "used");
    if (q->exclusive && memory && c->site->memory_of_whole_nodes)
        hec__object(c, "whole-nodes", HEC__ADVICE, hec__check_line(c, HEC__OPTION_MEMORY),
                    "on whole nodes %s sets the memory itself", c->site->name);
}

/* ---- modules, files, waiting ---- */

static void check_modules(hec__check *c)
{
    const hec__pairs *refused = &c->site->refused_modules;

    for (size_t i = 0; i < c->q->modules.n; i++) {
        const char *module = c->q->modules.all[i];

        for (size_t k = 0; k < refused->n; k++) {
            size_t n = strlen(refused->all[k].key);

            if (strncmp(module, refused->all[k].key, n) == 0 && (!module[n] || module[n] == '/'))
                hec__object(c, "module", HEC__SERIOUS, 0, "the module %s: %s", module,
                            refused->all[k].value);
        }
    }
}

/* Whether a path lies in a place: what is in capitals in its name stands for something. */
static bool lies_in(const char *path, const char *place)
{
    size_t n = 0;

    while (place && place[n] && !isupper((unsigned char)place[n]))
        n++;
    return n > 1 && strncmp(path, place, n) == 0;
}

static void check_path(hec__check *c, const char *path, enum hec__option option)
{
    for (size_t i = 0; path && i < c->site->n_storage; i++) {
        const hec__storage *s = &c->site->storage[i];

        if (s->purge && lies_in(path, s->path))
            hec__object(c, "purged-storage", HEC__ADVICE, hec__check_line(c, option),
                        "'%.80s' is in a place that is emptied: %s", path, s->purge);
    }
    if (path && c->site->scheduler != HEC__LOCAL &&
        (strncmp(path, "/tmp/", 5) == 0 || strcmp(path, "/tmp") == 0))
        hec__object(c, "node-local", HEC__SERIOUS, hec__check_line(c, option),
                    "'%.80s' is on the node that the job happens to get, and gone with it", path);
}

static void check_after(hec__check *c)
{
    for (size_t i = 0; i < c->q->n_after; i++)
        if (c->site->scheduler == HEC__SGE && c->q->after[i].how == HEC__AFTER_OK)
            hec__object(c, "after", HEC__ADVICE, hec__check_line(c, HEC__OPTION_AFTER),
                        "Grid Engine begins when job %s has ended, well or not; write any:%s",
                        c->q->after[i].job, c->q->after[i].job);
}

void hec__check_use(hec__check *c)
{
    check_array(c);
    check_given(c);
    check_nodes(c);
    check_modules(c);
    check_path(c, c->q->output, HEC__OPTION_OUTPUT);
    check_path(c, c->q->error, HEC__OPTION_ERROR);
    check_path(c, c->q->workdir, HEC__OPTION_WORKDIR);
    check_after(c);
}
