/* SPDX-License-Identifier: MIT
 *
 * hec map: a command for each row of input, on all granted CPUs.
 */
#include "exit.h"
#include "map.h"
#include "map_options.h"
#include "out.h"
#include "verbs.h"

#include <hec/topology.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A twentieth of the time that is left, at most so many seconds, is kept for coming to an end. */
#define MARGIN_MOST_S 30

enum {
    OPT_ARG_FILE,
    OPT_NULL,
    OPT_COLSEP,
    OPT_HEADER,
    OPT_JOBS,
    OPT_KEEP_ORDER,
    OPT_LINE_BUFFER,
    OPT_UNGROUP,
    OPT_TAG,
    OPT_SHELL,
    OPT_WORKDIR,
    OPT_TIMEOUT,
    OPT_MEMORY,
    OPT_RETRIES,
    OPT_RETRY_ON,
    OPT_BACKOFF,
    OPT_RETRY_MEMORY,
    OPT_DEADLINE,
    OPT_HALT,
    OPT_DRY_RUN,
    OPT_BAR,
    OPT_ETA,
    OPT_JOURNAL,
    OPT_RESUME,
    OPT_JOURNAL_TAG,
    OPT_JOBLOG,
    OPT_RESULTS,
    N_OPTS
};

static const opt_row rows[N_OPTS] = {
    [OPT_ARG_FILE] = {"arg-file", "FILE",
                      "read inputs from FILE, one a line; '-' is standard input"},
    [OPT_NULL] = {"null", NULL, "inputs end with a NUL byte and not with a line break"},
    [OPT_COLSEP] = {"colsep", "REGEX",
                    "split each input into columns {1}, {2} ... where it matches"},
    [OPT_HEADER] = {"header", ":", "the first line names the columns, as in {name}"},
    [OPT_JOBS] = {"jobs", "N", "run N at a time; also -1, +2, 50%, of the granted CPUs"},
    [OPT_KEEP_ORDER] = {"keep-order", NULL, "show output in the order of the inputs"},
    [OPT_LINE_BUFFER] = {"line-buffer", NULL, "show each line of output as soon as it is complete"},
    [OPT_UNGROUP] = {"ungroup", NULL, "let commands write by themselves, lines mixed"},
    [OPT_TAG] = {"tag", NULL, "put the input in front of each line of output"},
    [OPT_SHELL] = {"shell", NULL,
                   "let /bin/sh read the command, or each input where there is none"},
    [OPT_WORKDIR] = {"workdir", "DIR", "run the commands in DIR"},
    [OPT_TIMEOUT] = {"timeout", "TIME", "end a command that takes longer: 90s, 15m, 1h30m"},
    [OPT_MEMORY] = {"memory", "SIZE", "end a command that takes more memory: 500M, 2G"},
    [OPT_RETRIES] = {"retries", "N", "run a command that failed up to N times more"},
    [OPT_RETRY_ON] = {"retry-on", "LIST",
                      "only after these: exit statuses, signals, timed-out ..."},
    [OPT_BACKOFF] = {"backoff", "TIME", "wait so long first, and twice as long each further time"},
    [OPT_RETRY_MEMORY] = {"retry-memory", "FACTOR",
                          "multiply --memory by this where it was not enough"},
    [OPT_DEADLINE] = {"deadline", "TIME", "begin nothing that would not be over by then"},
    [OPT_HALT] = {"halt", "WHEN", "stop early: now,fail=1, soon,fail=10%, now,success=1"},
    [OPT_DRY_RUN] = {"dry-run", NULL, "show the commands and run none"},
    [OPT_BAR] = {"bar", NULL, "show how far it is"},
    [OPT_ETA] = {"eta", NULL, "the same in numbers alone"},
    [OPT_JOURNAL] = {"journal", "FILE",
                     "record what was finished in FILE, and do not run it again"},
    [OPT_RESUME] = {"resume", "WHAT", "of what FILE knows: auto, failed (those only), never"},
    [OPT_JOURNAL_TAG] = {"journal-tag", "TEXT", "tasks of another TEXT are others"},
    [OPT_JOBLOG] = {"joblog", "FILE", "write a line about each task to FILE"},
    [OPT_RESULTS] = {"results", "DIR", "also write the output of each task to files below DIR"},
};

static const char letters[N_OPTS] = {
    [OPT_ARG_FILE] = 'a', [OPT_NULL] = '0',       [OPT_COLSEP] = 'C',
    [OPT_JOBS] = 'j',     [OPT_KEEP_ORDER] = 'k', [OPT_UNGROUP] = 'u'};
static const bool many[N_OPTS] = {[OPT_ARG_FILE] = true};

static int complain(const char *option, const hec_error *err)
{
    out_complain("cannot understand --%s: %s", option, err->text);
    return STATUS_USAGE;
}

/* Options whose values are numbers and the like. 0 or an exit status. */
static int take_values(const opt_args *args, map_options *o)
{
    const char *const *v = args->values;
    hec_error err;
    uint64_t timeout_ns = 0, deadline_ns = 0;

    if (v[OPT_JOBS] && map_parse_jobs(v[OPT_JOBS], o->cpus, &o->width, &err) < 0)
        return complain("jobs", &err);
    if (v[OPT_TIMEOUT] && map_parse_duration(v[OPT_TIMEOUT], false, &timeout_ns, &err) < 0)
        return complain("timeout", &err);
    if (v[OPT_BACKOFF] && map_parse_duration(v[OPT_BACKOFF], true, &o->backoff_ns, &err) < 0)
        return complain("backoff", &err);
    if (v[OPT_DEADLINE] && map_parse_duration(v[OPT_DEADLINE], false, &deadline_ns, &err) < 0)
        return complain("deadline", &err);
    if (v[OPT_MEMORY] && map_parse_memory(v[OPT_MEMORY], &o->memory, &err) < 0)
        return complain("memory", &err);
    if (v[OPT_RETRY_MEMORY] && map_parse_factor(v[OPT_RETRY_MEMORY], &o->retry_memory, &err) < 0)
        return complain("retry-memory", &err);
    if (v[OPT_RETRIES] && map_parse_count(v[OPT_RETRIES], 1000000, &o->retries, &err) < 0)
        return complain("retries", &err);
    if (v[OPT_RETRY_ON] && map_parse_retry_on(v[OPT_RETRY_ON], &o->retry_on, &err) < 0)
        return complain("retry-on", &err);
    if (v[OPT_RESUME] && map_parse_resume(v[OPT_RESUME], &o->resume, &err) < 0)
        return complain("resume", &err);
    if (v[OPT_HALT] && map_parse_halt(v[OPT_HALT], &o->halt, &err) < 0)
        return complain("halt", &err);
    o->timeout_ms = (timeout_ns + 999999) / 1000000;
    if (deadline_ns) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        o->deadline_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec + deadline_ns;
    }
    return 0;
}

/* What cannot be together, or needs something else. 0 or an exit status. */
static int check(const opt_args *args, const map_options *o)
{
    const char *const *v = args->values;

    if (v[OPT_HEADER] && strcmp(v[OPT_HEADER], ":") != 0)
        out_complain("cannot understand --header=%s: only ':' is known, the first line",
                     v[OPT_HEADER]);
    else if (v[OPT_UNGROUP] && (v[OPT_KEEP_ORDER] || v[OPT_TAG] || v[OPT_LINE_BUFFER]))
        out_complain("cannot have --ungroup with --keep-order, --tag or --line-buffer");
    else if (v[OPT_UNGROUP] && (v[OPT_RESULTS] || v[OPT_JOURNAL]))
        out_complain("cannot have --ungroup with --%s: there the output is not seen",
                     v[OPT_RESULTS] ? "results" : "journal");
    else if ((v[OPT_RESUME] || v[OPT_JOURNAL_TAG]) && !v[OPT_JOURNAL])
        out_complain("cannot make sense of --%s without --journal",
                     v[OPT_RESUME] ? "resume" : "journal-tag");
    else if (v[OPT_RETRY_MEMORY] && !o->memory)
        out_complain("cannot make sense of --retry-memory without --memory");
    else if ((v[OPT_BACKOFF] || v[OPT_RETRY_ON] || v[OPT_RETRY_MEMORY]) && !o->retries)
        out_complain("cannot make sense of --%s without --retries", v[OPT_BACKOFF] ? "backoff"
                                                                    : v[OPT_RETRY_ON]
                                                                        ? "retry-on"
                                                                        : "retry-memory");
    else if (o->n_words == 0 && !o->shell) {
        out_complain("cannot run anything: no command was given");
        out_hint("write hec map COMMAND {} ::: INPUT..., or --shell where each input is a command");
    } else
        return 0;
    return STATUS_USAGE;
}

/* What follows the options, and -a. 0 or an exit status. */
static int take_sources(const opt_args *args, map_options *o)
{
    hec_error err;

    for (size_t i = 0; i < args->n_many; i++)
        o->sources[o->n_sources++] = (map_source){.file = args->many[i].value};
    if (map_parse_operands(args->operands, (size_t)args->n_operands, o, &err) < 0) {
        out_complain("cannot understand the inputs: %s", err.text);
        return STATUS_USAGE;
    }
    if (o->n_sources > 0)
        return 0;
    o->sources[o->n_sources++] = (map_source){.file = "-"};
    if (isatty(STDIN_FILENO) && o->n_words > 0)
        out_complain("reading inputs from the terminal, one a line; Ctrl-D ends them");
    return 0;
}

/* How many CPUs, and how much time. 0 or an exit status. */
static int ask_machine(map_options *o)
{
    hec_topology *t;
    hec_error err;
    int64_t left;
    uint64_t margin;
    struct timespec now;

    if (hec_topology_read(NULL, &t, &err) < 0)
        return out_error("tell what may be used", &err);
    o->cpus = o->width = (uint32_t)hec_topology_cpus(t);
    if (o->width > 4096)
        o->width = 4096;
    left = hec_topology_walltime_left(t);
    hec_topology_destroy(t);
    if (left >= 0) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        margin = left / 20 < MARGIN_MOST_S ? (uint64_t)left * 50 : MARGIN_MOST_S * 1000u;
        o->deadline_ns = ((uint64_t)now.tv_sec * 1000 + (uint64_t)left * 1000 - margin) * 1000000u;
    }
    return 0;
}

static int run_map(const opt_args *args)
{
    const char *const *v = args->values;
    map_options o = {
        .null = v[OPT_NULL] != NULL,
        .header = v[OPT_HEADER] != NULL,
        .shell = v[OPT_SHELL] != NULL,
        .dry_run = v[OPT_DRY_RUN] != NULL,
        .bar = v[OPT_BAR] != NULL,
        .eta = v[OPT_ETA] != NULL,
        .colsep = v[OPT_COLSEP],
        .joblog = v[OPT_JOBLOG],
        .results = v[OPT_RESULTS],
        .workdir = v[OPT_WORKDIR],
        .journal = v[OPT_JOURNAL],
        .journal_tag = v[OPT_JOURNAL_TAG],
        .output = v[OPT_UNGROUP]       ? OUTPUT_FREE
                  : v[OPT_LINE_BUFFER] ? OUTPUT_LINES
                                       : OUTPUT_GROUP,
        .keep_order = v[OPT_KEEP_ORDER] != NULL,
        .tag = v[OPT_TAG] != NULL,
    };
    int status = ask_machine(&o);

    o.sources = calloc(args->n_many + (size_t)args->n_operands + 1, sizeof *o.sources);
    if (!o.sources) {
        out_complain("cannot run anything: no memory");
        return STATUS_INTERNAL;
    }
    if (status == 0)
        status = take_values(args, &o);
    if (status == 0)
        status = take_sources(args, &o);
    if (status == 0)
        status = check(args, &o);
    if (status == 0)
        status = map_run_all(&o);
    free(o.sources);
    return status;
}

const opt_verb verb_map = {
    .name = "map",
    .summary = "run a command for each input, on every core you may use",
    .operands = "[COMMAND [ARGUMENT]...] [::: INPUT...]",
    .max_operands = INT_MAX,
    .rows = rows,
    .n_rows = N_OPTS,
    .letters = letters,
    .many = many,
    .until_operand = true,
    .run = run_map,
};
