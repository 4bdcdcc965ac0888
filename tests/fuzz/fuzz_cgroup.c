/* SPDX-License-Identifier: MIT
 *
 * Any bytes as /proc/self/cgroup and /proc/self/mountinfo: the two texts stand one after the
 * other, with a NUL byte or a line of "==" between them. Every second directory exists.
 */
#include "topo/cgroup.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool exists(const char *path, void *arg)
{
    return strlen(path) & 1;
}

static void find(const char *cgroup, const char *mountinfo, const char *controller)
{
    hec__arena arena = {NULL};
    hec__cgroup group = {NULL, NULL};
    hec_error err;
    int r = hec__cgroup_find(&arena, cgroup, mountinfo, controller, exists, NULL, &group, &err);

    /* Whatever was found lies at or below the mount: climbing up from it ends. */
    if (r == 1 && strncmp(group.dir, group.mount, strlen(group.mount)) != 0)
        abort();
    hec__arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *middle;
    const char *mountinfo;

    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    mountinfo = text + strlen(text) + (strlen(text) < size);
    middle = strstr(text, "\n==\n");
    if (middle) {
        middle[1] = '\0';
        mountinfo = middle + 4;
    }
    find(text, mountinfo, "cpu");
    find(text, mountinfo, "memory");
    find(text, mountinfo, NULL);
    free(text);
    return 0;
}
