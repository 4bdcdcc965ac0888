/* SPDX-License-Identifier: MIT
 *
 * hec sweep: a command for each row of a table of parameters. Everything but where rows come from
 * is that of hec map.
 */
#include "exit.h"
#include "map_rows.h"
#include "out.h"
#include "verbs.h"

#include <limits.h>

enum { OPT_SCHEMA = N_MAP_ROWS, N_OPTS };

static const opt_row rows[N_OPTS] = {
    MAP_ROWS[OPT_SCHEMA] = {"schema", "FILE", "what is allowed, instead of NAME.schema.yaml"},
};

static const char letters[N_OPTS] = {MAP_LETTERS[OPT_SCHEMA] = 0};

/* Files, and the command. 0 or an exit status. */
static int check(const opt_args *args)
{
    if (args->n_before == 0)
        out_complain("cannot sweep: no file of parameters was given");
    else if (args->n_before == args->n_operands)
        out_complain("cannot run anything: no command was given");
    else
        return STATUS_OK;
    out_hint("write hec sweep FILE... -- COMMAND [ARGUMENT]...");
    return STATUS_USAGE;
}

static int run_sweep(const opt_args *args)
{
    map_options o = {.kind = "sweep", .in_run = true};
    hec_error err = {0};
    int status = check(args);

    if (status == STATUS_OK)
        status = map_rows_take(args, &o);
    if (status == STATUS_OK)
        status = map_rows_check(args, &o);
    if (status != STATUS_OK)
        return status;
    o.words = args->operands + args->n_before;
    o.n_words = (size_t)(args->n_operands - args->n_before);
    if (sweep_plan_create((const char *const *)args->operands, (size_t)args->n_before,
                          args->values[OPT_SCHEMA], &o.plan, &err) < 0)
        return out_error("read the parameters", &err);
    status = map_run_all(&o);
    sweep_plan_destroy(o.plan);
    return status;
}

const opt_verb verb_sweep = {
    .name = "sweep",
    .summary = "run a command for each row of a table of parameters",
    .operands = "FILE... -- COMMAND [ARGUMENT]...",
    .max_operands = INT_MAX,
    .rows = rows,
    .n_rows = N_OPTS,
    .letters = letters,
    .run = run_sweep,
};
