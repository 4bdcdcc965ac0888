/* SPDX-License-Identifier: MIT
 *
 * The JSON writer: commas, escapes, and bytes that are no UTF-8.
 */
#include "base/json.h"
#include "tap.h"

#include <math.h>

static void test_structure(void)
{
    HEC_AUTO_STRBUF b;
    hec__json j;

    hec__strbuf_init(&b);
    hec__json_init(&j, &b);
    hec__json_open(&j, '{');
    hec__json_key(&j, "list");
    hec__json_open(&j, '[');
    hec__json_int(&j, INT64_MIN);
    hec__json_uint(&j, UINT64_MAX);
    hec__json_bool(&j, true);
    hec__json_bool(&j, false);
    hec__json_null(&j);
    hec__json_close(&j);
    hec__json_key(&j, "empty");
    hec__json_open(&j, '{');
    hec__json_close(&j);
    hec__json_key(&j, "none");
    hec__json_str(&j, NULL);
    hec__json_close(&j);
    is_str(b.data,
           "{\"list\":[-9223372036854775808,18446744073709551615,true,false,null],"
           "\"empty\":{},\"none\":null}",
           "objects, lists, numbers and words");
}

static void test_reals(void)
{
    HEC_AUTO_STRBUF b;
    hec__json j;

    hec__strbuf_init(&b);
    hec__json_init(&j, &b);
    hec__json_open(&j, '[');
    hec__json_real(&j, 0.5);
    hec__json_real(&j, 1e300);
    hec__json_real(&j, (double)NAN);
    hec__json_real(&j, -(double)INFINITY);
    hec__json_close(&j);
    is_str(b.data, "[0.5,1e+300,null,null]", "what is no number is null");
}

static void is_quoted(const char *text, const char *want, const char *what)
{
    HEC_AUTO_STRBUF b;
    hec__json j;

    hec__strbuf_init(&b);
    hec__json_init(&j, &b);
    hec__json_str(&j, text);
    is_str(b.data, want, "%s", what);
}

static void test_strings(void)
{
    is_quoted("a\"b\\c", "\"a\\\"b\\\\c\"", "quotes and backslashes are escaped");
    is_quoted("\n\t\x01\x7f", "\"\\u000a\\u0009\\u0001\\u007f\"", "control bytes are escaped");
    is_quoted("\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80",
              "\"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80\"",
              "UTF-8 of two, three and four bytes passes");
    is_quoted("a\xFFz", "\"a\xEF\xBF\xBDz\"", "a byte that is no UTF-8 is replaced");
    is_quoted("\xC0\xAF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\"", "a long form is replaced");
    is_quoted("\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"", "so is a surrogate");
    is_quoted("\xF4\x90\x80\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"",
              "so is a code over U+10FFFF");
    is_quoted("\xE2\x82", "\"\xEF\xBF\xBD\xEF\xBF\xBD\"", "so is one that is cut off");
}

int main(void)
{
    test_structure();
    test_reals();
    test_strings();
    return done_testing();
}
