/* SPDX-License-Identifier: MIT
 *
 * What `hec map` has finished, in a journal: found again by what was to be run.
 *
 * The key of a task is a hash of its arguments, the folder it runs in and --journal-tag. Where the
 * same arguments come several times, each time is a task of its own, known by the how manieth it
 * is.
 */
#ifndef HEC_CLI_MAP_JOURNAL_H
#define HEC_CLI_MAP_JOURNAL_H

#include <hec/error.h>
#include <hec/journal.h>

#include <stdbool.h>
#include <stddef.h>

/* How often each key has come. */
typedef struct map_seen {
    struct seen_key {
        unsigned char key[HEC_KEY_SIZE];
        uint32_t times; /* 0: the place is free */
    } * table;
    size_t n, cap; /* cap is a power of 2, or 0 */
} map_seen;

void map_seen_fini(map_seen *seen); /* zeros are fine */

/* Counts a key, and makes it another one if it has come before. HEC_ENOMEM. */
int map_seen_count(map_seen *seen, unsigned char key[HEC_KEY_SIZE], hec_error *err);

/* The key of a command; folder and tag may be NULL. HEC_ENOMEM. */
int map_key(const char *const *argv, const char *folder, const char *tag,
            unsigned char ret[HEC_KEY_SIZE], hec_error *err);

#endif
