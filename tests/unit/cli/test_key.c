/* SPDX-License-Identifier: MIT
 *
 * By what a journal knows the commands of hec map.
 */
#include "map_journal.h"
#include "tap.h"

static const char *hex(const unsigned char *key)
{
    static char out[2 * HEC_KEY_SIZE + 1];

    for (size_t i = 0; i < HEC_KEY_SIZE; i++)
        snprintf(out + 2 * i, 3, "%02x", key[i]);
    return out;
}

static bool same(const char *const *a, const char *const *b, const char *folder, const char *tag)
{
    unsigned char x[HEC_KEY_SIZE], y[HEC_KEY_SIZE];

    return map_key(a, "/f", NULL, x, NULL) == 0 && map_key(b, folder, tag, y, NULL) == 0 &&
           memcmp(x, y, sizeof x) == 0;
}

static void keys(void)
{
    const char *ab[] = {"a", "b", NULL}, *a_b[] = {"a b", NULL}, *abx[] = {"a", "b", "", NULL};
    unsigned char key[HEC_KEY_SIZE];

    ok(same(ab, ab, "/f", NULL), "the same arguments are the same task");
    ok(!same(ab, a_b, "/f", NULL), "words are not the same as one word");
    ok(!same(ab, abx, "/f", NULL), "an empty argument counts");
    ok(!same(ab, ab, "/g", NULL), "in another folder it is another one");
    ok(!same(ab, ab, "/f", "new"), "and with another tag");
    map_key(ab, "/f", "t", key, NULL);
    is_str(hex(key), "d268681e27e5e326f1fa5657c8c94666",
           "keys stay what they are: journals have them");
}

static void counting(void)
{
    map_seen seen = {0};
    unsigned char first[HEC_KEY_SIZE] = "one", second[HEC_KEY_SIZE] = "one",
                  third[HEC_KEY_SIZE] = "one", again[HEC_KEY_SIZE] = "one";
    map_seen anew = {0};
    bool good = true;

    ok(map_seen_count(&seen, first, NULL) == 0 && memcmp(first, "one", 4) == 0,
       "a key that comes first stays");
    ok(map_seen_count(&seen, second, NULL) == 0 && map_seen_count(&seen, third, NULL) == 0 &&
           memcmp(first, second, sizeof first) != 0 && memcmp(second, third, sizeof second) != 0,
       "each further time it is another");
    map_seen_count(&anew, again, NULL);
    memcpy(again, "one", 4);
    map_seen_count(&anew, again, NULL);
    ok(memcmp(again, second, sizeof again) == 0, "the same one in every run");
    for (uint32_t i = 0; i < 100000; i++) {
        unsigned char key[HEC_KEY_SIZE] = {0}, was[HEC_KEY_SIZE];

        for (unsigned k = 0; k < HEC_KEY_SIZE; k++)
            key[k] = (unsigned char)((i + 1) * 2654435761u >> (k % 4 * 8));
        memcpy(was, key, sizeof was);
        good = good && map_seen_count(&seen, key, NULL) == 0 && memcmp(was, key, sizeof was) == 0;
    }
    ok(good && seen.n == 100001, "many keys are told apart: %zu", seen.n);
    map_seen_fini(&seen);
    map_seen_fini(&anew);
}

int main(void)
{
    keys();
    counting();
    return done_testing();
}
