/* SPDX-License-Identifier: MIT
 *
 * What is UTF-8 and what only looks like it.
 */
#include "base/utf8.h"
#include "tap.h"

#define VALID(s)        hec__utf8_valid((s), sizeof(s) - 1)
#define IS_WHOLE(s)     (VALID(s) == sizeof(s) - 1)
#define LENGTH(s)       hec__utf8_length((s), sizeof(s) - 1)
#define IS_BAD_AT(s, i) (VALID(s) == (i))

static void test_edges(void)
{
    ok(IS_WHOLE("") && IS_WHOLE("\0") && IS_WHOLE("\x7F"), "one byte, and none");
    ok(IS_WHOLE("\xC2\x80") && IS_WHOLE("\xDF\xBF"), "two bytes: U+0080 to U+07FF");
    ok(IS_WHOLE("\xE0\xA0\x80") && IS_WHOLE("\xEF\xBF\xBF"), "three: U+0800 to U+FFFF");
    ok(IS_WHOLE("\xF0\x90\x80\x80") && IS_WHOLE("\xF4\x8F\xBF\xBF"), "four: to U+10FFFF");
    ok(IS_BAD_AT("\xC1\xBF", 0) && IS_BAD_AT("\xE0\x9F\xBF", 0) && IS_BAD_AT("\xF0\x8F\xBF\xBF", 0),
       "no long forms");
    ok(IS_WHOLE("\xED\x9F\xBF") && IS_BAD_AT("\xED\xA0\x80", 0), "no surrogates");
    ok(IS_BAD_AT("\xF4\x90\x80\x80", 0) && IS_BAD_AT("\xF5\x80\x80\x80", 0), "nothing above");
    ok(IS_BAD_AT("\x80", 0) && IS_BAD_AT("\xFF", 0), "no byte that begins nothing");
}

static void test_places(void)
{
    ok(IS_BAD_AT("abcdefgh\xFFijk", 8), "the first bad byte, after eight good ones");
    ok(IS_BAD_AT("abcdefghijkl\xE2\x82", 12), "a character that is cut off");
    ok(IS_WHOLE("abcdefgh\xE2\x82\xAC"
                "abcdefgh"),
       "a long text");
    ok(LENGTH("\xE2\x82\xAC") == 3 && LENGTH("\xE2\x82") == 0 && LENGTH("") == 0 &&
           LENGTH("a") == 1,
       "the length of one character");
}

int main(void)
{
    test_edges();
    test_places();
    return done_testing();
}
