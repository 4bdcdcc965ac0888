/* SPDX-License-Identifier: MIT */
#include "map_journal.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/strbuf.h"

#include <stdlib.h>
#include <string.h>

int map_key(const char *const *argv, const char *folder, const char *tag,
            unsigned char ret[HEC_KEY_SIZE], hec_error *err)
{
    static const char kind[] = "hec command 1"; /* with its NUL: no other kind of key begins so */
    HEC_AUTO_STRBUF b;

    hec__strbuf_init(&b);
    hec__strbuf_add(&b, kind, sizeof kind);
    hec__strbuf_add(&b, folder ? folder : "", folder ? strlen(folder) + 1 : 1);
    hec__strbuf_add(&b, tag ? tag : "", tag ? strlen(tag) + 1 : 1);
    for (; *argv; argv++)
        hec__strbuf_add(&b, *argv, strlen(*argv) + 1);
    if (b.failed)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for the key of a command");
    hec__hash128(b.data, b.len, ret);
    return 0;
}

/* ---- keys that come again ---- */

static struct seen_key *place_of(const map_seen *seen, const unsigned char *key)
{
    size_t at;

    memcpy(&at, key, sizeof at); /* a hash already */
    for (at &= seen->cap - 1; seen->table[at].times; at = (at + 1) & (seen->cap - 1))
        if (memcmp(seen->table[at].key, key, HEC_KEY_SIZE) == 0)
            break;
    return &seen->table[at];
}

static int grow(map_seen *seen)
{
    map_seen more = {.cap = seen->cap ? 2 * seen->cap : 1024, .n = seen->n};

    more.table = calloc(more.cap, sizeof *more.table);
    if (!more.table)
        return HEC_ENOMEM;
    for (size_t i = 0; i < seen->cap; i++)
        if (seen->table[i].times)
            *place_of(&more, seen->table[i].key) = seen->table[i];
    free(seen->table);
    *seen = more;
    return 0;
}

int map_seen_count(map_seen *seen, unsigned char key[HEC_KEY_SIZE], hec_error *err)
{
    unsigned char again[HEC_KEY_SIZE + sizeof(uint32_t)];
    struct seen_key *place;

    if (2 * seen->n >= seen->cap && grow(seen) < 0)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for the keys of %zu commands", seen->n);
    place = place_of(seen, key);
    if (place->times == 0) {
        memcpy(place->key, key, HEC_KEY_SIZE);
        seen->n++;
    }
    if (place->times++ == 0)
        return 0;
    memcpy(again, key, HEC_KEY_SIZE);
    for (size_t i = 0; i < sizeof(uint32_t); i++) /* the same on every machine */
        again[HEC_KEY_SIZE + i] = (unsigned char)(place->times >> 8 * i);
    hec__hash128(again, sizeof again, key);
    return 0;
}

void map_seen_fini(map_seen *seen)
{
    free(seen->table);
    *seen = (map_seen){0};
}
