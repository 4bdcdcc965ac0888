/* SPDX-License-Identifier: MIT
 *
 * A folder of a test's own, and files in it.
 */
#ifndef HEC_TEST_CONF_FILES_H
#define HEC_TEST_CONF_FILES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char files_folder[3000];
static char files_made[256][3100];
static int files_n;

static inline void files_begin(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(files_folder, sizeof files_folder, "%s/hec-conf-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(files_folder)) {
        perror(files_folder);
        exit(99);
    }
}

/* The path of a file of this name with these bytes; valid until the end. */
static inline const char *file_of(const char *name, const char *bytes, size_t size)
{
    char *path = files_made[files_n++];
    FILE *f;

    snprintf(path, sizeof files_made[0], "%s/%s", files_folder, name);
    f = fopen(path, "w");
    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f) != 0) {
        perror(path);
        exit(99);
    }
    return path;
}

static inline const char *file_with(const char *name, const char *text)
{
    return file_of(name, text, strlen(text));
}

/* What a message says after the folder. */
static inline const char *after_folder(const char *text)
{
    size_t n = strlen(files_folder);
    const char *at = strstr(text, files_folder);

    return at ? at + n + 1 : text;
}

static inline void files_end(void)
{
    while (files_n > 0)
        unlink(files_made[--files_n]);
    rmdir(files_folder);
}

#endif
