/* SPDX-License-Identifier: MIT */
#include "pool/report.h"

#include "sys/shm.h"

#include <fcntl.h>
#include <unistd.h>

#define RUNNER_BYTES (256u * 1024u)
#define C_BYTES      (64u * 1024u)
#define BOTH         (RUNNER_BYTES + C_BYTES)

int hec__report_create(uint32_t nworkers, int *ret_fd, hec_error *err)
{
    return hec__shm_create("hec-reports", (uint64_t)nworkers * BOTH, ret_fd, err);
}

static off_t place(uint32_t worker, enum hec__report_part part)
{
    return (off_t)worker * BOTH + (part == HEC__REPORT_C ? RUNNER_BYTES : 0);
}

/* Opened once more, because an offset belongs to the open file, and each place needs its own. */
int hec__report_open(int fd, uint32_t worker, enum hec__report_part part)
{
    char path[40];
    int own;

    if (fd < 0)
        return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    own = hec__above_stdio(open(path, O_WRONLY | O_CLOEXEC));
    if (own >= 0 && lseek(own, place(worker, part), SEEK_SET) < 0) {
        close(own);
        return -1;
    }
    return own;
}

char *hec__report_take(int fd, uint32_t worker, enum hec__report_part part)
{
    size_t size = part == HEC__REPORT_C ? C_BYTES : RUNNER_BYTES;
    char *text, first;
    ssize_t n;

    if (fd < 0 || pread(fd, &first, 1, place(worker, part)) != 1 || !first)
        return NULL;
    text = malloc(size + 1);
    n = text ? pread(fd, text, size, place(worker, part)) : 0;
    hec__shm_release(fd, (uint64_t)place(worker, part), size, NULL);
    if (n <= 0) {
        free(text);
        return NULL;
    }
    text[n] = '\0';
    return text;
}
