/* SPDX-License-Identifier: MIT
 *
 * Open addressing, at most half full. The hash is a good one because the names are a stranger's,
 * who might choose them to collide.
 */
#include "conf/names.h"

#include "base/error.h"
#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FEW 8 /* so many are compared one by one, which is quicker than to hash them */

static size_t slot_of(const hec__names *names, const char *bytes, size_t size)
{
    /* The seed is where the set lies, which a file cannot know. */
    size_t at = (size_t)hec__hash64(bytes, size, (uintptr_t)names->slots);

    for (;; at++) {
        uint32_t taken = names->slots[at & (names->cap - 1)];
        const hec__name *name = taken ? &names->all[taken - 1] : NULL;

        assert(!name || name->bytes);
        if (!name || (name->size == size && memcmp(name->bytes, bytes, size) == 0))
            return at & (names->cap - 1);
    }
}

ptrdiff_t hec__names_find(const hec__names *names, const char *bytes, size_t size)
{
    if (names->cap)
        return (ptrdiff_t)names->slots[slot_of(names, bytes, size)] - 1;
    for (size_t i = 0; i < names->n; i++)
        if (names->all[i].size == size && memcmp(names->all[i].bytes, bytes, size) == 0)
            return (ptrdiff_t)i;
    return -1;
}

static int grow(hec__names *names, hec_error *err)
{
    size_t room = names->n < FEW ? FEW : names->n * 2;
    hec__name *all;
    uint32_t *slots = NULL;

    if (room > UINT32_MAX / 2)
        return hec__fail(err, HEC_ENOMEM, 0, "too many names");
    all = calloc(room, sizeof *all);
    if (!all)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for names");
    if (names->all)
        memcpy(all, names->all, names->n * sizeof *all);
    free(names->all);
    names->all = all;
    if (names->n < FEW)
        return 0;
    slots = calloc(room * 2, sizeof *slots);
    if (!slots)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for names");
    free(names->slots);
    names->slots = slots;
    names->cap = room * 2;
    for (size_t i = 0; i < names->n; i++)
        slots[slot_of(names, all[i].bytes, all[i].size)] = (uint32_t)i + 1;
    return 0;
}

int hec__names_add(hec__names *names, const char *bytes, size_t size, size_t *ret_index,
                   hec_error *err)
{
    ptrdiff_t found = hec__names_find(names, bytes, size);

    if (found >= 0) {
        *ret_index = (size_t)found;
        return 0;
    }
    if (!names->all || names->n == (names->cap ? names->cap / 2 : FEW)) {
        int r = grow(names, err);

        if (r < 0)
            return r;
    }
    assert(names->all);
    if (names->cap)
        names->slots[slot_of(names, bytes, size)] = (uint32_t)names->n + 1;
    names->all[names->n] = (hec__name){bytes, size};
    *ret_index = names->n++;
    return 1;
}

void hec__names_fini(hec__names *names)
{
    free(names->all);
    free(names->slots);
    *names = (hec__names){0};
}
