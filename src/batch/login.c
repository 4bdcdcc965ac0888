/* SPDX-License-Identifier: MIT
 *
 * Is this a login node? Whoever takes all of its cores takes them from everybody who is logged in.
 * Wrongly called one, a workstation computes on one core; so there is more to it than that some
 * command is on PATH, and each machine has a way to say what it is.
 */
#include "batch/here.h"

#include "base/error.h"
#include "sys/file.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* A shell that was opened on a node by ssh may have been put into a job's control group, without
 * its environment. */
static bool in_job_group(void)
{
    static const char *const marks[] = {"/slurm/uid_", "slurmstepd.scope/job_", "/pbs_jobs",
                                        "/lsf/"};
    HEC_AUTO_STRBUF text;

    hec__strbuf_init(&text);
    if (hec__file_read("", "/proc/self/cgroup", &text, NULL) < 0 || !text.data)
        return false;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (strstr(text.data, marks[i]))
            return true;
    return false;
}

/* Whether HEC_SITE says that there is no cluster. */
static bool says_local(void)
{
    const char *name = getenv("HEC_SITE");
    HEC_AUTO(hec_site) site = NULL;

    if (!name || !*name)
        return false;
    return strcmp(name, "local") == 0 ||
           (hec_site_open(name, &site, NULL) == 0 && site && site->scheduler == HEC__LOCAL);
}

typedef struct matching {
    const char *host;
    char name[128]; /* of the first site that has this host; "": none */
    bool local;
} matching;

/* Told of the sites that somebody here has written down, and of those shipped in which the name
 * stands at all: reading them all would take milliseconds. */
static void match(matching *m, const char *name, const hec_site *site, bool own)
{
    HEC_AUTO_STRBUF domains;

    hec__strbuf_init(&domains);
    if (!own)
        (void)hec__file_read("", "/etc/resolv.conf", &domains, NULL);
    for (size_t i = 0; !*m->name && i < site->hosts.n; i++)
        if (hec__here_is_host(site->hosts.all[i], m->host,
                              own            ? NULL
                              : domains.data ? domains.data
                                             : "")) {
            snprintf(m->name, sizeof m->name, "%.120s", name);
            m->local = site->scheduler == HEC__LOCAL;
        }
}

static void match_own(void *ctx, const char *name, const char *path)
{
    matching *m = ctx;
    HEC_AUTO(hec_site) site = NULL;

    if (!*m->name && hec__site_parse(name, path, NULL, 0, &site, NULL) == 0)
        match(m, name, site, true);
}

/* Whether the name stands in the text, as a word. */
static bool has_word(const hec__shipped_site *s, const char *name, size_t n)
{
    const char *text = s->bytes, *end = text + s->size;

    for (const char *p = text; (p = memmem(p, (size_t)(end - p), name, n)) != NULL; p++)
        if ((p == text || !isalnum((unsigned char)p[-1])) &&
            (p + n == end || !isalnum((unsigned char)p[n])))
            return true;
    return false;
}

static void match_shipped(matching *m)
{
    size_t n = strcspn(m->host, ".");

    for (const hec__shipped_site *s = hec__shipped_sites; !*m->name && n && s->name; s++) {
        HEC_AUTO(hec_site) site = NULL;

        if (has_word(s, m->host, n) &&
            hec__site_parse(s->name, s->name, s->bytes, s->size, &site, NULL) == 0)
            match(m, s->name, site, false);
    }
}

static void find_host(const hec_topology *t, matching *m)
{
    m->host = hec_topology_host(t);
    hec__site_files(match_own, m);
    match_shipped(m);
}

int hec_site_login(const hec_topology *t, char *buf, size_t size)
{
    static const char *const names[HEC__N_SCHEDULERS] = {
        [HEC__SLURM] = "Slurm",   [HEC__SGE] = "Grid Engine", [HEC__PBS] = "PBS",
        [HEC__TORQUE] = "Torque", [HEC__LSF] = "LSF",         [HEC__LOCAL] = "nothing"};
    enum hec__scheduler scheduler;
    matching m = {0};
    char path[PATH_MAX];

    if (strcmp(hec_topology_scheduler(t), "none") != 0 || says_local())
        return 0;
    find_host(t, &m);
    if (*m.name && m.local)
        return 0;
    if (*m.name)
        snprintf(buf, size, "the site %s has it among its hosts", m.name);
    else if (hec__here_configured(&scheduler, path, sizeof path))
        snprintf(buf, size, "%s is configured here, in %.160s", names[scheduler], path);
    else
        return 0;
    return !in_job_group();
}
