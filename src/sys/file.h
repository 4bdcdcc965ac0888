/* SPDX-License-Identifier: MIT
 *
 * Small files, read whole. Every path is taken below a root directory, so that a machine recorded
 * as a tree of text files reads exactly like the machine itself.
 */
#ifndef HEC_SYS_FILE_H
#define HEC_SYS_FILE_H

#include "base/strbuf.h"

#include <hec/error.h>

#include <stdbool.h>

/* No file that describes a machine is larger; what is larger is something else. */
#define HEC__FILE_MAX ((size_t)16 << 20)

/* Reads ROOT/path whole and appends it to *out; root "" is the machine itself. What is read ends
 * at the first NUL byte, so that the text is a C string.
 * HEC_ENOENT: there is no such file, or it may not be read (a container often hides part of
 * /proc and /sys, which must not stop anything). HEC_EFORMAT: over HEC__FILE_MAX bytes.
 * HEC_EIO, HEC_ENOMEM as usual. On failure *out is as it was. */
int hec__file_read(const char *root, const char *path, hec__strbuf *out, hec_error *err);

/* Whether ROOT/path exists, whatever it is. A path too long for the system does not exist. */
bool hec__file_exists(const char *root, const char *path);

/* Whether path is a directory. */
bool hec__file_is_dir(const char *path);

#endif
