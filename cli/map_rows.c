/* SPDX-License-Identifier: MIT */
#include "map_rows.h"

#include "exit.h"
#include "map_options.h"
#include "out.h"

#include <hec/batch.h>
#include <hec/topology.h>

#include <inttypes.h>
#include <time.h>

/* A twentieth of the time that is left, at most so many seconds, is kept for coming to an end. */
#define MARGIN_MOST_S 30

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

    if (v[MAP_OPT_JOBS] && map_parse_jobs(v[MAP_OPT_JOBS], o->cpus, &o->width, &err) < 0)
        return complain("jobs", &err);
    if (v[MAP_OPT_TIMEOUT] && map_parse_duration(v[MAP_OPT_TIMEOUT], false, &timeout_ns, &err) < 0)
        return complain("timeout", &err);
    if (v[MAP_OPT_BACKOFF] &&
        map_parse_duration(v[MAP_OPT_BACKOFF], true, &o->backoff_ns, &err) < 0)
        return complain("backoff", &err);
    if (v[MAP_OPT_DEADLINE] &&
        map_parse_duration(v[MAP_OPT_DEADLINE], false, &deadline_ns, &err) < 0)
        return complain("deadline", &err);
    if (v[MAP_OPT_MEMORY] && map_parse_memory(v[MAP_OPT_MEMORY], &o->memory, &err) < 0)
        return complain("memory", &err);
    if (v[MAP_OPT_RETRY_MEMORY] &&
        map_parse_factor(v[MAP_OPT_RETRY_MEMORY], &o->retry_memory, &err) < 0)
        return complain("retry-memory", &err);
    if (v[MAP_OPT_RETRIES] && map_parse_count(v[MAP_OPT_RETRIES], 1000000, &o->retries, &err) < 0)
        return complain("retries", &err);
    if (v[MAP_OPT_RETRY_ON] && map_parse_retry_on(v[MAP_OPT_RETRY_ON], &o->retry_on, &err) < 0)
        return complain("retry-on", &err);
    if (v[MAP_OPT_RESUME] && map_parse_resume(v[MAP_OPT_RESUME], &o->resume, &err) < 0)
        return complain("resume", &err);
    if (v[MAP_OPT_HALT] && map_parse_halt(v[MAP_OPT_HALT], &o->halt, &err) < 0)
        return complain("halt", &err);
    o->timeout_ms = (timeout_ns + 999999) / 1000000;
    if (deadline_ns) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        o->deadline_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec + deadline_ns;
    }
    return 0;
}

/* How many CPUs, and how much time. */
static void ask_machine(const hec_topology *t, map_options *o)
{
    int64_t left = hec_topology_walltime_left(t);
    uint64_t margin;
    struct timespec now;

    o->cpus = o->width = (uint32_t)hec_topology_cpus(t);
    if (o->width > 4096)
        o->width = 4096;
    if (left >= 0) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        margin = left / 20 < MARGIN_MOST_S ? (uint64_t)left * 50 : MARGIN_MOST_S * 1000u;
        o->deadline_ns = ((uint64_t)now.tv_sec * 1000 + (uint64_t)left * 1000 - margin) * 1000000u;
    }
}

/* On a login node one core, unless the user insists. */
static void keep_small(const hec_topology *t, bool force, map_options *o)
{
    char why[256];

    if (force || o->dry_run || o->width == 1 || !hec_site_login(t, why, sizeof why))
        return;
    out_complain("%s looks like a login node, where others work as well (%s, and this is no job): "
                 "using one core and not %" PRIu32,
                 hec_topology_host(t), why, o->width);
    out_hint("'hec submit -- hec map ...' makes a job of it; --force uses the cores here; "
             "HEC_SITE=local says that this is no such machine");
    o->cpus = o->width = 1;
}

/* More than was granted is what was asked for, and rarely what was meant. */
static void tell_excess(const hec_topology *t, const map_options *o)
{
    const char *why = hec_topology_cpu_grant(t);

    if (why && !o->dry_run && o->width > o->cpus)
        out_complain("--jobs asks for %" PRIu32 " at a time, and %" PRIu32 " CPU%s granted (%s)",
                     o->width, o->cpus, o->cpus == 1 ? " was" : "s were", why);
}

int map_rows_take(const opt_args *args, map_options *o)
{
    const char *const *v = args->values;
    hec_topology *t;
    hec_error err;
    int status;

    if (hec_topology_read(NULL, &t, &err) < 0)
        return out_error("tell what may be used", &err);
    ask_machine(t, o);
    o->args = args->args;
    o->jobs = v[MAP_OPT_JOBS];
    o->nodes = v[MAP_OPT_NODES];
    o->shell = v[MAP_OPT_SHELL] != NULL;
    o->dry_run = v[MAP_OPT_DRY_RUN] != NULL;
    o->bar = v[MAP_OPT_BAR] != NULL;
    o->eta = v[MAP_OPT_ETA] != NULL;
    o->joblog = v[MAP_OPT_JOBLOG];
    o->results = v[MAP_OPT_RESULTS];
    o->workdir = v[MAP_OPT_WORKDIR];
    o->run = v[MAP_OPT_RUN];
    o->journal_tag = v[MAP_OPT_JOURNAL_TAG];
    o->output = v[MAP_OPT_UNGROUP]       ? OUTPUT_FREE
                : v[MAP_OPT_LINE_BUFFER] ? OUTPUT_LINES
                                         : OUTPUT_GROUP;
    o->keep_order = v[MAP_OPT_KEEP_ORDER] != NULL;
    o->tag = v[MAP_OPT_TAG] != NULL;
    status = take_values(args, o);
    if (status == STATUS_OK) {
        keep_small(t, v[MAP_OPT_FORCE] != NULL, o);
        tell_excess(t, o);
    }
    hec_topology_destroy(t);
    return status;
}

/* The options that make no sense without --retries. */
static const char *wants_retries(const char *const *v)
{
    return v[MAP_OPT_BACKOFF]        ? "backoff"
           : v[MAP_OPT_RETRY_ON]     ? "retry-on"
           : v[MAP_OPT_RETRY_MEMORY] ? "retry-memory"
                                     : NULL;
}

int map_rows_check(const opt_args *args, const map_options *o)
{
    const char *const *v = args->values;
    bool kept = o->journal || o->in_run;

    if (v[MAP_OPT_UNGROUP] && (v[MAP_OPT_KEEP_ORDER] || v[MAP_OPT_TAG] || v[MAP_OPT_LINE_BUFFER]))
        out_complain("cannot have --ungroup with --keep-order, --tag or --line-buffer");
    else if (v[MAP_OPT_UNGROUP] && (v[MAP_OPT_RESULTS] || kept))
        out_complain("cannot have --ungroup with %s: there the output is not seen",
                     v[MAP_OPT_RESULTS] ? "--results"
                     : o->journal       ? "--journal"
                                        : "a run");
    else if ((v[MAP_OPT_RESUME] || v[MAP_OPT_JOURNAL_TAG]) && !kept)
        out_complain("cannot make sense of --%s without --journal or --run",
                     v[MAP_OPT_RESUME] ? "resume" : "journal-tag");
    else if (v[MAP_OPT_RETRY_MEMORY] && !o->memory)
        out_complain("cannot make sense of --retry-memory without --memory");
    else if (wants_retries(v) && !o->retries)
        out_complain("cannot make sense of --%s without --retries", wants_retries(v));
    else if (o->run && !*o->run)
        out_complain("cannot understand --run: a run has a name");
    else
        return STATUS_OK;
    return STATUS_USAGE;
}
