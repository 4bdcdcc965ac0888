/* SPDX-License-Identifier: MIT
 *
 * Directives of Slurm, read.
 */
#include "batch/scan.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TEXT 256

/* The first of several values, of "a,b" or "2-4". */
static const char *first_of(const char *value, const char *separators, char *buf, size_t size)
{
    snprintf(buf, size, "%.*s", (int)strcspn(value, separators), value);
    return buf;
}

static void read_nodes(hec__scan *s, const char *value)
{
    char first[TEXT];

    hec__scan_set(s, HEC__OPTION_NODES, "nodes", first_of(value, "-,", first, sizeof first));
}

static void read_tasks(hec__scan *s, const char *value)
{
    s->lines[HEC__OPTION_CPUS] = s->line;
    s->tasks = hec__scan_number(s, "ntasks", value);
}

static void read_tasks_per_node(hec__scan *s, const char *value)
{
    s->lines[HEC__OPTION_CPUS] = s->line;
    s->tasks_per_node = hec__scan_number(s, "ntasks-per-node", value);
}

static void read_cpus_per_task(hec__scan *s, const char *value)
{
    s->lines[HEC__OPTION_CPUS] = s->line;
    s->cpus_per_task = hec__scan_number(s, "cpus-per-task", value);
}

/* "1.5G" is none for Slurm. */
static bool is_whole(hec__scan *s, const char *value)
{
    if (!strchr(value, '.'))
        return true;
    hec__object(s->check, "memory-unit", HEC__SERIOUS, s->line,
                "'%.60s': Slurm takes whole numbers with K, M, G or T; 1536M is 1.5G", value);
    return false;
}

static void read_memory(hec__scan *s, const char *value)
{
    s->lines[HEC__OPTION_MEMORY] = s->line;
    s->q->given |= 1u << HEC__OPTION_MEMORY;
    s->q->known |= 1u << HEC__OPTION_MEMORY;
    if (is_whole(s, value))
        s->q->memory = hec__scan_size(s, "mem", value, (uint64_t)1 << 20);
}

static void read_memory_per_cpu(hec__scan *s, const char *value)
{
    s->lines[HEC__OPTION_MEMORY] = s->line;
    s->q->given |= 1u << HEC__OPTION_MEMORY;
    if (is_whole(s, value))
        s->memory_per_cpu = hec__scan_size(s, "mem-per-cpu", value, (uint64_t)1 << 20);
}

/* "90" and "90:00" are minutes, "1-12" and "1-12:30" days and hours: not as hec has it. */
static void read_time(hec__scan *s, const char *value)
{
    uint32_t parts[4] = {0};
    const char *dash = strchr(value, '-'), *p = value;
    uint64_t seconds = 0;
    char text[TEXT];
    int n = 0;

    for (; n < 4 && isdigit((unsigned char)*p); n++) {
        char *end;

        parts[n] = (uint32_t)strtoul(p, &end, 10);
        p = end + (*end == ':' || (*end == '-' && n == 0));
        if (p == end) {
            n++;
            break;
        }
    }
    if (*p || n == 0 || (!dash && n > 3)) {
        hec__object(s->check, "directive", HEC__SERIOUS, s->line,
                    "time: '%.60s' is none of Slurm's: MM, MM:SS, HH:MM:SS, D-HH, D-HH:MM:SS",
                    value);
        return;
    }
    if (dash)
        seconds = parts[0] * (uint64_t)86400 + parts[1] * (uint64_t)3600 + parts[2] * (uint64_t)60 +
                  parts[3];
    else if (n == 3)
        seconds = parts[0] * (uint64_t)3600 + parts[1] * (uint64_t)60 + parts[2];
    else
        seconds = parts[0] * (uint64_t)60 + parts[1];
    snprintf(text, sizeof text, "%" PRIu64 "s", seconds);
    hec__scan_set(s, HEC__OPTION_TIME, "time", text);
}

static void read_partition(hec__scan *s, const char *value)
{
    char first[TEXT];

    hec__scan_set(s, HEC__OPTION_PARTITION, "partition", first_of(value, ",", first, sizeof first));
}

static void read_qos(hec__scan *s, const char *value)
{
    hec__scan_set(s, HEC__OPTION_QOS, "qos", value);
}

static void read_account(hec__scan *s, const char *value)
{
    hec__scan_set(s, HEC__OPTION_ACCOUNT, "account", value);
}

static void read_array(hec__scan *s, const char *value)
{
    hec__scan_set(s, HEC__OPTION_ARRAY, "array", value);
}

static void read_mail(hec__scan *s, const char *value)
{
    if (strcasecmp(value, "NONE") != 0)
        hec__scan_set(s, HEC__OPTION_MAIL, "mail", "user");
}

static void read_constraint(hec__scan *s, const char *value)
{
    hec__scan_set(s, HEC__OPTION_CONSTRAINT, "constraint", value);
}

static void read_exclusive(hec__scan *s, const char *value)
{
    (void)value;
    hec__scan_set(s, HEC__OPTION_EXCLUSIVE, "exclusive", "true");
}

static void read_output(hec__scan *s, const char *value)
{
    hec__scan_set(s, HEC__OPTION_OUTPUT, "output", value);
}

static void read_error(hec__scan *s, const char *value)
{
    hec__scan_set(s, HEC__OPTION_ERROR, "error", value);
}

static void read_workdir(hec__scan *s, const char *value)
{
    hec__scan_set(s, HEC__OPTION_WORKDIR, "workdir", value);
}

static void read_gpus(hec__scan *s, const char *value)
{
    bool number = isdigit((unsigned char)value[strlen(value) - (*value != '\0')]);
    char text[TEXT], first[TEXT];

    first_of(value, ",(", first, sizeof first);
    snprintf(text, sizeof text, "%.200s%s", first, number || strchr(value, '(') ? "" : ":1");
    hec__scan_set(s, HEC__OPTION_GPUS, "gpus", text);
}

static void read_gres(hec__scan *s, const char *value)
{
    if (strncmp(value, "gpu:", 4) == 0)
        read_gpus(s, value + 4);
    else if (strcmp(value, "gpu") == 0)
        read_gpus(s, "1");
}

static void read_cluster(hec__scan *s, const char *value)
{
    (void)value;
    s->cluster = true;
}

static const hec__directive_key keys[] = {
    {"--nodes", "-N", 1, read_nodes},
    {"--ntasks", "-n", 1, read_tasks},
    {"--ntasks-per-node", NULL, 1, read_tasks_per_node},
    {"--cpus-per-task", "-c", 1, read_cpus_per_task},
    {"--mem", NULL, 1, read_memory},
    {"--mem-per-cpu", NULL, 1, read_memory_per_cpu},
    {"--time", "-t", 1, read_time},
    {"--partition", "-p", 1, read_partition},
    {"--qos", "-q", 1, read_qos},
    {"--account", "-A", 1, read_account},
    {"--array", "-a", 1, read_array},
    {"--mail-type", NULL, 1, read_mail},
    {"--constraint", "-C", 1, read_constraint},
    {"--exclusive", NULL, 0, read_exclusive},
    {"--output", "-o", 1, read_output},
    {"--error", "-e", 1, read_error},
    {"--chdir", "-D", 1, read_workdir},
    {"--gres", NULL, 1, read_gres},
    {"--gpus-per-node", NULL, 1, read_gpus},
    {"--gpus", "-G", 1, read_gpus},
    {"--clusters", "-M", 1, read_cluster},
    {"--cluster", NULL, 1, read_cluster},
};

const hec__directive_keys hec__keys_slurm = {keys, sizeof keys / sizeof *keys};
