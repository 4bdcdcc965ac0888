/* SPDX-License-Identifier: MIT
 *
 * A file that appears when it is whole.
 */
#include "base/cleanup.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "conf/place.h"

#include <hec/config.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* A new file with a name of its own beside `path`, and the permissions that any new file has: not
 * those of mkstemp(), which keeps out others, nor by way of umask(), which is not only ours. */
static FILE *create_beside(const char *path, hec__strbuf *name)
{
    FILE *f;
    int fd = -1;

    for (int i = 0; i < 100 && fd < 0; i++) {
        hec__strbuf_clear(name);
        hec__strbuf_addf(name, "%s.%d-%d", path, (int)getpid(), i);
        errno = ENOMEM;
        if (name->failed)
            return NULL;
        fd = open(name->data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            return NULL;
    }
    f = fd < 0 ? NULL : fdopen(fd, "w");
    if (fd >= 0 && !f) {
        close(fd);
        unlink(name->data);
    }
    return f;
}

int hec_runs_save(hec_runs_writer *write, const char *const *patterns, size_t n, const char *path,
                  hec_error *err)
{
    HEC_AUTO_STRBUF name;
    const char *cut, *shown = hec__short_name(path, &cut);
    FILE *f;
    int r;

    hec__strbuf_init(&name);
    f = create_beside(path, &name);
    if (!f)
        return hec__fail(err, HEC_EIO, errno, "cannot write '%s%s'", cut, shown);
    r = write(patterns, n, f, err);
    if (r < 0) {
        fclose(f);
        unlink(name.data);
        return r;
    }
    if (fclose(f) != 0 || rename(name.data, path) < 0) {
        r = hec__fail(err, HEC_EIO, errno, "cannot write '%s%s'", cut, shown);
        unlink(name.data);
    }
    return r;
}
