/* SPDX-License-Identifier: MIT
 *
 * The parser of options: long and short names, values, those that may be given many times, and
 * command lines that hold another one.
 */
#include "opt.h"
#include "tap.h"

#include <limits.h>
#include <stdint.h>

static int run(const opt_args *args)
{
    (void)args;
    return 0;
}

enum { ALL, JOBS, FILE_, N };

static const opt_row rows[N] = {{"all", NULL, ""}, {"jobs", "N", ""}, {"file", "FILE", ""}};
static const char letters[N] = {'0', 'j', 'f'};
static const bool many[N] = {[FILE_] = true};
static const opt_verb verb = {.name = "v",
                              .summary = "",
                              .operands = "",
                              .max_operands = INT_MAX,
                              .rows = rows,
                              .n_rows = N,
                              .letters = letters,
                              .many = many,
                              .until_operand = true,
                              .run = run};

#define PARSE(...)                                                                                 \
    parse((const char *[]){__VA_ARGS__}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

static opt_args args;

static enum opt_result parse(const char **argv, size_t n)
{
    static char *copy[16]; /* args point into it */

    for (size_t i = 0; i < n; i++)
        copy[i] = (char *)(uintptr_t)argv[i];
    return opt_parse(&verb, (int)n, copy, &args);
}

int main(void)
{
    ok(PARSE("-j", "4", "cmd", "-j", "--help") == OPT_RUN && args.n_operands == 3,
       "what follows the first operand is not ours");
    is_str(args.values[JOBS], "4", "a short name with its value");
    is_str(args.operands[1], "-j", "options of another program stay");
    ok(PARSE("-0j4", "cmd") == OPT_RUN && args.values[ALL], "short names together");
    is_str(args.values[JOBS], "4", "the last with its value");
    ok(PARSE("--jobs=-1", "--", "-x") == OPT_RUN && args.n_operands == 1, "-- ends the options");
    is_str(args.values[JOBS], "-1", "a value may begin with a dash");
    is_str(args.operands[0], "-x", "and so may an operand then");
    ok(PARSE("-f", "a", "--file=b", "-fc") == OPT_RUN && args.n_many == 3,
       "one that is given often");
    is_str(args.many[1].value, "b", "in order");
    ok(PARSE("-0h", "x") == OPT_HELP && PARSE("-h") == OPT_HELP, "help");
    ok(PARSE("-j") == OPT_BAD && PARSE("-x") == OPT_BAD && PARSE("-0x") == OPT_BAD,
       "what is wrong");
    ok(PARSE("-", "x") == OPT_RUN && args.n_operands == 2, "a dash alone is an operand");
    return done_testing();
}
