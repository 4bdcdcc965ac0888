/* SPDX-License-Identifier: MIT
 *
 * What is ignored, held against what git says of the same rules.
 */
#include "run/ignore.h"

#include "fault.h"
#include "tap.h"

static hec_error err;

static void test_patterns(void)
{
    static const struct {
        const char *pattern, *path;
        bool matches;
    } all[] = {
        {"*.o", "a.o", true},      {"*.o", "a/b.o", false},
        {"?", "a", true},          {"?", "/", false},
        {"a*c", "abbc", true},     {"a*c", "ac", true},
        {"a*c", "ab/c", false},    {"[a-c]x", "bx", true},
        {"[!a-c]x", "bx", false},  {"[^a-c]x", "dx", true},
        {"[]]", "]", true},        {"[", "[", true},
        {"[a", "[a", true},        {"\\*", "*", true},
        {"\\*", "a", false},       {"**/x", "x", true},
        {"**/x", "a/b/x", true},   {"**/x", "ax", false},
        {"a/**", "a/b/c", true},   {"a/**", "a", false},
        {"a/**/b", "a/b", true},   {"a/**/b", "a/x/y/b", true},
        {"a/**/b", "a/bx", false}, {"", "", true},
        {"", "a", false},          {"*", "", true},
        {"[a-]", "-", true},
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        ok(hec__ignore_match(all[i].pattern, all[i].path) == all[i].matches, "'%s' and '%s'",
           all[i].pattern, all[i].path);
    ok(!hec__ignore_match(
           "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
       "a pattern that could take for ever has an end");
}

static void test_rules(void)
{
    hec__arena arena = {0};
    hec__ignore ignore = {.arena = &arena};

    ok(hec__ignore_add(&ignore, "# text\n\n*.tmp\r\n!keep.tmp\n/top\nout/\ndoc/*.pdf\n\\#x\nb\\ \n",
                       "", &err) == 0 &&
           hec__ignore_add(&ignore, "local\n/here\n", "sub/", &err) == 0,
       "rules of two files");
    ok(hec__ignore_has(&ignore, "a.tmp", false) && hec__ignore_has(&ignore, "x/a.tmp", false),
       "a name, in any folder");
    ok(!hec__ignore_has(&ignore, "x/keep.tmp", false), "but one");
    ok(hec__ignore_has(&ignore, "top", false) && !hec__ignore_has(&ignore, "x/top", false),
       "one at the top");
    ok(hec__ignore_has(&ignore, "x/out", true) && !hec__ignore_has(&ignore, "out", false),
       "folders only");
    ok(hec__ignore_has(&ignore, "doc/a.pdf", false) &&
           !hec__ignore_has(&ignore, "x/doc/a.pdf", false),
       "a path");
    ok(hec__ignore_has(&ignore, "#x", false) && hec__ignore_has(&ignore, "b ", false),
       "what is no comment, and a blank at the end");
    ok(hec__ignore_has(&ignore, "sub/y/local", false) && !hec__ignore_has(&ignore, "local", false),
       "rules of a folder count in it");
    ok(hec__ignore_has(&ignore, "sub/here", false) &&
           !hec__ignore_has(&ignore, "sub/x/here", false),
       "from there on");
    hec__arena_fini(&arena);
    for (long n = 1;; n++) {
        int r;

        ignore = (hec__ignore){.arena = &arena};
        fault_arm(n);
        r = hec__ignore_add(&ignore, "a\nb\n", "", &err);
        hec__arena_fini(&arena);
        if (!fault_disarm())
            break;
        ok(r == HEC_ENOMEM, "allocation %ld fails: it is said", n);
    }
}

int main(void)
{
    test_patterns();
    test_rules();
    return done_testing();
}
