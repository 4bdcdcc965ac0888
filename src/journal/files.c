/* SPDX-License-Identifier: MIT
 *
 * Which files a journal consists of, and opening them.
 */
#include "journal/state.h"

#include "base/error.h"
#include "journal/guard.h"
#include "sys/shm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define SUFFIX ".hecj"

void *hec__jgrow(void *array, uint32_t n, size_t size)
{
    /* Doubled at powers of two, so that no capacity has to be remembered. */
    if (n & (n - 1) || (n && n < 8))
        return array;
    if (n == UINT32_MAX / 2 + 1)
        return NULL;
    return realloc(array, (n ? 2 * (size_t)n : 8) * size);
}

/* Splits a path into the folder and the last name. Both free(). */
static int split(const char *path, char **ret_folder, char **ret_base, hec_error *err)
{
    const char *slash = strrchr(path, '/');
    HEC_AUTO_STR base = strdup(slash ? slash + 1 : path);
    HEC_AUTO_STR folder = NULL;

    if (!slash)
        folder = strdup(".");
    else
        folder = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (!base || !folder)
        return hec__fail(err, HEC_ENOMEM, 0, "out of memory opening a journal");
    if (!*base || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
        return hec__fail(err, HEC_EINVAL, 0, "'%.180s' is no name of a journal", path);
    *ret_folder = HEC_STEAL(&folder);
    *ret_base = HEC_STEAL(&base);
    return 0;
}

int hec__jfiles_place(hec_journal *j, const char *path, const hec_journal_options *options,
                      hec_error *err)
{
    size_t n = strlen(path);
    bool folder = options->folder || (n && path[n - 1] == '/');
    HEC_AUTO_STR above = NULL;
    struct stat st;
    int r;

    if (stat(path, &st) == 0)
        folder = S_ISDIR(st.st_mode);
    else if (errno != ENOENT)
        return hec__fail(err, errno == ENOTDIR ? HEC_ENOENT : HEC_EIO, errno,
                         "cannot open the journal '%.160s'", path);
    else if (folder && !options->read_only && mkdir(path, 0700) < 0 && errno != EEXIST)
        return hec__fail(err, errno == ENOENT ? HEC_ENOENT : HEC_EIO, errno,
                         "cannot make the folder '%.160s'", path);
    if (folder)
        return hec__jguard_folder(path, &j->dir, err);
    r = split(path, &above, &j->base, err);
    return r < 0 ? r : hec__jguard_folder(above, &j->dir, err);
}

/* hec__jguard_file(); errors name the file as the caller has named the journal. */
static int guard(const hec_journal *j, const char *name, int flags, int *ret_fd, hec_error *err)
{
    char shown[256];

    snprintf(shown, sizeof shown, "%.120s%s%.120s", j->path, j->base ? "" : "/",
             j->base ? "" : name);
    return hec__jguard_file(j->dir, name, shown, flags, ret_fd, err);
}

/* Opens a file to read, reads its header, and notes it. 1, or 0: there is nothing in it. */
static int add_file(hec_journal *j, const char *name, hec_error *err)
{
    unsigned char header[HEC__JFILE_SIZE];
    HEC_AUTO_FD fd = -1;
    hec__jfile f = {0}, *files;
    struct stat st;
    int r = guard(j, name, O_RDONLY, &fd, err);

    if (r < 0)
        return r;
    r = hec__read_at(fd, 0, header, sizeof header, err);
    if (r <= 0)
        return r;
    r = hec__jfile_get(header, &f.seed, err);
    if (r < 0)
        return hec__fail_in(err, r, "'%.100s'", j->base ? j->path : name);
    if (fstat(fd, &st) < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot look at '%.160s'", name);
    f.dev = st.st_dev;
    f.ino = st.st_ino;
    files = hec__jgrow(j->files, j->nfiles, sizeof *files);
    if (files)
        j->files = files;
    f.name = files ? strdup(name) : NULL;
    if (!f.name)
        return hec__fail(err, HEC_ENOMEM, 0, "out of memory opening a journal");
    j->files[j->nfiles++] = f;
    return 1;
}

static int is_journal(const struct dirent *e)
{
    size_t n = strlen(e->d_name), suffix = strlen(SUFFIX);

    return e->d_name[0] != '.' && n > suffix && strcmp(e->d_name + n - suffix, SUFFIX) == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int list_folder(hec_journal *j, hec_error *err)
{
    struct dirent **names;
    int n = scandirat(j->dir, ".", &names, is_journal, by_name), r = 0;

    if (n < 0)
        return hec__fail(err, errno == ENOMEM ? HEC_ENOMEM : HEC_EIO, errno,
                         "cannot list the folder '%.160s'", j->path);
    for (int i = 0; i < n; i++) {
        /* One that is gone meanwhile was none of ours, or was empty. */
        if (r >= 0) {
            r = add_file(j, names[i]->d_name, err);
            r = r == HEC_ENOENT ? 0 : r;
        }
        free(names[i]);
    }
    free(names);
    return r < 0 ? r : 0;
}

int hec__jfiles_list(hec_journal *j, bool absent_is_fine, hec_error *err)
{
    int r;

    if (!j->base)
        return list_folder(j, err);
    r = add_file(j, j->base, err);
    if (r == HEC_ENOENT && absent_is_fine)
        return 0;
    return r < 0 ? r : 0;
}

static int sync_folder(const hec_journal *j, hec_error *err)
{
    /* Some file systems have nothing to sync there, and say so. */
    if (fsync(j->dir) < 0 && errno != EINVAL && errno != EOPNOTSUPP && errno != EROFS)
        return hec__fail(err, HEC_EIO, errno, "cannot bring the folder of '%.140s' to disk",
                         j->path);
    return 0;
}

/* A header on disk under the name `temp`, then renamed: nobody sees half of one. */
static int make_file(hec_journal *j, const char *temp, const char *name, hec_error *err)
{
    unsigned char header[HEC__JFILE_SIZE], id[16];
    char hex[33];
    struct timespec ts;
    int r = hec__jrandom_hex(hex, err);

    if (r < 0)
        return r;
    for (int i = 0; i < 16; i++) {
        char two[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

        id[i] = (unsigned char)strtoul(two, NULL, 16);
    }
    clock_gettime(CLOCK_REALTIME, &ts);
    hec__jfile_put(header, id, (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec);

    HEC_AUTO_FD fd = hec__above_stdio(
        openat(j->dir, temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));

    if (fd < 0)
        return hec__fail(err, errno == EACCES || errno == EROFS ? HEC_EPERM : HEC_EIO, errno,
                         "cannot make the journal '%.160s'", j->path);
    if (write(fd, header, sizeof header) != (ssize_t)sizeof header || fsync(fd) < 0 ||
        renameat(j->dir, temp, j->dir, name) < 0) {
        r = hec__fail(err, HEC_EIO, errno, "cannot make the journal '%.160s'", j->path);
        unlinkat(j->dir, temp, 0);
        return r;
    }
    return sync_folder(j, err);
}

/* The name of this writer's file in a folder. */
static int own_name(char *name, size_t size, hec_error *err)
{
    char me[128], hex[33];
    int r = hec__jrandom_hex(hex, err);

    if (r < 0)
        return r;
    hec__jlock_me(me, sizeof me);
    hex[8] = '\0';
    snprintf(name, size, "%s-%s" SUFFIX, me, hex);
    return 0;
}

int hec__jfiles_own(hec_journal *j, int *ret_fd, hec_error *err)
{
    char name[NAME_MAX + 1], temp[NAME_MAX + 1];
    int r = 0;

    if (j->base)
        snprintf(name, sizeof name, "%s", j->base);
    else
        r = own_name(name, sizeof name, err);
    if (r < 0)
        return r;
    j->own = j->nfiles ? j->nfiles - 1 : 0;
    if (!j->base || !j->nfiles) {
        if (snprintf(temp, sizeof temp, "%s.new", name) >= (int)sizeof temp)
            return hec__fail(err, HEC_EINVAL, ENAMETOOLONG, "the journal '%.160s'", j->path);
        r = make_file(j, temp, name, err);
        if (r == 0)
            r = add_file(j, name, err);
        if (r < 0)
            return r;
        j->own = j->nfiles - 1;
        j->files[j->own].end = HEC__JFILE_SIZE;
    }
    return guard(j, name, O_WRONLY | O_APPEND, ret_fd, err);
}

int hec__jfiles_fd(hec_journal *j, uint32_t file, int *ret_fd, hec_error *err)
{
    HEC_AUTO_FD fd = -1;
    struct stat st;
    int r;

    if (j->open_fd >= 0 && j->open_file == file) {
        *ret_fd = j->open_fd;
        return 0;
    }
    r = guard(j, j->files[file].name, O_RDONLY, &fd, err);
    if (r < 0)
        return r;
    if (fstat(fd, &st) < 0 || st.st_dev != j->files[file].dev || st.st_ino != j->files[file].ino)
        return hec__fail(err, HEC_EIO, 0, "'%.160s' is another file than before",
                         j->files[file].name);
    if (j->open_fd >= 0)
        close(j->open_fd);
    j->open_fd = fd;
    j->open_file = file;
    fd = -1;
    *ret_fd = j->open_fd;
    return 0;
}
