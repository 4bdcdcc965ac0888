/* SPDX-License-Identifier: MIT
 *
 * What git would ignore: the rules of .gitignore files, without git.
 */
#ifndef HEC_RUN_IGNORE_H
#define HEC_RUN_IGNORE_H

#include "base/arena.h"

#include <hec/error.h>

#include <stdbool.h>
#include <stddef.h>

typedef struct hec__ignore_rule {
    const char *pattern;
    const char *folder; /* of its file */
    bool negated, folders, anchored;
} hec__ignore_rule;

typedef struct hec__ignore {
    hec__arena *arena;
    hec__ignore_rule *rules;
    size_t n, cap;
} hec__ignore;

/* Adds the rules of a file, given as text, which lies in a folder: "" or "sub/folder/". HEC_ENOMEM.
 */
int hec__ignore_add(hec__ignore *ignore, const char *text, const char *folder, hec_error *err);

/* Whether a path below the root, "sub/folder/name", is ignored. Not to be asked of what lies in an
 * ignored folder: that cannot be had back. Rules of folders that are not above it do not count. */
bool hec__ignore_has(const hec__ignore *ignore, const char *path, bool folder);

/* Whether a path matches a pattern in which * and ? match no slash, and ** matches folders. */
bool hec__ignore_match(const char *pattern, const char *path);

#endif
