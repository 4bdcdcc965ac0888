/* SPDX-License-Identifier: MIT
 *
 * Removing a run: by descriptors, so that a link that somebody puts there leads nowhere else.
 */
#include "base/error.h"
#include "run/run.h"
#include "run/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 256

static int remove_in(int dir, int depth);

static int remove_one(int dir, const char *name, int depth)
{
    int fd;

    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -1;
    fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == EACCES && fchmodat(dir, name, 0700, 0) == 0)
        fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    return remove_in(fd, depth + 1) < 0 ? -1 : unlinkat(dir, name, AT_REMOVEDIR);
}

/* Removes what is in a folder, and closes it. */
static int remove_in(int dir, int depth)
{
    DIR *d = NULL;
    struct dirent *e;
    int r = 0;

    if (depth > DEPTH_MAX) {
        close(dir);
        errno = ELOOP;
        return -1;
    }
    (void)fchmod(dir, 0700); /* a snapshot may be read only */
    d = fdopendir(dir);
    if (!d) {
        close(dir);
        return -1;
    }
    while (r == 0 && (e = readdir(d)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            r = remove_one(dirfd(d), e->d_name, depth);
    closedir(d);
    return r;
}

static int remove_link(const hec_rundir *run, hec_error *err)
{
    HEC_AUTO_STR home = NULL;
    HEC_AUTO_STRBUF path;
    int r = hec__run_home(false, &home, err);

    hec__strbuf_init(&path);
    if (r == 0 && hec__strbuf_addf(&path, "%s/%s", home, run->id) < 0)
        r = hec__fail(err, HEC_ENOMEM, 0, "no memory for a path");
    if (r == 0 && unlink(path.data) < 0 && errno != ENOENT)
        r = hec__fail(err, HEC_EIO, errno, "cannot remove '%.160s'", path.data);
    return r;
}

int hec_rundir_remove(hec_rundir *run, hec_error *err)
{
    char *slash = strrchr(run->path, '/');
    HEC_AUTO_STRBUF gone;
    HEC_AUTO_STR home = NULL;
    bool code;
    int dir, r = run->home == 2 ? remove_link(run, err) : 0;

    hec__strbuf_init(&gone);
    if (r < 0)
        return r;
    if (!slash || hec__strbuf_addf(&gone, "%.*s/.gone-%s-%d", (int)(slash - run->path), run->path,
                                   run->id, (int)getpid()) < 0)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for a path");
    if (rename(run->path, gone.data) < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot remove the run '%.160s'", run->path);
    dir = fcntl(run->dir, F_DUPFD_CLOEXEC, 3);
    code = faccessat(run->dir, "code", F_OK, 0) == 0;
    if (dir < 0 || remove_in(dir, 0) < 0 || rmdir(gone.data) < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot remove all of '%.160s'", gone.data);
    if (code && hec__run_home(false, &home, NULL) == 0)
        hec__store_prune(home);
    return 0;
}
