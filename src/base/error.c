/* SPDX-License-Identifier: MIT
 *
 * The table of errors, and the two functions that fill one.
 */
#include "base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static_assert(sizeof(hec_error) == 256, "an error is 256 bytes: it crosses shared memory");

static const struct entry {
    int code;
    int status;
    const char *name, *text, *python;
} table[] = {
#define HEC_ERROR_ROW(name, code, text, status, python) {code, status, #name, text, python},
    HEC_ERRORS(HEC_ERROR_ROW)
#undef HEC_ERROR_ROW
};

static const struct entry *find(int code)
{
    static const struct entry unknown = {0, 5, "HEC_E?", "unknown error", "RuntimeError"};

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].code == code)
            return &table[i];
    return &unknown;
}

const char *hec_error_name(int code)
{
    return find(code)->name;
}

const char *hec_error_text(int code)
{
    return find(code)->text;
}

int hec_error_exit_status(int code)
{
    return find(code)->status;
}

const char *hec_error_python(int code)
{
    return find(code)->python;
}

void hec__error_fill(hec_error *err, int code, int sys, const char *fmt, ...)
{
    va_list ap;
    size_t used;

    if (!err)
        return;
    err->code = code;
    err->sys = sys;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    used = strlen(err->text);
    if (sys && used < sizeof err->text) {
        char buf[96];

        /* The GNU strerror_r, which may return a text of its own instead of filling buf. */
        snprintf(err->text + used, sizeof err->text - used, ": %s",
                 strerror_r(sys, buf, sizeof buf));
    }
}

int hec__fail_in(hec_error *err, int code, const char *fmt, ...)
{
    char context[sizeof(hec_error) - 8];
    char text[sizeof(hec_error) - 8];
    va_list ap;

    if (!err)
        return code;
    va_start(ap, fmt);
    vsnprintf(context, sizeof context, fmt, ap);
    va_end(ap);
    memcpy(text, err->text, sizeof text);
    text[sizeof text - 1] = '\0';
    /* A context that fills the buffer leaves at least its beginning: cut there, not an error. */
    if (snprintf(err->text, sizeof err->text, "%s: %s", context, text) < 0)
        err->text[0] = '\0';
    return err->code;
}
