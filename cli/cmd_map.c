/* SPDX-License-Identifier: MIT
 *
 * hec map: a command for each row of input, on all granted CPUs.
 */
#include "exit.h"
#include "map_options.h"
#include "map_rows.h"
#include "out.h"
#include "verbs.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPT_ARG_FILE = N_MAP_ROWS, OPT_NULL, OPT_COLSEP, OPT_HEADER, OPT_JOURNAL, N_OPTS };

static const opt_row rows[N_OPTS] = {
    MAP_ROWS[OPT_ARG_FILE] = {"arg-file", "FILE",
                              "read inputs from FILE, one a line; '-' is standard input"},
    [OPT_NULL] = {"null", NULL, "inputs end with a NUL byte and not with a line break"},
    [OPT_COLSEP] = {"colsep", "REGEX",
                    "split each input into columns {1}, {2} ... where it matches"},
    [OPT_HEADER] = {"header", ":", "the first line names the columns, as in {name}"},
    [OPT_JOURNAL] = {"journal", "FILE",
                     "record what was finished in FILE, and do not run it again"},
};

static const char letters[N_OPTS] = {
    MAP_LETTERS[OPT_ARG_FILE] = 'a', [OPT_NULL] = '0', [OPT_COLSEP] = 'C'};
static const bool many[N_OPTS] = {[OPT_ARG_FILE] = true};

/* What cannot be together, or needs something else. 0 or an exit status. */
static int check(const opt_args *args, const map_options *o)
{
    const char *const *v = args->values;

    if (v[OPT_HEADER] && strcmp(v[OPT_HEADER], ":") != 0)
        out_complain("cannot understand --header=%s: only ':' is known, the first line",
                     v[OPT_HEADER]);
    else if (v[OPT_JOURNAL] && o->run)
        out_complain("cannot have --journal with --run: a run has a journal of its own");
    else if (o->n_words == 0 && !o->shell) {
        out_complain("cannot run anything: no command was given");
        out_hint("write hec map COMMAND {} ::: INPUT..., or --shell where each input is a command");
    } else
        return map_rows_check(args, o);
    return STATUS_USAGE;
}

/* What follows the options, and -a. 0 or an exit status. */
static int take_sources(const opt_args *args, map_options *o)
{
    hec_error err;

    for (size_t i = 0; i < args->n_many; i++)
        o->sources[o->n_sources++] = (map_source){.file = args->many[i].value};
    if (map_parse_operands(args->operands, (size_t)args->n_operands, o, &err) < 0) {
        out_complain("cannot understand the inputs: %s", err.text);
        return STATUS_USAGE;
    }
    if (o->n_sources > 0)
        return 0;
    o->sources[o->n_sources++] = (map_source){.file = "-"};
    if (isatty(STDIN_FILENO) && o->n_words > 0)
        out_complain("reading inputs from the terminal, one a line; Ctrl-D ends them");
    return 0;
}

static int run_map(const opt_args *args)
{
    const char *const *v = args->values;
    map_options o = {
        .kind = "map",
        .null = v[OPT_NULL] != NULL,
        .header = v[OPT_HEADER] != NULL,
        .colsep = v[OPT_COLSEP],
        .journal = v[OPT_JOURNAL],
        .in_run = v[MAP_OPT_RUN] != NULL,
    };
    int status = map_rows_take(args, &o);

    o.sources = calloc(args->n_many + (size_t)args->n_operands + 1, sizeof *o.sources);
    if (!o.sources) {
        out_complain("cannot run anything: no memory");
        return STATUS_INTERNAL;
    }
    if (status == 0)
        status = take_sources(args, &o);
    if (status == 0)
        status = check(args, &o);
    if (status == 0)
        status = map_run_all(&o);
    free(o.sources);
    return status;
}

const opt_verb verb_map = {
    .name = "map",
    .summary = "run a command for each input, on every core you may use",
    .operands = "[COMMAND [ARGUMENT]...] [::: INPUT...]",
    .max_operands = INT_MAX,
    .rows = rows,
    .n_rows = N_OPTS,
    .letters = letters,
    .many = many,
    .until_operand = true,
    .run = run_map,
};
