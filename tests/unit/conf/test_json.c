/* SPDX-License-Identifier: MIT */
#include <hec/config.h>

#include "fault.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

static hec_error err;

/* What a JSON text is when it is written again; NULL: refused. */
static const char *again(const char *text)
{
    static char *json;
    hec_yaml *yaml = NULL;

    free(json);
    json = NULL;
    if (hec_json_parse("t", text, strlen(text), &yaml, &err) < 0)
        return NULL;
    if (hec_yaml_documents(yaml) != 1 ||
        hec_value_json(hec_yaml_document(yaml, 0), &json, &err) < 0)
        abort();
    hec_yaml_destroy(yaml);
    return json;
}

static void test_good(void)
{
    static const char *const same[] = {"0",
                                       "-1",
                                       "12345678901234567890123",
                                       "0.5",
                                       "1e+300",
                                       "true",
                                       "false",
                                       "null",
                                       "\"\"",
                                       "\"a\\\"b\\\\\"",
                                       "[]",
                                       "{}",
                                       "[1,[2,[3]],{}]",
                                       "{\"a\":{\"b\":[{\"c\":null}]},\"d\":1}",
                                       "[[],[[]],{\"x\":[]}]",
                                       "\"\xC3\xA4\xF0\x9F\x98\x80\""};
    static const char *const others[][2] = {
        {" \r\n\t[ 1 , 2 ] \n", "[1,2]"},
        {"{ \"a\" : 1 , \"b\" : [ ] }", "{\"a\":1,\"b\":[]}"},
        {"\"\\u00e4\\ud83d\\ude00\\/\"", "\"\xC3\xA4\xF0\x9F\x98\x80/\""},
        {"\"\\ud83d\"", "\"\xEF\xBF\xBD\""},
        {"\"\\u20AC\"", "\"\xE2\x82\xAC\""},
        {"[NaN, Infinity, -Infinity]", "[\".nan\",\".inf\",\"-.inf\"]"},
        {"1E2", "100.0"},
        {"-0", "0"},
    };

    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        const char *got = again(same[i]);

        ok(got && strcmp(got, same[i]) == 0, "%s is itself, %s", same[i], got ? got : err.text);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const char *got = again(others[i][0]);

        ok(got && strcmp(got, others[i][1]) == 0, "%s: %s", others[i][1], got ? got : err.text);
    }
}

static void test_bad(void)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "[",
                                      "{",
                                      "[1",
                                      "[1,",
                                      "[1,]",
                                      "[,1]",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "{1:2}",
                                      "01",
                                      "1.",
                                      ".5",
                                      "+1",
                                      "-",
                                      "1e",
                                      "truE",
                                      "nul",
                                      "\"",
                                      "\"\\x\"",
                                      "\"\\u12g4\"",
                                      "\"\\u0000\"",
                                      "\"a\nb\"",
                                      "1 2",
                                      "[1]]",
                                      "{\"a\":1}}",
                                      "'a'",
                                      "[1}",
                                      "{\"a\":1]",
                                      "{\"a\":1,\"a\":2}",
                                      "\"\xFF\"",
                                      "// no",
                                      "0x10",
                                      "inf"};
    char deep[200];
    hec_yaml *yaml = NULL;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ok(!again(bad[i]) && err.code == HEC_EFORMAT && strncmp(err.text, "t:", 2) == 0,
           "text %zu is none: %.40s", i, err.text);
    memset(deep, '[', 64);
    memset(deep + 64, ']', 64);
    deep[128] = '\0';
    ok(again(deep) != NULL, "64 levels");
    memset(deep, '[', 65);
    ok(!again(deep) && strstr(err.text, "64 levels"), "are the most");
    ok(hec_json_parse("t",
                      "1\0"
                      "2",
                      3, &yaml, &err) == HEC_EFORMAT &&
           !yaml,
       "a NUL");
    ok(!again("{\n \"a\": 1,\n \"b\": x\n}") && strncmp(err.text, "t:3:7: ", 7) == 0,
       "the place is told: %s", err.text);
}

static void test_memory(void)
{
    const char *text = "{\"a\":[1,2.5,\"x\\n\",{\"b\":12345678901234567890123}],\"c\":null}";
    long n = 1;
    int wrong = 0;

    for (;; n++) {
        hec_yaml *yaml = NULL;
        int r;

        fault_arm(n);
        r = hec_json_parse("t", text, strlen(text), &yaml, &err);
        hec_yaml_destroy(yaml);
        if (!fault_disarm())
            break;
        wrong += r != HEC_ENOMEM;
    }
    ok(wrong == 0 && n > 3, "each of %ld allocations may fail", n - 1);
}

int main(void)
{
    test_good();
    test_bad();
    test_memory();
    return done_testing();
}
