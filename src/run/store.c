/* SPDX-License-Identifier: MIT
 *
 * Where the contents of snapshots are, each once: `.store/ab/HASH` in the home of runs, of which
 * the files of a snapshot are further names. What is there is never written to: a file that is
 * found to be another one is replaced by a new one, and keeps its old names.
 */
#include "base/error.h"
#include "base/hash.h"
#include "run/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define TRIES 3

/* "ab/cdef...-x": the x is of programs, whose mode is another. */
void hec__store_name(const hec__strbuf *content, bool program, char name[HEC__STORE_NAME])
{
    unsigned char hash[HEC__HASH128_SIZE];
    size_t n = 0;

    hec__hash128(content->data, content->len, hash);
    for (size_t i = 0; i < sizeof hash; i++) {
        n += (size_t)snprintf(name + n, HEC__STORE_NAME - n, "%02x", hash[i]);
        if (i == 0)
            name[n++] = '/';
    }
    snprintf(name + n, HEC__STORE_NAME - n, "%s", program ? "-x" : "");
}

int hec__store_open(const char *home, int *ret_fd, hec_error *err)
{
    HEC_AUTO_STRBUF path;

    hec__strbuf_init(&path);
    if (hec__strbuf_addf(&path, "%s/.store", home) < 0)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for a path");
    if (mkdir(path.data, 0700) < 0 && errno != EEXIST)
        return hec__fail(err, HEC_EIO, errno, "cannot make '%.160s'", path.data);
    return hec__run_folder(path.data, ret_fd, err);
}

/* Whether the file of this name has this content. */
static bool is_same(int store, const char *name, const hec__strbuf *content)
{
    HEC_AUTO_FD fd = openat(store, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char buf[16384];
    size_t at = 0;
    ssize_t n;

    if (fd < 0)
        return false;
    while ((n = read(fd, buf, sizeof buf)) > 0) {
        if (at + (size_t)n > content->len || memcmp(content->data + at, buf, (size_t)n) != 0)
            return false;
        at += (size_t)n;
    }
    return n == 0 && at == content->len;
}

static int add(int store, const char *name, const hec__strbuf *content, unsigned mode,
               hec_error *err)
{
    char folder[3] = {name[0], name[1], '\0'};
    HEC_AUTO_FD dir = -1;

    if (mkdirat(store, folder, 0700) < 0 && errno != EEXIST)
        return hec__fail(err, HEC_EIO, errno, "cannot make a folder of the store");
    dir = openat(store, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot open a folder of the store");
    return hec__run_write_file(dir, name + 3, content->data, content->len, mode, err);
}

int hec__store_put(int store, const hec__strbuf *content, const char *stored, bool program, int dir,
                   const char *leaf, hec_error *err)
{
    unsigned mode = program ? 0500 : 0400;
    int r;

    for (int i = 0; i < TRIES; i++) {
        if (!is_same(store, stored, content)) {
            r = add(store, stored, content, mode, err);
            if (r < 0)
                return r;
        }
        if (linkat(store, stored, dir, leaf, 0) == 0)
            return 0;
        if (errno != ENOENT) /* else somebody has just cleaned up */
            break;
    }
    /* A file system without links, or with no more of them: a copy. */
    return hec__run_write_file(dir, leaf, content->data, content->len, mode, err);
}

/* ---- cleaning up ---- */

static void prune_folder(int store, const char *name)
{
    int fd = openat(store, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    struct stat st;

    if (!d && fd >= 0)
        close(fd);
    while (d && (e = readdir(d)))
        if (*e->d_name != '.' && fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode) && st.st_nlink == 1)
            (void)unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
}

void hec__store_prune(const char *home)
{
    HEC_AUTO_FD store = -1;
    char name[3];

    if (hec__store_open(home, &store, NULL) < 0)
        return;
    for (unsigned i = 0; i < 256; i++) {
        snprintf(name, sizeof name, "%02x", i);
        prune_folder(store, name);
    }
}
