/* SPDX-License-Identifier: MIT
 *
 * Directives of Grid Engine, PBS and LSF, read: those that a site has limits for.
 */
#include "batch/scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TEXT 256

static void read_queue(hec__scan *s, const char *value)
{
    hec__scan_set(s, HEC__OPTION_PARTITION, "queue", value);
}

static void read_account(hec__scan *s, const char *value)
{
    hec__scan_set(s, HEC__OPTION_ACCOUNT, "account", value);
}

static void read_array(hec__scan *s, const char *value)
{
    hec__scan_set(s, HEC__OPTION_ARRAY, "array", value);
}

static void read_output(hec__scan *s, const char *value)
{
    hec__scan_set(s, HEC__OPTION_OUTPUT, "output", value);
}

static void read_mail(hec__scan *s, const char *value)
{
    if (strcmp(value, "n") != 0)
        hec__scan_set(s, HEC__OPTION_MAIL, "mail", "user");
}

static void set_memory(hec__scan *s, uint64_t bytes, bool per_cpu)
{
    s->lines[HEC__OPTION_MEMORY] = s->line;
    s->q->given |= 1u << HEC__OPTION_MEMORY;
    s->q->known |= 1u << HEC__OPTION_MEMORY;
    if (per_cpu)
        s->memory_per_cpu = bytes;
    else
        s->q->memory = bytes;
}

/* "HH:MM:SS", or seconds. */
static void set_clock(hec__scan *s, const char *value)
{
    char text[TEXT];

    snprintf(text, sizeof text, "%.200s%s", value, strchr(value, ':') ? "" : "s");
    hec__scan_set(s, HEC__OPTION_TIME, "time", text);
}

static void set_cpus(hec__scan *s, const char *what, const char *value, uint32_t *to)
{
    s->lines[HEC__OPTION_CPUS] = s->line;
    *to = hec__scan_number(s, what, value);
}

/* ---- Grid Engine ---- */

static void sge_resources(hec__scan *s, const char *value)
{
    const char *memory = s->check->site->memory_option;
    const char *gpus = s->check->site->gpu_option;
    char text[TEXT];

    if (hec__scan_pair(value, ",", "h_rt", text, sizeof text))
        set_clock(s, text);
    if (hec__scan_pair(value, ",", memory ? memory : "h_vmem", text, sizeof text))
        set_memory(s, hec__scan_size(s, "memory", text, 1), true);
    if (gpus && hec__scan_pair(value, ",", gpus, text, sizeof text))
        hec__scan_set(s, HEC__OPTION_GPUS, "gpus", text);
}

/* "NAME SLOTS" */
static void sge_parallel(hec__scan *s, const char *value)
{
    const char *blank = strrchr(value, ' ');

    if (blank)
        set_cpus(s, "-pe", blank + 1, &s->slots);
}

static const hec__directive_key sge[] = {
    {"-q", NULL, 1, read_queue},    {"-P", NULL, 1, read_account}, {"-l", NULL, 1, sge_resources},
    {"-pe", NULL, 2, sge_parallel}, {"-t", NULL, 1, read_array},   {"-m", NULL, 1, read_mail},
    {"-o", NULL, 1, read_output},
};

const hec__directive_keys hec__keys_sge = {sge, sizeof sge / sizeof *sge};

/* ---- PBS, both ---- */

/* "2:ncpus=8:mem=16gb:ngpus=1", "2:ppn=8:gpus=1" */
static void pbs_chunk(hec__scan *s, const char *value)
{
    char text[TEXT];
    uint32_t gpus = 0;

    snprintf(text, sizeof text, "%.*s", (int)strcspn(value, ":,+"), value);
    hec__scan_set(s, HEC__OPTION_NODES, "nodes", text);
    if (hec__scan_pair(value, ":,+", "ncpus", text, sizeof text) ||
        hec__scan_pair(value, ":,+", "ppn", text, sizeof text))
        set_cpus(s, "CPUs", text, &s->cpus_per_task);
    if (hec__scan_pair(value, ":,+", "mem", text, sizeof text))
        set_memory(s, hec__scan_size(s, "mem", text, 1), false);
    if (hec__scan_pair(value, ":,+", "ngpus", text, sizeof text) ||
        hec__scan_pair(value, ":,+", "gpus", text, sizeof text))
        gpus = hec__scan_number(s, "gpus", text);
    if (gpus) {
        snprintf(text, sizeof text, "%" PRIu32, gpus);
        hec__scan_set(s, HEC__OPTION_GPUS, "gpus", text);
    }
}

static void pbs_resources(hec__scan *s, const char *value)
{
    char text[TEXT];

    if (hec__scan_pair(value, ",", "walltime", text, sizeof text))
        set_clock(s, text);
    if (hec__scan_pair(value, ",", "select", text, sizeof text) ||
        hec__scan_pair(value, ",", "nodes", text, sizeof text))
        pbs_chunk(s, text);
    if (hec__scan_pair(value, ",", "pmem", text, sizeof text))
        set_memory(s, hec__scan_size(s, "pmem", text, 1), true);
    else if (hec__scan_pair(value, ",", "mem", text, sizeof text))
        set_memory(s, hec__scan_size(s, "mem", text, 1) / s->q->nodes, false);
}

static const hec__directive_key pbs[] = {
    {"-q", NULL, 1, read_queue},  {"-A", NULL, 1, read_account}, {"-l", NULL, 1, pbs_resources},
    {"-J", NULL, 1, read_array},  {"-t", NULL, 1, read_array},   {"-m", NULL, 1, read_mail},
    {"-o", NULL, 1, read_output},
};

const hec__directive_keys hec__keys_pbs = {pbs, sizeof pbs / sizeof *pbs};

/* ---- LSF ---- */

static void lsf_slots(hec__scan *s, const char *value)
{
    char text[TEXT];

    snprintf(text, sizeof text, "%.*s", (int)strcspn(value, ","), value);
    set_cpus(s, "-n", text, &s->slots);
}

/* "[hours:]minutes" */
static void lsf_time(hec__scan *s, const char *value)
{
    const char *colon = strchr(value, ':');
    uint32_t hours = 0, minutes;
    char text[TEXT];

    if (colon) {
        snprintf(text, sizeof text, "%.*s", (int)(colon - value), value);
        hours = hec__scan_number(s, "-W", text);
    }
    minutes = hec__scan_number(s, "-W", colon ? colon + 1 : value);
    snprintf(text, sizeof text, "%" PRIu64 "m", (uint64_t)hours * 60 + minutes);
    hec__scan_set(s, HEC__OPTION_TIME, "time", text);
}

static void lsf_requirement(hec__scan *s, const char *value)
{
    const char *rusage = strstr(value, "rusage[");
    char text[TEXT];

    if (!rusage)
        return;
    if (hec__scan_pair(rusage + strlen("rusage["), ",:]", "mem", text, sizeof text))
        set_memory(s, hec__scan_size(s, "mem", text, 1024), s->check->site->memory_per_slot);
}

static void lsf_limit(hec__scan *s, const char *value)
{
    if (!(s->q->given & 1u << HEC__OPTION_MEMORY))
        set_memory(s, hec__scan_size(s, "-M", value, 1024), false);
}

/* "name[1-10]%2" */
static void lsf_name(hec__scan *s, const char *value)
{
    const char *open = strchr(value, '['), *close = open ? strchr(open, ']') : NULL;
    char text[TEXT];

    if (!close)
        return;
    snprintf(text, sizeof text, "%.*s%.20s", (int)(close - open - 1), open + 1, close + 1);
    hec__scan_set(s, HEC__OPTION_ARRAY, "array", text);
}

static void lsf_gpus(hec__scan *s, const char *value)
{
    char text[TEXT];

    hec__scan_set(s, HEC__OPTION_GPUS, "gpus",
                  hec__scan_pair(value, ":", "num", text, sizeof text) ? text : "1");
}

static void lsf_exclusive(hec__scan *s, const char *value)
{
    (void)value;
    hec__scan_set(s, HEC__OPTION_EXCLUSIVE, "exclusive", "true");
}

static const hec__directive_key lsf[] = {
    {"-q", NULL, 1, read_queue}, {"-P", NULL, 1, read_account},    {"-n", NULL, 1, lsf_slots},
    {"-W", NULL, 1, lsf_time},   {"-R", NULL, 1, lsf_requirement}, {"-M", NULL, 1, lsf_limit},
    {"-J", NULL, 1, lsf_name},   {"-u", NULL, 1, read_mail},       {"-o", NULL, 1, read_output},
    {"-gpu", NULL, 1, lsf_gpus}, {"-x", NULL, 0, lsf_exclusive},
};

const hec__directive_keys hec__keys_lsf = {lsf, sizeof lsf / sizeof *lsf};
