/* SPDX-License-Identifier: MIT
 *
 * What the fuzz targets have in common when they are run as tests: files that were found before,
 * and bytes at random.
 */
#ifndef HEC_TESTS_CORPUS_H
#define HEC_TESTS_CORPUS_H

#include <stddef.h>
#include <stdint.h>

/* The target. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Feeds every file of a folder to the target, and says of each, where `each` is not NULL, whether
 * it could be read and the target returned 0. Returns how many there are; 0 also when there is no
 * such folder. A file has at most 1 MiB. */
int corpus_feed(const char *folder, void (*each)(const char *name, int good));

/* The next of a row of numbers that is the same in every run. */
uint64_t corpus_any(void);

#endif
