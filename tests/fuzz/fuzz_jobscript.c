/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a job script of somebody's, for each scheduler: what is found is said in one line
 * that can be shown on a terminal, on a line that the script has.
 */
#include "batch/scan.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static void look_at(void *ctx, const hec_finding *f)
{
    const uint32_t *lines = ctx;

    must(f->rule && *f->rule && f->text && *f->text);
    must(f->line <= *lines + 1);
    for (const char *p = f->text; *p; p++)
        must((unsigned char)*p >= 0x20);
}

static void check(const char *scheduler, const uint8_t *data, size_t size)
{
    char file[400], *text = malloc(size + 1);
    hec_site *site = NULL;
    hec_error err;
    uint32_t lines = 0;

    snprintf(file, sizeof file,
             "title: t\nscheduler: %s\nstart: [source x]\ncluster: c\navoid: {/tmp: no}\n"
             "partitions: {p: {time: 1h, cpus: 2, jobs_per_user: 3, qos: [q]}}\n"
             "limits: {cpus: 4, memory: 1G, script_bytes: 100}\narrays: {no_mail: true}\n",
             scheduler);
    must(text && hec__site_parse("s", "f", file, strlen(file), &site, &err) == 0);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    must(hec__script_check(text, size, site, look_at, &lines, &err) >= 0);
    hec_site_destroy(site);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const all[] = {"slurm", "sge", "pbs", "torque", "lsf"};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check(all[i], data, size);
    return 0;
}
