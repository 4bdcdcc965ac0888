/* SPDX-License-Identifier: MIT
 *
 * Making a run and opening one.
 *
 * A run is made beside its place, under a name that begins with a dot, and renamed when run.yaml is
 * in it and on disk: so there is no moment at which a folder with the name of a run is not one.
 */
#include "run/run.h"

#include "base/error.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define TRIES 16 /* ids, until one is free */

static const hec_error no_memory = {.code = HEC_ENOMEM, .text = "no memory for a run"};

static int out_of_memory(hec_error *err)
{
    if (err)
        *err = no_memory;
    return HEC_ENOMEM;
}

void hec_rundir_destroy(hec_rundir *run)
{
    if (!run)
        return;
    if (run->dir >= 0)
        close(run->dir);
    hec_yaml_destroy(run->yaml);
    free(run->path);
    free(run);
}

const char *hec_rundir_id(const hec_rundir *run)
{
    return run->id;
}

const char *hec_rundir_path(const hec_rundir *run)
{
    return run->path;
}

const char *hec_rundir_kind(const hec_rundir *run)
{
    return run->kind;
}

const char *hec_rundir_name(const hec_rundir *run)
{
    return run->name;
}

int64_t hec_rundir_created_ms(const hec_rundir *run)
{
    return run->created_ms;
}

const hec_value *hec_rundir_asked(const hec_rundir *run)
{
    return run->asked;
}

/* ---- opening ---- */

static int read_asked(hec_rundir *run, hec_error *err)
{
    HEC_AUTO_STRBUF text;
    int64_t version;
    int r;

    hec__strbuf_init(&text);
    r = hec__run_read_file(run, "run.yaml", &text, err);
    if (r == HEC_ENOENT)
        return hec__fail(err, HEC_ENOENT, 0, "'%.160s' is no run: there is no run.yaml in it",
                         run->path);
    if (r == 0)
        r = hec_yaml_parse("run.yaml", text.data, text.len, &run->yaml, err);
    if (r < 0)
        return r == HEC_EFORMAT ? hec__fail_in(err, r, "in %.100s", run->path) : r;
    run->asked = hec_yaml_documents(run->yaml) ? hec_yaml_document(run->yaml, 0) : NULL;
    version = run->asked ? hec__run_int(run->asked, "hec", 0) : 0;
    if (version < 1)
        return hec__fail(err, HEC_EFORMAT, 0, "'%.150s/run.yaml' does not say that it is of hec",
                         run->path);
    if (version > HEC__RUN_VERSION)
        return hec__fail(
            err, HEC_EFORMAT, 0,
            "the run '%.120s' was made by a newer hec (format %lld, this one knows %d)", run->path,
            (long long)version, HEC__RUN_VERSION);
    run->id = hec__run_text(run->asked, "id");
    run->kind = hec__run_text(run->asked, "kind");
    run->name = hec__run_text(run->asked, "name");
    run->created_ms = hec__run_int(run->asked, "created_ms", 0);
    if (!run->id || !hec__run_is_id(run->id) || !run->kind || !run->name)
        return hec__fail(err, HEC_EFORMAT, 0, "'%.150s/run.yaml' lacks an id, a kind or a name",
                         run->path);
    return 0;
}

int hec__run_open_path(const char *path, int home, hec_rundir **ret_run, hec_error *err)
{
    HEC_AUTO(hec_rundir) run = calloc(1, sizeof *run);
    int r;

    if (!run)
        return out_of_memory(err);
    run->dir = -1;
    run->home = home;
    run->path = realpath(path, NULL);
    if (!run->path)
        /* cppcheck-suppress memleak ; it goes at the end of the scope */
        return hec__fail(err, errno == ENOENT || errno == ENOTDIR ? HEC_ENOENT : HEC_EIO, errno,
                         "cannot open the run '%.160s'", path);
    r = hec__run_folder(run->path, &run->dir, err);
    if (r == 0)
        r = read_asked(run, err);
    if (r == 0)
        *ret_run = HEC_STEAL(&run);
    return r;
}

/* ---- making ---- */

static void add_header(hec__strbuf *out, const char *id, const char *kind, const char *name,
                       int64_t now_ms)
{
    HEC_AUTO_STR cwd = getcwd(NULL, 0);
    char host[256] = "", when[40];
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm tm = {0};
    hec__json j;

    gethostname(host, sizeof host - 1);
    gmtime_r(&seconds, &tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    hec__strbuf_addf(out, "# A run of hec: what was asked. Nothing changes this file.\nhec: %d\n",
                     HEC__RUN_VERSION);
    hec__strbuf_addf(out, "id: \"%s\"\nkind: \"%s\"\nname: ", id, kind);
    hec__json_init(&j, out);
    hec__json_str(&j, name);
    hec__strbuf_addf(out, "\ncreated: \"%s\"\ncreated_ms: %lld\nhost: ", when, (long long)now_ms);
    hec__json_str(&j, host);
    hec__strbuf_adds(out, "\nfolder: ");
    hec__json_str(&j, cwd ? cwd : "");
    hec__strbuf_addf(out, "\nprogram: \"hec %s\"\n", HEC_VERSION);
}

/* The members of a JSON object as lines of YAML, "key: value". */
static int add_asked(hec__strbuf *out, const char *asked, hec_error *err)
{
    hec_yaml *yaml = NULL;
    const hec_value *map;
    int r = hec_yaml_parse("what is asked", asked, strlen(asked), &yaml, err);

    if (r < 0)
        return r;
    map = hec_yaml_documents(yaml) ? hec_yaml_document(yaml, 0) : NULL;
    if (!map || map->kind != HEC_VALUE_MAP)
        r = hec__fail(err, HEC_EINVAL, 0, "what is asked is no map");
    for (size_t i = 0; r == 0 && i < map->count; i++) {
        const hec_member *m = &map->as.members[i];
        char *json = NULL;

        r = hec_value_json(&m->value, &json, err);
        if (r == 0 && m->key.kind == HEC_VALUE_TEXT)
            hec__strbuf_addf(out, "%s: %s\n", m->key.as.text, json);
        free(json);
    }
    hec_yaml_destroy(yaml);
    return r;
}

/* Makes the folder `beside`, with run.yaml in it. */
static int fill_folder(int parent, const char *beside, const hec__strbuf *text, hec_error *err)
{
    HEC_AUTO_FD dir = -1;
    int r;

    if (mkdirat(parent, beside, 0700) < 0)
        return hec__fail(err, errno == EACCES ? HEC_EPERM : HEC_EIO, errno,
                         "cannot make the folder of a run");
    dir = openat(parent, beside, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot open the folder of a run");
    r = hec__run_write_file(dir, "run.yaml", text->data, text->len, 0400, err);
    if (r == 0)
        (void)fsync(dir);
    return r;
}

/* One try. *ret_taken: there is something of that name already. */
static int make_folder(int parent, const char *leaf, const hec__strbuf *text, bool *ret_taken,
                       hec_error *err)
{
    char beside[NAME_MAX];
    struct stat st;
    int r;

    *ret_taken = fstatat(parent, leaf, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (*ret_taken)
        return hec__fail(err, HEC_EINVAL, 0, "there is something called '%.100s' already", leaf);
    snprintf(beside, sizeof beside, ".new-%.100s-%d", leaf, (int)getpid());
    r = fill_folder(parent, beside, text, err);
    if (r == 0 && renameat(parent, beside, parent, leaf) < 0) {
        *ret_taken = errno == EEXIST || errno == ENOTEMPTY;
        r = hec__fail(err, *ret_taken ? HEC_EINVAL : HEC_EIO, errno, "cannot make the run '%.100s'",
                      leaf);
    }
    if (r < 0) {
        HEC_AUTO_FD dir = openat(parent, beside, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (dir >= 0)
            (void)unlinkat(dir, "run.yaml", 0);
        (void)unlinkat(parent, beside, AT_REMOVEDIR);
    } else {
        (void)fsync(parent);
    }
    return r;
}

typedef struct made {
    const char *kind, *name, *asked;
    char id[HEC__RUN_ID_MAX];
} made;

static int write_text(made *m, hec__strbuf *text, hec_error *err)
{
    int64_t now = hec__run_now_ms();
    int r = 0;

    hec__strbuf_clear(text);
    hec__run_new_id(m->name, now, m->id);
    add_header(text, m->id, m->kind, m->name, now);
    if (m->asked)
        r = add_asked(text, m->asked, err);
    return r == 0 && text->failed ? out_of_memory(err) : r;
}

static int make_at_home(made *m, const char *home, hec__strbuf *path, hec_error *err)
{
    HEC_AUTO_STRBUF text;
    HEC_AUTO_FD parent = -1;
    bool taken = true;
    int r = hec__run_folder(home, &parent, err);

    hec__strbuf_init(&text);
    for (int i = 0; i < TRIES && taken && (r == 0 || i > 0); i++) {
        taken = false;
        r = write_text(m, &text, err);
        if (r == 0)
            r = make_folder(parent, m->id, &text, &taken, err);
    }
    if (r == 0 && hec__strbuf_addf(path, "%s/%s", home, m->id) < 0)
        r = out_of_memory(err);
    return r;
}

/* The link in the home of runs by which a run elsewhere is found. */
static int add_link(const made *m, const char *home, const char *path, hec_error *err)
{
    HEC_AUTO_FD parent = -1;
    int r = hec__run_folder(home, &parent, err);

    if (r == 0 && symlinkat(path, parent, m->id) < 0)
        r = hec__fail(err, HEC_EIO, errno, "cannot add '%.60s' to the runs in '%.100s'", m->id,
                      home);
    return r;
}

/* Of "a/b/c/" the folder "a/b" and the name "c". */
static int split(const char *path, hec__strbuf *folder, hec__strbuf *leaf, hec_error *err)
{
    size_t n = strlen(path), from;

    while (n > 1 && path[n - 1] == '/')
        n--;
    from = n;
    while (from > 0 && path[from - 1] != '/')
        from--;
    hec__strbuf_add(leaf, path + from, n - from);
    if (from == 0)
        hec__strbuf_addc(folder, '.');
    else
        hec__strbuf_add(folder, path, from > 1 ? from - 1 : 1);
    if (folder->failed || leaf->failed)
        return out_of_memory(err);
    if (leaf->len == 0 || leaf->len > 100 || strcmp(leaf->data, ".") == 0 ||
        strcmp(leaf->data, "..") == 0)
        return hec__fail(err, HEC_EINVAL, 0, "'%.160s' is no path for a new folder", path);
    return 0;
}

static int make_elsewhere(made *m, const char *at, const char *home, hec__strbuf *path,
                          hec_error *err)
{
    HEC_AUTO_STRBUF text, folder, leaf;
    HEC_AUTO_STR real = NULL;
    HEC_AUTO_FD parent = -1;
    bool taken;
    int r;

    hec__strbuf_init(&text);
    hec__strbuf_init(&folder);
    hec__strbuf_init(&leaf);
    r = split(at, &folder, &leaf, err);
    if (r == 0 && !(real = realpath(folder.data, NULL)))
        r = hec__fail(err, errno == ENOENT ? HEC_ENOENT : HEC_EIO, errno,
                      "cannot make a run in '%.160s'", folder.data);
    if (r == 0)
        r = hec__run_folder(real, &parent, err);
    if (r == 0)
        r = write_text(m, &text, err);
    if (r == 0)
        r = make_folder(parent, leaf.data, &text, &taken, err);
    if (r == 0 &&
        hec__strbuf_addf(path, "%s/%s", strcmp(real, "/") == 0 ? "" : real, leaf.data) < 0)
        r = out_of_memory(err);
    return r == 0 ? add_link(m, home, path->data, err) : r;
}

int hec_rundir_create(const char *path, const char *kind, const char *name, const char *asked,
                      hec_rundir **ret_run, hec_error *err)
{
    made m = {.kind = kind, .name = name, .asked = asked};
    HEC_AUTO_STR home = NULL;
    HEC_AUTO_STRBUF full;
    int r;

    hec__strbuf_init(&full);
    if (!hec__run_is_id(kind))
        return hec__fail(err, HEC_EINVAL, 0, "a kind of run is a word, not '%.60s'", kind);
    r = hec__run_home(true, &home, err);
    if (r == 0)
        r = path ? make_elsewhere(&m, path, home, &full, err) : make_at_home(&m, home, &full, err);
    return r == 0 ? hec__run_open_path(full.data, path ? 2 : 1, ret_run, err) : r;
}
