/* SPDX-License-Identifier: MIT
 *
 * A set of names: found again, in their order, with none twice.
 */
#include "conf/names.h"
#include "fault.h"
#include "tap.h"

#include <stdlib.h>

enum { MANY = 5000 };

static char texts[MANY][16];

static void test_few(void)
{
    HEC_AUTO_NAMES names = {0};
    size_t i = 99;

    ok(hec__names_find(&names, "a", 1) == -1, "nothing is in an empty set");
    ok(hec__names_add(&names, "a", 1, &i, NULL) == 1 && i == 0, "the first has number 0");
    ok(hec__names_add(&names, "ab", 2, &i, NULL) == 1 && i == 1, "the second 1");
    ok(hec__names_add(&names, "a", 1, &i, NULL) == 0 && i == 0, "the first again is no new one");
    ok(hec__names_add(&names, "", 0, &i, NULL) == 1 && i == 2, "an empty name is one too");
    ok(hec__names_add(&names, "a\0b", 3, &i, NULL) == 1 && hec__names_find(&names, "a\0b", 3) == 3,
       "and one with a NUL");
}

static void test_many(void)
{
    HEC_AUTO_NAMES names = {0};
    bool added = true, again = true, found = true;
    size_t at;

    for (size_t i = 0; i < MANY; i++) {
        snprintf(texts[i], sizeof texts[i], "name%zu", i * 7);
        added =
            added && hec__names_add(&names, texts[i], strlen(texts[i]), &at, NULL) == 1 && at == i;
    }
    ok(added && names.n == MANY, "5000 names, each with its number");
    for (size_t i = 0; i < MANY; i++) {
        again =
            again && hec__names_add(&names, texts[i], strlen(texts[i]), &at, NULL) == 0 && at == i;
        found = found && hec__names_find(&names, texts[i], strlen(texts[i])) == (ptrdiff_t)i;
    }
    ok(again && found && names.n == MANY, "all of them found again");
    ok(hec__names_find(&names, "name", 4) == -1, "another is not");
    hec__names_fini(&names);
    ok(names.n == 0 && hec__names_add(&names, "x", 1, &at, NULL) == 1 && at == 0,
       "empty and usable again");
}

static void test_memory(void)
{
    bool kept = true;

    for (long n = 1;; n++) {
        HEC_AUTO_NAMES names = {0};
        size_t at;
        int r = 1;

        fault_arm(n);
        for (size_t i = 0; i < 40 && r == 1; i++)
            r = hec__names_add(&names, texts[i], strlen(texts[i]), &at, NULL);
        if (!fault_disarm())
            break;
        kept = kept && r == HEC_ENOMEM;
        for (size_t i = 0; i < names.n; i++)
            kept = kept && hec__names_find(&names, texts[i], strlen(texts[i])) == (ptrdiff_t)i;
    }
    ok(kept, "where memory runs out, the names so far stay");
}

int main(void)
{
    test_few();
    test_many();
    test_memory();
    return done_testing();
}
