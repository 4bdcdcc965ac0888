/* SPDX-License-Identifier: MIT
 *
 * Any bytes as what a cluster says of its partitions and queues: what is taken has a name, once,
 * that can be shown on a terminal.
 */
#include "batch/live.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static void must_be_name(const char *s)
{
    must(s && *s);
    for (; *s; s++)
        must((unsigned char)*s > 0x20 && *s != 0x7f);
}

static void try(int (*read)(hec_site *, const char *, hec_error *), const char *text)
{
    static const char file[] = "title: t\nscheduler: slurm\npartitions: {p: {time: 1h, cpus: 2}}\n";
    hec_site *site = NULL;
    hec_error err;

    must(hec__site_parse("s", "f", file, strlen(file), &site, &err) == 0);
    must(read(site, text, &err) == 0);
    must(site->n_partitions >= 1 && site->n_partitions <= 1000);
    for (size_t i = 0; i < site->n_partitions; i++) {
        must_be_name(site->partitions[i].name);
        must(hec__site_partition(site, site->partitions[i].name) == &site->partitions[i]);
    }
    for (size_t i = 0; i < site->n_qos; i++)
        must_be_name(site->qos[i].name);
    hec_site_destroy(site);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    must(text != NULL);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    try(hec__live_partitions, text);
    try(hec__live_qos, text);
    try(hec__live_config, text);
    try(hec__live_queues, text);
    free(text);
    return 0;
}
