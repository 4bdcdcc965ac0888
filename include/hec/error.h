/* SPDX-License-Identifier: MIT
 *
 * Errors: one convention for the whole API.
 *
 * A call that can fail returns 0 (or a count) on success and a negative HEC_E code on failure.
 * On success *err is untouched; on failure no other output is touched. err may be NULL.
 * An error is plain data of a fixed size, so that it crosses fork and shared memory unchanged.
 */
#ifndef HEC_ERROR_H
#define HEC_ERROR_H

#include <stdint.h>

#if defined(HEC_STATIC)
#define HEC_API
#elif defined(__GNUC__)
#define HEC_API __attribute__((visibility("default")))
#else
#define HEC_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, code, what it means, exit status of the program hec, Python class)
 * A code, once released, keeps its number. */
#define HEC_ERRORS(X)                                                                              \
    X(HEC_EINVAL, -1, "invalid argument", 2, "ValueError")                                         \
    X(HEC_ENOMEM, -2, "out of memory", 5, "MemoryError")                                           \
    X(HEC_EIO, -3, "input/output error", 5, "OSError")                                             \
    X(HEC_EFORMAT, -4, "malformed input", 3, "ValueError")                                         \
    X(HEC_ENOENT, -5, "not found", 3, "FileNotFoundError")                                         \
    X(HEC_ESYS, -6, "system call failed", 5, "OSError")                                            \
    X(HEC_EAGAIN, -7, "not now", 5, "BlockingIOError")                                             \
    X(HEC_EINTR, -8, "interrupted", 5, "InterruptedError")                                         \
    X(HEC_ECLOSED, -9, "closed", 5, "RuntimeError")                                                \
    X(HEC_ECALLBACK, -10, "the caller's function failed", 5, "RuntimeError")                       \
    X(HEC_EINTERNAL, -11, "internal error", 5, "RuntimeError")                                     \
    X(HEC_EPERM, -12, "not permitted", 3, "PermissionError")                                       \
    X(HEC_EREFUSED, -13, "refused by the scheduler", 4, "RuntimeError")

enum hec_error_code {
#define HEC_ERROR_ENUM(name, code, text, status, python) name = (code),
    HEC_ERRORS(HEC_ERROR_ENUM)
#undef HEC_ERROR_ENUM
};

typedef struct hec_error {
    int32_t code;   /* one of HEC_E… */
    int32_t sys;    /* errno where the system said no, else 0 */
    char text[248]; /* one line, lower case, no full stop; always terminated */
} hec_error;

/* "HEC_EIO" for HEC_EIO, "HEC_E?" for a number that is none of ours. Static storage. */
HEC_API const char *hec_error_name(int code);

/* The default text of a code. Static storage. */
HEC_API const char *hec_error_text(int code);

/* The exit status that the program hec ends with for a code (5 for an unknown one). */
HEC_API int hec_error_exit_status(int code);

/* The name of the Python exception that stands for a code. Static storage. */
HEC_API const char *hec_error_python(int code);

#ifdef __cplusplus
}
#endif
#endif
