/* SPDX-License-Identifier: MIT
 *
 * The string buffer's promises, and what it does when memory runs out.
 */
#include "base/strbuf.h"
#include "fault.h"
#include "tap.h"

#include <hec/error.h>

#include <stdint.h>
#include <stdlib.h>

static void test_append(void)
{
    HEC_AUTO_STRBUF b;
    char *s;

    hec__strbuf_init(&b);
    is_str(b.data, "", "an empty buffer is an empty string");
    ok(hec__strbuf_adds(&b, "ab") == 0 && hec__strbuf_addc(&b, 'c') == 0, "text is appended");
    ok(hec__strbuf_addf(&b, "%d-%s", 7, "x") == 0, "formatted text is appended");
    is_str(b.data, "abc7-x", "the pieces stand in order");
    ok(hec__strbuf_add(&b, NULL, 0) == 0 && b.len == 6, "no bytes may come from nowhere");
    ok(hec__strbuf_reserve(&b, SIZE_MAX - 2) == HEC_ENOMEM && b.failed, "too much is refused");
    is_str(b.data, "abc7-x", "and changes nothing");
    ok(!hec__strbuf_detach(&b), "a buffer that failed is not handed over");
    hec__strbuf_clear(&b);
    ok(!b.failed && b.len == 0 && !*b.data, "clear empties it and forgets the failure");
    hec__strbuf_adds(&b, "next");
    s = hec__strbuf_detach(&b);
    is_str(s, "next", "detach hands the text over");
    ok(b.cap == 0 && b.len == 0, "and leaves an empty buffer");
    free(s);
    s = hec__strbuf_detach(&b);
    is_str(s, "", "an empty buffer hands over an empty string");
    free(s);
}

static void test_growth(void)
{
    HEC_AUTO_STRBUF b;
    bool good = true;

    hec__strbuf_init(&b);
    for (int i = 0; i < 10000; i++)
        good = good && hec__strbuf_addf(&b, "%04d", i) == 0;
    ok(good && b.len == 40000 && strlen(b.data) == 40000, "it grows as it must");
    ok(memcmp(b.data + 4 * 1234, "1234", 4) == 0, "and keeps what it had");
}

static void test_no_memory(void)
{
    HEC_AUTO_STRBUF b;
    char *s;

    hec__strbuf_init(&b);
    fault_arm(1);
    ok(hec__strbuf_adds(&b, "x") == HEC_ENOMEM && b.failed, "the first append may fail");
    fault_disarm();
    is_str(b.data, "", "and leaves an empty string");
    hec__strbuf_clear(&b);
    hec__strbuf_adds(&b, "kept");
    fault_arm(1);
    ok(hec__strbuf_addf(&b, "%100d", 1) == HEC_ENOMEM, "growing may fail");
    fault_disarm();
    is_str(b.data, "kept", "and keeps what was there");
    ok(hec__strbuf_adds(&b, "!") == 0 && b.failed, "the failure sticks, though later ones succeed");
    hec__strbuf_fini(&b);
    fault_arm(1);
    s = hec__strbuf_detach(&b);
    fault_disarm();
    ok(!s, "handing over an empty string may fail");
}

int main(void)
{
    test_append();
    test_growth();
    test_no_memory();
    return done_testing();
}
