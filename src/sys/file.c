/* SPDX-License-Identifier: MIT
 *
 * Small files by open() and read(): stdio would allocate a buffer per file, and reading the
 * topology opens two dozen of them.
 */
#include "sys/file.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* root + path in buf; false where it does not fit. */
static bool join(const char *root, const char *path, char *buf, size_t size)
{
    int n = snprintf(buf, size, "%s%s%s", root, *path == '/' ? "" : "/", path);

    return n >= 0 && (size_t)n < size;
}

static int read_all(int fd, const char *name, hec__strbuf *out, hec_error *err)
{
    char buf[8192];
    size_t total = 0;
    ssize_t n;

    for (;;) {
        n = read(fd, buf, sizeof buf);
        if (n < 0 && errno == EINTR)
            continue;
        /* Some files of /proc and /sys open and then refuse: not there for us. */
        if (n < 0 && (errno == EACCES || errno == EPERM || errno == EOPNOTSUPP))
            return hec__fail(err, HEC_ENOENT, errno, "cannot read '%.180s'", name);
        if (n < 0)
            return hec__fail(err, HEC_EIO, errno, "cannot read '%.180s'", name);
        if (n == 0)
            return 0;
        total += (size_t)n;
        if (total > HEC__FILE_MAX)
            return hec__fail(err, HEC_EFORMAT, 0, "'%.180s' is too large to be read", name);
        if (hec__strbuf_add(out, buf, (size_t)n) < 0)
            return hec__fail(err, HEC_ENOMEM, 0, "out of memory reading '%.180s'", name);
    }
}

int hec__file_read(const char *root, const char *path, hec__strbuf *out, hec_error *err)
{
    size_t before = out->len;
    char name[PATH_MAX];
    int r;

    if (!join(root, path, name, sizeof name))
        return hec__fail(err, HEC_ENOENT, ENAMETOOLONG, "cannot open '%.180s'", path);

    HEC_AUTO_FD fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0) {
        bool absent = errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == EPERM;

        return hec__fail(err, absent ? HEC_ENOENT : HEC_EIO, errno, "cannot open '%.180s'", name);
    }
    r = read_all(fd, name, out, err);
    if (r < 0) {
        out->len = before;
        if (out->cap)
            out->data[before] = '\0';
        out->failed = false;
        return r;
    }
    out->len = before + strlen(out->data + before);
    return 0;
}

bool hec__file_exists(const char *root, const char *path)
{
    char name[PATH_MAX];

    return join(root, path, name, sizeof name) && access(name, F_OK) == 0;
}

bool hec__file_is_dir(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}
