/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a CSV: refused with a line, or records of fields. The reader wants a file, so the
 * bytes lie in one in memory.
 */
#include <hec/config.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const char *path, char delimiter, size_t size)
{
    const hec_csv_field *fields;
    hec_csv *csv = NULL;
    hec_error err = {0};
    uint64_t line = 0;
    size_t n, total = 0;
    int r;

    if (hec_csv_open(path, delimiter, &csv, NULL) < 0)
        abort();
    while ((r = hec_csv_next(csv, &fields, &n, &err)) == 1) {
        /* Records begin on later and later lines, and nothing is made up. */
        if (n == 0 || hec_csv_line(csv) <= line)
            abort();
        line = hec_csv_line(csv);
        for (size_t i = 0; i < n; i++) {
            if (strlen(fields[i].text) != fields[i].size)
                abort();
            total += fields[i].size;
        }
    }
    if (total > size || (r < 0 && !strstr(err.text, "/proc/")))
        abort();
    hec_csv_destroy(csv);
}

static void read_runs(const char *path)
{
    hec_runs *runs = NULL;
    const hec_run *run;
    int r;

    if (hec_runs_open(&path, 1, "", &runs, NULL) < 0)
        abort();
    do {
        r = hec_runs_next(runs, &run, NULL);
        if (r == 1 && (strlen(run->id) != 32 || run->seed >> 53))
            abort();
    } while (r == 1 || r == HEC_EFORMAT);
    hec_runs_destroy(runs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("csv", 0);
    char path[64], link[64];

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    read_all(path, ',', size);
    read_all(path, '\t', size);
    /* Runs want a name that says what the file is. */
    snprintf(link, sizeof link, "/tmp/hec-fuzz-%d.csv", (int)getpid());
    unlink(link);
    if (symlink(path, link) < 0)
        abort();
    read_runs(link);
    unlink(link);
    close(fd);
    return 0;
}
