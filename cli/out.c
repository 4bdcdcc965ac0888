/* SPDX-License-Identifier: MIT
 *
 * Printing, and noticing that it failed.
 */
#include "out.h"

#include "exit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void out_complain(const char *fmt, ...)
{
    va_list ap;

    fputs("hec: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

void out_hint(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

int out_error(const char *what, const hec_error *err)
{
    out_complain("cannot %s: %s", what, err->text);
    return hec_error_exit_status(err->code);
}

int out_finish(int status)
{
    bool failed = ferror(stdout);

    errno = 0;
    /* Some file systems report a full disk only here. */
    if (fclose(stdout) == 0 && !failed)
        return status;
    out_complain("cannot write the output: %s", errno ? strerror(errno) : "write error");
    return STATUS_INTERNAL;
}

char *out_bytes(unsigned long long bytes, char *buf, size_t size)
{
    static const char letters[] = "KMGTP";
    double v = (double)bytes;
    int unit = -1;

    for (; v >= 1024 && letters[unit + 1]; unit++)
        v /= 1024;
    if (unit < 0)
        snprintf(buf, size, "%llu B", bytes);
    else
        snprintf(buf, size, "%.*f %ciB", v < 10 ? 1 : 0, v, letters[unit]);
    return buf;
}

char *out_seconds(unsigned long long s, char *buf, size_t size)
{
    if (s >= 86400)
        snprintf(buf, size, "%llud %02lluh", s / 86400, s % 86400 / 3600);
    else if (s >= 3600)
        snprintf(buf, size, "%lluh %02llum", s / 3600, s % 3600 / 60);
    else if (s >= 60)
        snprintf(buf, size, "%llum %02llus", s / 60, s % 60);
    else
        snprintf(buf, size, "%llus", s);
    return buf;
}
