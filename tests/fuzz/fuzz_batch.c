/* SPDX-License-Identifier: MIT
 *
 * Any bytes as what a scheduler prints, for each reader of each scheduler: what is read can be
 * shown on a terminal, is of a state that there is, and comes out in order, each job once.
 */
#include "batch/adapter.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static void must_be_text(const char *s)
{
    for (; s && *s; s++)
        must((unsigned char)*s >= 0x20 && *s != 0x7f);
}

static void look_at(const hec_jobs *jobs)
{
    for (size_t i = 0; i < jobs->n; i++) {
        const hec_job *j = &jobs->all[i];

        must(j->id && j->index >= -1 && j->state >= 0 && j->state <= HEC_JOB_LOST);
        must(j->exit_code >= -1 && j->exit_code <= 255 && j->signal >= 0 && j->signal < 65);
        must_be_text(j->word);
        must_be_text(j->reason);
        must_be_text(j->nodes);
        must(i == 0 || strcmp(j->id, j[-1].id) != 0 || j->index > j[-1].index);
    }
}

static void read_with(hec__read_jobs *read, const char *text)
{
    static const char *const ids[] = {"1", "5", "2[].pbs1", "101.head"};
    hec_jobs *jobs = hec__jobs_create();
    const char *all[8];
    size_t n = 0;
    hec_error err;

    must(jobs && read(jobs, text, &err) == 0);
    for (; n < 4 && n < jobs->n; n++)
        all[n] = strdup(jobs->all[n].id);
    for (size_t i = 0; i < n; i++)
        must(all[i] != NULL);
    must(hec__jobs_settle(jobs, n ? all : ids, n ? 1 : 4, &err) == 0);
    look_at(jobs);
    hec_jobs_destroy(jobs);
    for (size_t i = 0; i < n; i++)
        free((void *)(uintptr_t)all[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    must(text != NULL);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    for (int i = 0; i < HEC__LOCAL; i++) {
        const hec__adapter *adapter = hec__adapter_of(i);
        const char *id = NULL;
        size_t n = adapter->submitted(text, &id);

        must(n == 0 || (id >= text && id + n <= text + strlen(text) && *id >= '0' && *id <= '9'));
        read_with(adapter->read_query, text);
        if (adapter->read_history)
            read_with(adapter->read_history, text);
        if (adapter->read_detail)
            read_with(adapter->read_detail, text);
    }
    free(text);
    return 0;
}
