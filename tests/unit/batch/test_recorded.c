/* SPDX-License-Identifier: MIT
 *
 * What schedulers have printed, and what is read in it: tests/data/batch, whose CASES has a line
 * for each record that matters.
 */
#include "batch/adapter.h"

#include "base/strbuf.h"
#include "fault.h"
#include "sys/file.h"
#include "tap.h"

#include <inttypes.h>

static hec_error err;
static const char *data;

static const hec__adapter *adapter_for(const char *name)
{
    for (int i = 0; i < HEC__LOCAL; i++)
        if (strncmp(name, hec__scheduler_name(i), strlen(hec__scheduler_name(i))) == 0)
            return hec__adapter_of(i);
    return strncmp(name, "openpbs", 7) == 0 ? hec__adapter_of(HEC__PBS) : NULL;
}

static hec__read_jobs *reader_of(const hec__adapter *adapter, const char *which)
{
    if (strcmp(which, "history") == 0)
        return adapter->read_history;
    return strcmp(which, "detail") == 0 ? adapter->read_detail : adapter->read_query;
}

/* One line of CASES, in words. */
typedef struct expected {
    char folder[40], reader[20], file[60], id[40], index[12], state[20], exit[12], signal[12],
        stuck[4], reason[420];
} expected;

static bool read_case(const char *line, expected *e)
{
    int at = 0,
        n = sscanf(line, "%39s %19s %59s %39s %11s %19s %11s %11s %3s %n", e->folder, e->reader,
                   e->file, e->id, e->index, e->state, e->exit, e->signal, e->stuck, &at);

    snprintf(e->reason, sizeof e->reason, "%s", n == 9 ? line + at : "");
    e->reason[strcspn(e->reason, "\n")] = '\0';
    for (char *p = e->state; *p; p++)
        *p = (char)(*p == '_' ? ' ' : *p);
    return n == 9 && line[0] != '#';
}

static const hec_job *find(const hec_jobs *jobs, const expected *e)
{
    for (size_t i = 0; i < jobs->n; i++) {
        char index[24] = "-";

        if (jobs->all[i].index >= 0)
            snprintf(index, sizeof index, "%" PRId64, jobs->all[i].index);
        if (strcmp(jobs->all[i].id, e->id) == 0 && strcmp(index, e->index) == 0)
            return &jobs->all[i];
    }
    return NULL;
}

static void check(const expected *e, const char *text)
{
    HEC_AUTO(hec_jobs) jobs = hec__jobs_create();
    const char *ids[] = {e->id};
    const hec_job *job;
    char got[600], want[600];

    if (!jobs || reader_of(adapter_for(e->folder), e->reader)(jobs, text, &err) < 0 ||
        hec__jobs_settle(jobs, ids, 1, &err) < 0)
        exit(99);
    job = find(jobs, e);
    if (strcmp(e->state, "none") == 0) {
        ok(!job, "%s/%s: nothing of %s", e->folder, e->file, e->id);
        return;
    }
    snprintf(want, sizeof want, "%s %s %s %s %s", e->state, e->exit, e->signal, e->stuck,
             *e->reason ? e->reason : "-");
    snprintf(got, sizeof got, "%s %d %d %d %s", job ? hec_job_state_word(job->state) : "none",
             job ? job->exit_code : 0, job ? job->signal : 0, job ? job->stuck : 0,
             job && job->reason ? job->reason : "-");
    is_str(got, want, "%s/%s %s %s", e->folder, e->file, e->id, e->index);
}

/* The same bytes with less and less memory: an error or the same number of records. */
static void without_memory(const expected *e, const char *text)
{
    hec__read_jobs *read = reader_of(adapter_for(e->folder), e->reader);

    for (long n = 1; n < 400; n++) {
        hec_jobs *jobs = hec__jobs_create();
        int r;

        fault_arm(n);
        r = read(jobs, text, &err);
        if (!fault_disarm())
            n = 400;
        else if (r != 0 && r != HEC_ENOMEM)
            ok(false, "%s: without memory", e->file);
        hec_jobs_destroy(jobs);
    }
}

int main(void)
{
    HEC_AUTO_STRBUF cases;
    char *line, *next;
    expected e;

    data = getenv("HEC_TEST_DATA");
    hec__strbuf_init(&cases);
    if (!data || hec__file_read(data, "batch/CASES", &cases, &err) < 0)
        return 99;
    for (line = cases.data; *line; line = next) {
        HEC_AUTO_STRBUF text;
        char path[200];

        hec__strbuf_init(&text);
        next = line + strcspn(line, "\n");
        if (*next)
            *next++ = '\0';
        if (!read_case(line, &e))
            continue;
        snprintf(path, sizeof path, "batch/%s/%s", e.folder, e.file);
        if (hec__file_read(data, path, &text, &err) < 0) {
            ok(false, "%s", err.text);
            continue;
        }
        check(&e, text.data);
        without_memory(&e, text.data);
    }
    return done_testing();
}
