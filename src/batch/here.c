/* SPDX-License-Identifier: MIT */
#include "batch/here.h"

#include "base/error.h"
#include "batch/read.h"
#include "sys/ask.h"
#include "sys/file.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define ASK_MS 5000

/* ---- programs and files ---- */

static bool found(const char *path, char *buf, size_t size)
{
    if (!hec__file_exists("", path))
        return false;
    snprintf(buf, size, "%s", path);
    return true;
}

/* The folder of PATH that a program is in. */
static bool on_path(const char *program, char *buf, size_t size)
{
    const char *path = getenv("PATH");

    while (path && *path) {
        size_t n = strcspn(path, ":");
        char file[PATH_MAX];

        if (n &&
            (size_t)snprintf(file, sizeof file, "%.*s/%s", (int)n, path, program) < sizeof file &&
            access(file, X_OK) == 0) {
            snprintf(buf, size, "%.*s", (int)n, path);
            return true;
        }
        path += n + (path[n] == ':');
    }
    return false;
}

static bool first_of(const char *const *paths, char *buf, size_t size)
{
    for (; *paths; paths++)
        if (found(*paths, buf, size))
            return true;
    return false;
}

/* VARIABLE/rest, where the variable is set. */
static bool below(const char *variable, const char *rest, char *buf, size_t size)
{
    const char *folder = getenv(variable);
    char path[PATH_MAX];

    return folder && *folder == '/' &&
           (size_t)snprintf(path, sizeof path, "%s%s", folder, rest) < sizeof path &&
           found(path, buf, size);
}

/* ---- one for each scheduler: `bin` is where its command is ---- */

static bool slurm_is_here(const char *bin, char *buf, size_t size)
{
    static const char *const paths[] = {"/etc/slurm/slurm.conf", "/etc/slurm-llnl/slurm.conf",
                                        "/run/slurm/conf/slurm.conf", "/usr/local/etc/slurm.conf",
                                        NULL};
    const char *set = getenv("SLURM_CONF");
    char path[PATH_MAX];

    if (set && *set)
        return found(set, buf, size);
    /* One that was built for a place of its own has its files there. */
    for (int i = 0; i < 2; i++)
        if ((size_t)snprintf(path, sizeof path, "%s/../etc/%sslurm.conf", bin, i ? "slurm/" : "") <
                sizeof path &&
            found(path, buf, size))
            return true;
    return first_of(paths, buf, size);
}

static bool lsf_is_here(const char *bin, char *buf, size_t size)
{
    (void)bin;
    return below("LSF_ENVDIR", "/lsf.conf", buf, size) || found("/etc/lsf.conf", buf, size);
}

static bool sge_is_here(const char *bin, char *buf, size_t size)
{
    const char *cell = getenv("SGE_CELL");
    char rest[256];

    (void)bin;
    snprintf(rest, sizeof rest, "/%.200s/common/act_qmaster", cell && *cell ? cell : "default");
    return below("SGE_ROOT", rest, buf, size) ||
           (!getenv("SGE_ROOT") &&
            found("/var/lib/gridengine/default/common/act_qmaster", buf, size));
}

/* The value of a line KEY=VALUE that is one, and not what a package puts there to be replaced. */
static bool has_value(const char *text, const char *key)
{
    size_t n = strlen(key);

    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) == 0 && line[n] == '=' && !strchr(" \t\r\n", line[n + 1]) &&
            strncmp(line + n + 1, "CHANGE_THIS", 11) != 0)
            return true;
    }
    return false;
}

static bool pbs_is_here(const char *bin, char *buf, size_t size)
{
    const char *set = getenv("PBS_CONF_FILE"), *path = set && *set ? set : "/etc/pbs.conf";
    HEC_AUTO_STRBUF text;

    (void)bin;
    hec__strbuf_init(&text);
    if (hec__file_read("", path, &text, NULL) < 0 || !text.data ||
        (!has_value(text.data, "PBS_SERVER") && !has_value(text.data, "PBS_PRIMARY")))
        return false;
    snprintf(buf, size, "%s", path);
    return true;
}

static bool torque_is_here(const char *bin, char *buf, size_t size)
{
    static const char *const paths[] = {"/var/spool/torque/server_name",
                                        "/var/lib/torque/server_name", "/etc/torque/server_name",
                                        "/var/spool/pbs/server_name", NULL};

    (void)bin;
    return first_of(paths, buf, size);
}

/* qsub belongs to three, of which Torque is the last to be thought of. */
static const struct {
    enum hec__scheduler scheduler;
    const char *command;
    bool (*is_here)(const char *bin, char *buf, size_t size);
    const char *const ask[3]; /* where is_here() knows of nothing; none: it knows all */
    const char *answer;       /* what a cluster's answer has in it */
} known[] = {
    {HEC__SLURM, "sbatch", slurm_is_here, {"scontrol", "ping"}, "Slurmctld("},
    {HEC__LSF, "bsub", lsf_is_here, {NULL}, NULL},
    {HEC__SGE, "qsub", sge_is_here, {NULL}, NULL},
    {HEC__PBS, "qsub", pbs_is_here, {NULL}, NULL},
    {HEC__TORQUE, "qsub", torque_is_here, {"qstat", "-B"}, "Server"},
};
#define N_KNOWN (sizeof known / sizeof *known)

int hec__here_configured(enum hec__scheduler *ret, char *buf, size_t size)
{
    char bin[PATH_MAX];
    bool there = false;

    for (size_t i = 0; i < N_KNOWN; i++) {
        if (i == 0 || strcmp(known[i].command, known[i - 1].command) != 0)
            there = on_path(known[i].command, bin, sizeof bin);
        if (there && known[i].is_here(bin, buf, size)) {
            *ret = known[i].scheduler;
            return 1;
        }
    }
    return 0;
}

/* Whether a scheduler answers, in whatever state its server is. */
static bool answers(size_t i)
{
    const hec__question q = {.argv = known[i].ask, .timeout_ms = ASK_MS};
    hec__answer a;
    bool good;

    if (hec__ask(&q, &a, NULL) < 0)
        return false;
    good = a.out.data && strstr(a.out.data, known[i].answer);
    hec__answer_fini(&a);
    return good;
}

enum hec__scheduler hec__here_scheduler(void)
{
    enum hec__scheduler scheduler;
    char buf[PATH_MAX];

    if (hec__here_configured(&scheduler, buf, sizeof buf))
        return scheduler;
    for (size_t i = 0; i < N_KNOWN; i++)
        if (known[i].answer && on_path(known[i].command, buf, sizeof buf) && answers(i))
            return known[i].scheduler;
    return HEC__LOCAL;
}

/* ---- hosts ---- */

/* Whether a word of the lines "search ..." and "domain ..." is this domain. */
static bool has_domain(const char *text, const char *domain)
{
    hec__slice rest = hec__slice_of(text), line, word;

    while (hec__read_line(&rest, &line)) {
        if (!hec__slice_word(&line, &word) ||
            (!hec__slice_is(word, "search") && !hec__slice_is(word, "domain")))
            continue;
        while (hec__slice_word(&line, &word))
            if (word.n == strlen(domain) && strncasecmp(word.s, domain, word.n) == 0)
                return true;
    }
    return false;
}

bool hec__here_is_host(const char *name, const char *host, const char *domains)
{
    const char *dot = strchr(name, '.');
    char first[256];

    if (!*host)
        return false;
    if (fnmatch(name, host, FNM_CASEFOLD) == 0)
        return true;
    if (strchr(host, '.') || !dot || (size_t)(dot - name) >= sizeof first ||
        (domains && !has_domain(domains, dot + 1)))
        return false;
    snprintf(first, sizeof first, "%.*s", (int)(dot - name), name);
    return fnmatch(first, host, FNM_CASEFOLD) == 0;
}
