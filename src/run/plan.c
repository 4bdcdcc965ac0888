/* SPDX-License-Identifier: MIT
 *
 * From a request to a run that is ready to be handed over, and back to the request.
 */
#include "base/error.h"
#include "base/json.h"
#include "run/jobs.h"
#include "run/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static int no_memory(hec_error *err)
{
    return hec__fail(err, HEC_ENOMEM, 0, "no memory for a run");
}

char *hec__script_name(uint32_t part, char *buf, size_t size)
{
    if (part == 1)
        snprintf(buf, size, "job.sh");
    else
        snprintf(buf, size, "job.%" PRIu32 ".sh", part);
    return buf;
}

/* ---- what is written down ---- */

static void add_list(hec__json *j, const char *key, const char *const *all, size_t n)
{
    hec__json_key(j, key);
    hec__json_open(j, '[');
    for (size_t i = 0; i < n; i++)
        hec__json_str(j, all[i]);
    hec__json_close(j);
}

static int write_asked(const hec_request *q, const hec_site *site, uint32_t parts, int snapshot,
                       const char *environment, hec__strbuf *out, hec_error *err)
{
    static const char *const words[] = {"auto", "always", "never"};
    char hash[HEC__ENVIRONMENT_HASH];
    hec__json j;

    hec__environment_hash(environment, hash);

    hec__json_init(&j, out);
    hec__json_open(&j, '{');
    hec__json_key(&j, "site"), hec__json_str(&j, site->path ? site->path : site->name);
    hec__json_key(&j, "scheduler"), hec__json_str(&j, hec_site_scheduler(site));
    hec__json_key(&j, "jobs"), hec__json_uint(&j, parts);
    hec__json_key(&j, "workdir"), hec__json_str(&j, q->workdir);
    hec__json_key(&j, "time_s"), hec__json_uint(&j, q->time_s);
    hec__json_key(&j, "nodes"), hec__json_uint(&j, q->nodes);
    hec__json_key(&j, "cpus"), hec__json_uint(&j, q->cpus);
    hec__json_key(&j, "memory"), hec__json_uint(&j, q->memory == UINT64_MAX ? 0 : q->memory);
    hec__json_key(&j, "snapshot"), hec__json_str(&j, words[snapshot]);
    hec__json_key(&j, "environment"), hec__json_str(&j, hash);
    add_list(&j, "options", q->said.all, q->said.n);
    add_list(&j, "command", q->argv, q->argc);
    hec__json_close(&j);
    return out->failed ? no_memory(err) : 0;
}

/* Options and command to the byte, which JSON cannot hold: each with a NUL behind it, an empty one
 * between the two. */
static int write_args(const hec_rundir *run, const hec_request *q, hec_error *err)
{
    HEC_AUTO_STRBUF b;

    hec__strbuf_init(&b);
    for (size_t i = 0; i < q->said.n; i++)
        hec__strbuf_add(&b, q->said.all[i], strlen(q->said.all[i]) + 1);
    hec__strbuf_add(&b, "", 1);
    for (size_t i = 0; i < q->argc; i++)
        hec__strbuf_add(&b, q->argv[i], strlen(q->argv[i]) + 1);
    return b.failed ? no_memory(err)
                    : hec__run_write_file(run->dir, "args", b.data, b.len, 0400, err);
}

static int write_scripts(const hec_rundir *run, hec_request *q, const hec_site *site,
                         uint32_t parts, hec_error *err)
{
    int r = 0;

    for (uint32_t part = 1; r == 0 && part <= parts; part++) {
        HEC_AUTO_STR text = NULL;
        char name[32];

        r = hec_script_write(q, site, part, &text, err);
        if (r == 0)
            r = hec__run_write_file(run->dir, hec__script_name(part, name, sizeof name), text,
                                    strlen(text), 0500, err);
    }
    return r;
}

/* ---- what the request does not say ---- */

static int set_workdir(hec_request *q, hec_error *err)
{
    HEC_AUTO_STR here = NULL;

    if (q->workdir && *q->workdir == '/')
        return 0;
    here = getcwd(NULL, 0);
    if (!here)
        return hec__fail(err, HEC_ENOENT, errno, "cannot tell which folder this is");
    q->workdir = q->workdir ? hec__arena_printf(&q->arena, "%s/%s", here, q->workdir)
                            : hec__arena_copy(&q->arena, here, strlen(here));
    return q->workdir ? 0 : no_memory(err);
}

/* Where outputs go. Without a scheduler those of a job that is no array are opened by who starts
 * it. */
static int set_outputs(hec_request *q, const hec_site *site, const hec_rundir *run, hec_error *err)
{
    bool array = q->n_ranges > 0;
    const char *index = array ? ".{index}" : "";
    bool both = !q->output && !q->error;

    if (site->scheduler == HEC__LOCAL && !array)
        return 0;
    if (!q->output)
        q->output = hec__arena_printf(&q->arena, "%s/out%s", run->path, index);
    if (both)
        q->error = hec__arena_printf(&q->arena, "%s/err%s", run->path, index);
    return q->output && (!both || q->error) ? 0 : no_memory(err);
}

/* Copies the code, and lets the job begin at the same place in the copy. */
static int take_code(hec_rundir *run, hec_request *q, int snapshot, hec_error *err)
{
    HEC_AUTO_STR root = NULL;
    HEC_AUTO_STR real = NULL;
    int r;

    if (snapshot == HEC_SNAPSHOT_NEVER)
        return 0;
    r = hec__snapshot_root(q->workdir, snapshot == HEC_SNAPSHOT_ALWAYS, &root, err);
    if (r < 0 || !root)
        return r;
    r = hec__snapshot_take(run, root, err);
    real = r == 0 ? realpath(q->workdir, NULL) : NULL;
    if (r < 0 || !real)
        return r < 0 ? r : no_memory(err);
    q->workdir = hec__arena_printf(&q->arena, "%s/code%s", run->path, real + strlen(root));
    q->run.code_of = hec__arena_copy(&q->arena, root, strlen(root));
    return q->workdir && q->run.code_of ? 0 : no_memory(err);
}

static int fill(hec_rundir *run, hec_request *q, const hec_site *site, uint32_t parts, int snapshot,
                hec_error *err)
{
    int r = take_code(run, q, snapshot, err);
    hec__of_run of = {.dir = run->path,
                      .id = run->id,
                      .code_of = q->run.code_of,
                      .outputs = !q->output && !q->error};

    if (r == 0)
        r = set_outputs(q, site, run, err);

    if (r == 0)
        r = hec__after_runs(q, site, &of, err);
    if (r == 0)
        r = hec__request_run(q, &of, err);
    if (r == 0 && mkdirat(run->dir, "marks", 0700) < 0)
        r = hec__fail(err, HEC_EIO, errno, "cannot make the folder 'marks'");
    if (r == 0)
        r = write_args(run, q, err);
    return r == 0 ? write_scripts(run, q, site, parts, err) : r;
}

int hec_rundir_plan(hec_request *q, const hec_site *site, const hec_submit_options *o,
                    hec_rundir **ret_run, hec_error *err)
{
    HEC_AUTO(hec_rundir) run = NULL;
    HEC_AUTO_STRBUF asked;
    HEC_AUTO_STR environment = NULL;
    int snapshot = o ? o->snapshot : HEC_SNAPSHOT_AUTO;
    uint32_t parts = 0;
    int r;

    hec__strbuf_init(&asked);
    if (snapshot < HEC_SNAPSHOT_AUTO || snapshot > HEC_SNAPSHOT_NEVER)
        return hec__fail(err, HEC_EINVAL, 0, "snapshot: %d is none of them", snapshot);
    if (q->argc == 0)
        return hec__fail(err, HEC_EINVAL, 0, "there is no command");
    r = set_workdir(q, err);
    if (r == 0)
        r = hec_script_parts(q, site, &parts, err);
    if (r == 0)
        r = hec_environment(q->argv[0], q->workdir, &environment, err);
    if (r == 0)
        r = write_asked(q, site, parts, snapshot, environment, &asked, err);
    if (r == 0)
        r = hec_rundir_create(o ? o->path : NULL, "job", q->name, asked.data, &run, err);
    if (r < 0 || !run)
        return r;
    r = hec__run_write_file(run->dir, "environment", environment, strlen(environment), 0400, err);
    if (r == 0)
        r = fill(run, q, site, parts, snapshot, err);
    if (r < 0) {
        (void)hec_rundir_remove(run, NULL);
        return r;
    }
    *ret_run = HEC_STEAL(&run);
    return 0;
}

/* ---- back ---- */

static int set_option(hec_request *q, const char *said, hec_error *err)
{
    const char *equals = strchr(said, '=');
    HEC_AUTO_STR name = equals ? strndup(said, (size_t)(equals - said)) : NULL;

    if (!equals)
        return hec__fail(err, HEC_EFORMAT, 0, "'args' of a run has '%.60s' in it", said);
    return name ? hec_request_set(q, name, equals + 1, err) : no_memory(err);
}

static int read_args(const hec__strbuf *text, hec_request *q, hec_error *err)
{
    const char *p = text->data, *end = p + text->len;
    const char **argv = NULL;
    size_t n = 0;
    int r = 0;

    for (; r == 0 && p < end && *p; p += strlen(p) + 1)
        if (strncmp(p, "after=", 6) != 0) /* that was then */
            r = set_option(q, p, err);
    p++;
    if (r < 0)
        return r;
    for (const char *a = p; a < end; a += strlen(a) + 1)
        n++;
    argv = calloc(n + 1, sizeof *argv);
    if (!argv)
        return no_memory(err);
    n = 0;
    for (const char *a = p; a < end; a += strlen(a) + 1)
        argv[n++] = a;
    r = hec_request_command(q, argv, n, err);
    free(argv);
    return r;
}

int hec_rundir_request(hec_rundir *run, hec_request **ret_request, hec_site **ret_site,
                       hec_error *err)
{
    const char *name = hec__run_text(run->asked, "site"),
               *folder = hec__run_text(run->asked, "workdir");
    HEC_AUTO(hec_request) q = NULL;
    HEC_AUTO(hec_site) site = NULL;
    HEC_AUTO_STRBUF text;
    int r;

    hec__strbuf_init(&text);
    if (strcmp(run->kind, "job") != 0 || !name)
        return hec__fail(err, HEC_EINVAL, 0, "the run %s is no batch job, but a %.40s", run->id,
                         run->kind);
    r = hec__run_read_file(run, "args", &text, err);
    if (r == 0)
        r = hec_request_create(&q, err);
    if (r == 0)
        r = read_args(&text, q, err);
    if (r == 0 && folder)
        r = hec_request_set(q, "workdir", folder, err);
    if (r == 0)
        r = hec_site_open(name, &site, err);
    if (r < 0)
        return r;
    *ret_request = HEC_STEAL(&q);
    *ret_site = HEC_STEAL(&site);
    return 0;
}
