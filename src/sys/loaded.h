/* SPDX-License-Identifier: MIT
 *
 * Libraries that this process has loaded, by whatever way, and their functions. Wheels carry
 * numerical libraries under names such as libgomp-a34b3233.so.1.0.0 and keep their symbols to
 * themselves, so a look at the global symbols would not find them.
 */
#ifndef HEC_SYS_LOADED_H
#define HEC_SYS_LOADED_H

#define HEC__LOADED_MAX 16

typedef struct hec__loaded {
    int n;
    void *handles[HEC__LOADED_MAX];
} hec__loaded;

/* All loaded libraries whose file name contains one of the words (ended by NULL), the first
 * HEC__LOADED_MAX of them. They are never unloaded from here on: whoever looked has their
 * addresses, and to let one go again costs more than the whole search, since the loader then asks
 * for every library whether it is still needed. */
void hec__loaded_find(hec__loaded *l, const char *const *words);

/* The address of a function in one of them, or NULL. */
void *hec__loaded_symbol(const hec__loaded *l, int i, const char *name);

#endif
