/* SPDX-License-Identifier: MIT
 *
 * Copying the code. Folders are made anew, and can be written to; files are further names of what
 * is in the store, and cannot. What git ignores, and what is large, is reached through links: a job
 * finds its data there, and what it writes into an ignored folder is where it always is.
 */
#include "run/snapshot.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "run/ignore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH 64
#define NAMED 20 /* files that were not copied, at most, that are named */

typedef struct taking {
    const hec_rundir *run;
    const char *root;
    int store;
    hec__arena arena;
    hec__ignore ignore;
    hec__strbuf list;  /* the lines of code.list */
    hec__strbuf large; /* JSON strings, commas between them */
    uint64_t files, bytes, n_large;
} taking;

static void taking_fini(taking *t)
{
    if (t->store >= 0)
        close(t->store);
    hec__arena_fini(&t->arena);
    hec__strbuf_fini(&t->list);
    hec__strbuf_fini(&t->large);
}

static int no_memory(hec_error *err)
{
    return hec__fail(err, HEC_ENOMEM, 0, "no memory to copy the code");
}

static int too_much(const taking *t, hec_error *err)
{
    return hec__fail(
        err, HEC_EINVAL, 0,
        "'%.60s' is too much to be copied (over %d files or 1 GiB): name in .hecignore "
        "what is no code, or give --snapshot=never",
        t->root, HEC__SNAPSHOT_FILES);
}

/* ---- one entry ---- */

/* A link in `to` to where the entry is. */
static int link_there(taking *t, int to, const char *path, const char *name, hec_error *err)
{
    const char *target = hec__arena_printf(&t->arena, "%s/%s", t->root, path);

    if (!target)
        return no_memory(err);
    if (symlinkat(target, to, name) < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot make a link for '%.120s'", path);
    return 0;
}

static int note_large(taking *t, const char *path, uint64_t size, hec_error *err)
{
    hec__json j;

    if (t->n_large++ < NAMED) {
        hec__json_init(&j, &t->large);
        if (t->large.len)
            hec__strbuf_addc(&t->large, ',');
        hec__json_str(&j, path);
    }
    (void)size;
    return t->large.failed ? no_memory(err) : 0;
}

static int read_content(int fd, hec__strbuf *content)
{
    char buf[65536];
    ssize_t n;

    while ((n = read(fd, buf, sizeof buf)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return HEC_EIO;
        if (hec__strbuf_add(content, buf, (size_t)n) < 0)
            return HEC_ENOMEM;
        if (content->len > HEC__SNAPSHOT_LARGE * 2)
            return HEC_EIO; /* it grows while it is read */
    }
    return 0;
}

static int copy_file(taking *t, int from, int to, const char *path, const char *name,
                     const struct stat *st, hec_error *err)
{
    HEC_AUTO_FD fd = -1;
    HEC_AUTO_STRBUF content;
    char stored[HEC__STORE_NAME];
    bool program = st->st_mode & S_IXUSR;
    int r;

    hec__strbuf_init(&content);
    if ((uint64_t)st->st_size > HEC__SNAPSHOT_LARGE) {
        r = note_large(t, path, (uint64_t)st->st_size, err);
        return r == 0 ? link_there(t, to, path, name, err) : r;
    }
    fd = openat(from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT || errno == EACCES
                   ? 0
                   : hec__fail(err, HEC_EIO, errno, "cannot read '%.160s'", path);
    r = read_content(fd, &content);
    if (r < 0)
        return r == HEC_ENOMEM ? no_memory(err)
                               : hec__fail(err, r, errno, "cannot read '%.160s'", path);
    t->files++;
    t->bytes += content.len;
    if (t->files > HEC__SNAPSHOT_FILES || t->bytes > HEC__SNAPSHOT_BYTES)
        return too_much(t, err);
    hec__store_name(&content, program, stored);
    hec__strbuf_addf(&t->list, "%s\t", stored);
    hec__strbuf_adds(&t->list, path);
    hec__strbuf_addc(&t->list, '\0');
    return hec__store_put(t->store, &content, stored, program, to, name, err);
}

/* A link within the folder stays one; one that leads out of it leads to the same place. */
static int copy_link(taking *t, int from, int to, const char *path, const char *name,
                     hec_error *err)
{
    char target[PATH_MAX], real[PATH_MAX];
    ssize_t n = readlinkat(from, name, target, sizeof target - 1);
    size_t root = strlen(t->root);
    const char *full = hec__arena_printf(&t->arena, "%s/%s", t->root, path);

    if (n < 0)
        return 0;
    if (!full)
        return no_memory(err);
    target[n] = '\0';
    if (!realpath(full, real) ||
        (*target != '/' && strncmp(real, t->root, root) == 0 && real[root] == '/')) {
        if (symlinkat(target, to, name) < 0)
            return hec__fail(err, HEC_EIO, errno, "cannot make a link for '%.120s'", path);
        return 0;
    }
    return symlinkat(real, to, name) < 0
               ? hec__fail(err, HEC_EIO, errno, "cannot make a link for '%.120s'", path)
               : 0;
}

/* ---- folders ---- */

static int take_folder(taking *t, int from, int to, const char *path, int depth, hec_error *err);

/* What Python has compiled belongs to a file as it was then; a run is no code. */
static bool is_left_out(const taking *t, int from, const char *name, bool folder)
{
    HEC_AUTO_STRBUF yaml;
    struct stat st;

    hec__strbuf_init(&yaml);
    (void)t;
    if (strcmp(name, ".git") == 0 || strcmp(name, "__pycache__") == 0)
        return true;
    if (!folder)
        return strlen(name) > 4 && strcmp(name + strlen(name) - 4, ".pyc") == 0;
    return hec__strbuf_addf(&yaml, "%s/run.yaml", name) == 0 &&
           fstatat(from, yaml.data, &st, 0) == 0;
}

static int enter(taking *t, int from, int to, const char *path, const char *name, int depth,
                 hec_error *err)
{
    HEC_AUTO_FD in = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    HEC_AUTO_FD out = -1;

    if (in < 0)
        return errno == ENOENT || errno == EACCES
                   ? 0
                   : hec__fail(err, HEC_EIO, errno, "cannot open '%.160s'", path);
    if (depth == DEPTH)
        return hec__fail(err, HEC_EINVAL, 0, "'%.160s' lies too deep to be copied", path);
    if (mkdirat(to, name, 0700) < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot make the folder '%.160s'", path);
    out = openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (out < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot open the copy of '%.150s'", path);
    return take_folder(t, in, out, path, depth + 1, err);
}

static int take_entry(taking *t, int from, int to, const char *folder, const char *name, int depth,
                      hec_error *err)
{
    const char *path = hec__arena_printf(&t->arena, "%s%s%s", folder, *folder ? "/" : "", name);
    struct stat st;

    if (!path)
        return no_memory(err);
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0; /* it was just there */
    if (is_left_out(t, from, name, S_ISDIR(st.st_mode)))
        return 0;
    if (hec__ignore_has(&t->ignore, path, S_ISDIR(st.st_mode)))
        return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ? link_there(t, to, path, name, err) : 0;
    if (S_ISDIR(st.st_mode))
        return enter(t, from, to, path, name, depth, err);
    if (S_ISLNK(st.st_mode))
        return copy_link(t, from, to, path, name, err);
    return S_ISREG(st.st_mode) ? copy_file(t, from, to, path, name, &st, err) : 0;
}

static int add_rules(taking *t, int from, const char *file, const char *folder, hec_error *err)
{
    HEC_AUTO_FD fd = openat(from, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    HEC_AUTO_STRBUF text;
    const char *where = hec__arena_printf(&t->arena, "%s%s", folder, *folder ? "/" : "");
    int r;

    hec__strbuf_init(&text);
    if (fd < 0)
        return 0;
    r = read_content(fd, &text);
    if (r == HEC_ENOMEM || !where)
        return no_memory(err);
    return r == 0 ? hec__ignore_add(&t->ignore, text.data, where, err) : 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names in a folder, sorted, so that the list says the same of the same. */
static int read_names(taking *t, int from, const char ***ret, size_t *ret_n, hec_error *err)
{
    int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const char **all = NULL;
    struct dirent *e;
    size_t n = 0, cap = 0;
    int r = d ? 0 : hec__fail(err, HEC_EIO, errno, "cannot read a folder of '%.140s'", t->root);

    if (!d && fd >= 0)
        close(fd);
    while (r == 0 && (e = readdir(d))) {
        const char **grown;

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        grown = hec__arena_grow(&t->arena, all, n, &cap, sizeof *all);
        all = grown ? grown : all;
        if (!grown || !(all[n++] = hec__arena_copy(&t->arena, e->d_name, strlen(e->d_name))))
            r = no_memory(err);
    }
    if (d)
        closedir(d);
    if (r == 0 && n)
        qsort(all, n, sizeof *all, by_name);
    *ret = all;
    *ret_n = n;
    return r;
}

static int take_folder(taking *t, int from, int to, const char *path, int depth, hec_error *err)
{
    size_t n = 0, before = t->ignore.n;
    const char **names = NULL;
    int r = add_rules(t, from, ".gitignore", path, err);

    if (r == 0)
        r = add_rules(t, from, ".hecignore", path, err);
    if (r == 0)
        r = read_names(t, from, &names, &n, err);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = take_entry(t, from, to, path, names[i], depth, err);
    t->ignore.n = before;
    return r;
}

/* ---- all of it ---- */

static int note_taken(taking *t, hec_error *err)
{
    unsigned char hash[HEC__HASH128_SIZE];
    HEC_AUTO_STRBUF fields;
    hec__json j;

    hec__strbuf_init(&fields);
    if (t->list.failed)
        return no_memory(err);
    hec__hash128(t->list.data, t->list.len, hash);
    hec__json_init(&j, &fields);
    hec__strbuf_adds(&fields, "{\"of\":");
    hec__json_str(&j, t->root);
    hec__strbuf_adds(&fields, ",\"hash\":\"");
    for (size_t i = 0; i < sizeof hash; i++)
        hec__strbuf_addf(&fields, "%02x", hash[i]);
    hec__strbuf_addf(&fields,
                     "\",\"files\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"not_copied\":%" PRIu64
                     ",\"large\":[%s]}",
                     t->files, t->bytes, t->n_large, t->large.data);
    if (fields.failed)
        return no_memory(err);
    return hec_rundir_note((hec_rundir *)(uintptr_t)t->run, "snapshot", fields.data, err);
}

static int take_all(taking *t, hec_error *err)
{
    HEC_AUTO_FD from = open(t->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    HEC_AUTO_FD to = -1;
    int r;

    if (from < 0)
        return hec__fail(err, HEC_ENOENT, errno, "cannot open the folder '%.160s'", t->root);
    if (mkdirat(t->run->dir, "code", 0700) < 0 ||
        (to = openat(t->run->dir, "code", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot make the folder 'code' of the run");
    r = add_rules(t, from, ".git/info/exclude", "", err);
    if (r == 0)
        r = take_folder(t, from, to, "", 0, err);
    if (r == 0)
        r = note_taken(t, err);
    if (r == 0)
        r = hec__run_write_file(t->run->dir, "code.list", t->list.data, t->list.len, 0400, err);
    return r;
}

int hec__snapshot_take(hec_rundir *run, const char *root, hec_error *err)
{
    __attribute__((cleanup(taking_fini))) taking t = {.run = run, .root = root, .store = -1};
    HEC_AUTO_STR home = NULL;
    int r;

    t.ignore.arena = &t.arena;
    hec__strbuf_init(&t.list);
    hec__strbuf_init(&t.large);
    r = hec__run_home(true, &home, err);
    if (r == 0)
        r = hec__store_open(home, &t.store, err);
    return r == 0 ? take_all(&t, err) : r;
}

int hec__snapshot_root(const char *workdir, bool always, char **ret_root, hec_error *err)
{
    HEC_AUTO_STR real = realpath(workdir, NULL);
    const char *home = getenv("HOME");
    HEC_AUTO_STR folder = real ? strdup(real) : NULL;
    char git[PATH_MAX];

    *ret_root = NULL;
    if (!folder)
        return always ? hec__fail(err, HEC_ENOENT, errno, "cannot open '%.160s'", workdir) : 0;
    for (char *end = folder + strlen(folder); end > folder; end = strrchr(folder, '/')) {
        *end = '\0';
        if (!*folder || (home && strcmp(folder, home) == 0))
            break;
        snprintf(git, sizeof git, "%s/.git", folder);
        if (access(git, F_OK) == 0) {
            *ret_root = HEC_STEAL(&folder);
            return 0;
        }
    }
    if (!always)
        return 0;
    if (strcmp(real, "/") == 0 || (home && strcmp(real, home) == 0))
        return hec__fail(err, HEC_EINVAL, 0,
                         "'%.120s' is no folder of code: begin in that of your project, or give "
                         "--snapshot=never",
                         real);
    *ret_root = HEC_STEAL(&real);
    return 0;
}
