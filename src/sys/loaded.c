/* SPDX-License-Identifier: MIT */
#include "sys/loaded.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

struct search {
    const char *const *words;
    int n;
    char path[HEC__LOADED_MAX][512];
};

static int look(struct dl_phdr_info *info, size_t size, void *data)
{
    struct search *s = data;
    const char *base = info->dlpi_name ? strrchr(info->dlpi_name, '/') : NULL;

    (void)size;
    for (int w = 0; base && s->words[w]; w++) {
        int n;

        if (!strstr(base, s->words[w]))
            continue;
        n = snprintf(s->path[s->n], sizeof s->path[0], "%s", info->dlpi_name);
        if (n > 0 && (size_t)n < sizeof s->path[0])
            s->n++;
        break;
    }
    return s->n == HEC__LOADED_MAX;
}

void hec__loaded_find(hec__loaded *l, const char *const *words)
{
    struct search s = {.words = words};

    *l = (hec__loaded){0};
    /* First the names, then the handles: the loader's lock is held inside the iteration. */
    dl_iterate_phdr(look, &s);
    for (int i = 0; i < s.n; i++) {
        l->handles[l->n] = dlopen(s.path[i], RTLD_LAZY | RTLD_NOLOAD);
        if (l->handles[l->n])
            l->n++;
    }
}

void *hec__loaded_symbol(const hec__loaded *l, int i, const char *name)
{
    return dlsym(l->handles[i], name);
}
