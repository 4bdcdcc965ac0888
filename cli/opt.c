/* SPDX-License-Identifier: MIT
 *
 * The one parser of options.
 */
#include "opt.h"

#include "out.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 32

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters must be changed, added or removed to get from a to b (Levenshtein). */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_BYTES + 1], n = strlen(b);

    if (n > NAME_MAX_BYTES)
        return n;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            row[j] = least(change, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[n];
}

const char *opt_nearest(const char *typed, const char *(*name)(const void *table, size_t i),
                        const void *table, size_t n)
{
    const char *best = NULL;
    size_t best_distance = 3; /* further away is another word and not a slip */

    for (size_t i = 0; i < n; i++) {
        const char *candidate = name(table, i);
        size_t d = distance(typed, candidate);

        if (d < best_distance && d < strlen(candidate)) {
            best = candidate;
            best_distance = d;
        }
    }
    return best;
}

static const char *row_name(const void *table, size_t i)
{
    return ((const opt_row *)table)[i].name;
}

static enum opt_result bad_option(const opt_verb *verb, const char *option)
{
    const char *near = opt_nearest(option + 2, row_name, verb->rows, verb->n_rows);

    out_complain("cannot understand '%s': no such option of 'hec %s'", option, verb->name);
    if (near)
        out_hint("did you mean '--%s'? 'hec help %s' lists them all", near, verb->name);
    else
        out_hint("'hec help %s' lists the options", verb->name);
    return OPT_BAD;
}

static enum opt_result lacks_value(const char *option, const opt_row *r)
{
    out_complain("cannot understand '%s': it needs a value, --%s=%s", option, r->name, r->arg);
    return OPT_BAD;
}

static enum opt_result set_value(const opt_verb *verb, size_t row, const char *value,
                                 opt_args *args)
{
    args->values[row] = value;
    if (!verb->many || !verb->many[row])
        return OPT_RUN;
    if (args->n_many == OPT_MANY) {
        out_complain("cannot take more than %d of --%s", OPT_MANY, verb->rows[row].name);
        return OPT_BAD;
    }
    args->many[args->n_many].row = row;
    args->many[args->n_many++].value = value;
    return OPT_RUN;
}

/* argv[*i] begins with "--": sets its value, taking the next argument where that is the value. */
static enum opt_result parse_option(const opt_verb *verb, int argc, char **argv, int *i,
                                    opt_args *args)
{
    const char *option = argv[*i] + 2;
    size_t n = strcspn(option, "=");

    for (size_t row = 0; row < verb->n_rows; row++) {
        const opt_row *r = &verb->rows[row];

        if (strlen(r->name) != n || memcmp(r->name, option, n) != 0)
            continue;
        if (!r->arg && option[n] == '=') {
            out_complain("cannot understand '%s': --%s takes no value", argv[*i], r->name);
            return OPT_BAD;
        }
        if (!r->arg)
            return set_value(verb, row, "", args);
        if (option[n] == '=')
            return set_value(verb, row, option + n + 1, args);
        return *i + 1 == argc ? lacks_value(argv[*i], r) : set_value(verb, row, argv[++*i], args);
    }
    return bad_option(verb, argv[*i]);
}

/* argv[*i] is a dash and letters: one that takes a value has the rest, or the next argument. */
static enum opt_result parse_letters(const opt_verb *verb, int argc, char **argv, int *i,
                                     opt_args *args)
{
    const char *all = argv[*i];
    enum opt_result r = OPT_RUN;

    for (const char *p = all + 1; r == OPT_RUN && *p; p++) {
        size_t row = 0;

        while (verb->letters && row < verb->n_rows && verb->letters[row] != *p)
            row++;
        if (!verb->letters || row == verb->n_rows)
            return *p == 'h' ? OPT_HELP : bad_option(verb, all);
        if (!verb->rows[row].arg) {
            r = set_value(verb, row, "", args);
            continue;
        }
        if (p[1])
            return set_value(verb, row, p + 1, args);
        return *i + 1 == argc ? lacks_value(all, &verb->rows[row])
                              : set_value(verb, row, argv[++*i], args);
    }
    return r;
}

/* Moves the operands to the front, and takes the options. *ret_i: where it ended. */
static enum opt_result parse_all(const opt_verb *verb, int argc, char **argv, opt_args *args,
                                 int *ret_i)
{
    int i;

    for (i = 0; i < argc; i++) {
        enum opt_result r = OPT_RUN;

        if (strcmp(argv[i], "--") == 0)
            break;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return OPT_HELP;
        if (strncmp(argv[i], "--", 2) == 0)
            r = parse_option(verb, argc, argv, &i, args);
        else if (argv[i][0] == '-' && argv[i][1])
            r = parse_letters(verb, argc, argv, &i, args);
        else if (verb->until_operand)
            break;
        else
            argv[args->n_operands++] = argv[i];
        if (r != OPT_RUN)
            return r;
    }
    *ret_i = i;
    return OPT_RUN;
}

enum opt_result opt_parse(const opt_verb *verb, int argc, char **argv, opt_args *ret)
{
    enum opt_result r;
    int i;

    assert(verb->n_rows <= OPT_MAX);
    *ret = (opt_args){.operands = argv};
    r = parse_all(verb, argc, argv, ret, &i);
    if (r != OPT_RUN)
        return r;
    ret->n_before = ret->n_operands;
    if (i < argc && strcmp(argv[i], "--") == 0)
        i++;
    else
        ret->n_before += argc - i;
    for (; i < argc; i++)
        argv[ret->n_operands++] = argv[i];
    if (ret->n_operands > verb->max_operands) {
        out_complain("cannot understand '%s': 'hec %s' takes no such argument",
                     argv[verb->max_operands], verb->name);
        out_hint("'hec help %s' shows its usage", verb->name);
        return OPT_BAD;
    }
    return OPT_RUN;
}

static void print_row(const char *name, const char *arg, char letter, const char *help)
{
    int width = printf("  --%s%s%s", name, arg ? "=" : "", arg ? arg : "");

    if (letter)
        width += printf(", -%c", letter);
    printf("%*s%s\n", width < 26 ? 26 - width : 1, "", help);
}

void opt_print_help(const opt_verb *verb)
{
    printf("usage: hec %s [OPTION]...%s%s\n\n%s\n\noptions:\n", verb->name,
           *verb->operands ? " " : "", verb->operands, verb->summary);
    for (size_t i = 0; i < verb->n_rows; i++)
        print_row(verb->rows[i].name, verb->rows[i].arg, verb->letters ? verb->letters[i] : 0,
                  verb->rows[i].help);
    print_row("help", NULL, 'h', "show this help and exit");
}
