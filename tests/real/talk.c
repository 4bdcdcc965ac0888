/* SPDX-License-Identifier: MIT
 *
 *     talk SITE submit SCRIPT | query ID... | cancel|hold|release ID[:INDEX]...
 *
 * What hec/batch.h does with a site's scheduler, one call of it, for the tests on real ones. A
 * query prints a line for each record, of words that stand at fixed places.
 */
#include <hec/batch.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hec_error err;

static int say(int r)
{
    if (r < 0)
        fprintf(stderr, "%s: %s\n", hec_error_name(r), err.text);
    return r < 0 ? 1 : 0;
}

static int submit(const hec_site *site, const char *script)
{
    char *id;
    int r = hec_job_submit(site, script, NULL, &id, &err);

    if (r == 0) {
        puts(id);
        free(id);
    }
    return say(r);
}

static void print(const hec_job *j)
{
    char index[24] = "-";

    if (j->index >= 0)
        snprintf(index, sizeof index, "%" PRId64, j->index);
    printf("%s %s '%s' exit=%d signal=%d stuck=%d word=%s nodes=%s cpus=%u memory=%" PRIu64
           " cpu=%.1f waited=%d ran=%d reason=%s\n",
           j->id, index, hec_job_state_word(j->state), j->exit_code, j->signal, j->stuck,
           j->word ? j->word : "-", j->nodes ? j->nodes : "-", j->cpus, j->memory, j->cpu_s,
           j->submitted && j->started ? (int)(j->started - j->submitted) : -1,
           j->started && j->ended ? (int)(j->ended - j->started) : -1, j->reason ? j->reason : "-");
}

static int query(const hec_site *site, const char *const *ids, size_t n)
{
    hec_jobs *jobs = NULL;
    int r = hec_jobs_query(site, ids, n, &jobs, &err);

    if (r == 0) {
        const hec_job *all = hec_jobs_all(jobs, &n);

        for (size_t i = 0; i < n; i++)
            print(&all[i]);
        hec_jobs_destroy(jobs);
    }
    return say(r);
}

static int control(const hec_site *site, const char *what, char **args, size_t n)
{
    hec_job_ref refs[64];

    for (size_t i = 0; i < n && i < 64; i++) {
        char *colon = strchr(args[i], ':');

        refs[i] = (hec_job_ref){args[i], colon ? strtoll(colon + 1, NULL, 10) : -1};
        if (colon)
            *colon = '\0';
    }
    if (strcmp(what, "cancel") == 0)
        return say(hec_jobs_cancel(site, refs, n, &err));
    if (strcmp(what, "hold") == 0)
        return say(hec_jobs_hold(site, refs, n, &err));
    return say(hec_jobs_release(site, refs, n, &err));
}

int main(int argc, char **argv)
{
    hec_site *site = NULL;
    int r;

    if (argc < 4)
        return 2;
    if (hec_site_open(argv[1], &site, &err) < 0)
        return say(err.code);
    if (strcmp(argv[2], "submit") == 0)
        r = submit(site, argv[3]);
    else if (strcmp(argv[2], "query") == 0)
        r = query(site, (const char *const *)argv + 3, (size_t)argc - 3);
    else
        r = control(site, argv[2], argv + 3, (size_t)argc - 3);
    hec_site_destroy(site);
    return r;
}
