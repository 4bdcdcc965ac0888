/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a host list, and as counts per node.
 */
#include "topo/hostlist.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hec__arena arena = {NULL};
    hec__hosts hosts = {NULL, 0, 0};
    char *text = malloc(size + 1);
    uint64_t count;
    hec_error err;

    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    if (hec__hostlist_expand(text, &arena, &hosts, &err) == 0)
        for (size_t i = 0; i < hosts.n; i++)
            if (!*hosts.names[i] || strlen(hosts.names[i]) > HEC__HOST_NAME_MAX)
                abort();
    if (hosts.n > HEC__HOSTS_MAX)
        abort();
    if (hec__counts_at(text, size, &count) && (count == 0 || count > INT32_MAX))
        abort();
    hec__arena_fini(&arena);
    free(text);
    return 0;
}
