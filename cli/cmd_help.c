/* SPDX-License-Identifier: MIT
 *
 * hec help [VERB]: what there is, or what one verb takes.
 */
#include "exit.h"
#include "verbs.h"

static int run_help(const opt_args *args)
{
    const opt_verb *verb;

    if (args->n_operands == 0) {
        verb_print_all();
        return STATUS_OK;
    }
    verb = verb_find(args->operands[0]);
    if (!verb)
        return STATUS_USAGE;
    opt_print_help(verb);
    return STATUS_OK;
}

const opt_verb verb_help = {
    .name = "help",
    .summary = "list the verbs, or show the options of one",
    .operands = "[VERB]",
    .max_operands = 1,
    .run = run_help,
};
