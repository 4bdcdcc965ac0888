/* SPDX-License-Identifier: MIT
 *
 * The program hec: a table of verbs.
 */
#include "exit.h"
#include "out.h"
#include "verbs.h"

#include <hec/hec.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const opt_verb *const verbs[] = {
    &verb_host, &verb_map,     &verb_sweep, &verb_submit, &verb_list,   &verb_status,
    &verb_logs, &verb_results, &verb_wait,  &verb_cancel, &verb_resume, &verb_rerun,
    &verb_diff, &verb_report,  &verb_clean, &verb_config, &verb_script, &verb_check,
    &verb_site, &verb_mpi,     &verb_help};

#define N_VERBS (sizeof verbs / sizeof *verbs)

static const char *verb_name(const void *table, size_t i)
{
    return ((const opt_verb *const *)table)[i]->name;
}

const opt_verb *verb_find(const char *name)
{
    const char *near;

    for (size_t i = 0; i < N_VERBS; i++)
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
    near = opt_nearest(name, verb_name, verbs, N_VERBS);
    out_complain("cannot understand '%s': no such verb", name);
    if (near)
        out_hint("did you mean 'hec %s'? 'hec help' lists them all", near);
    else
        out_hint("'hec help' lists the verbs");
    return NULL;
}

void verb_print_all(void)
{
    printf(
        "usage: hec VERB [OPTION]...\n\nrun what you have on every core you may use\n\nverbs:\n");
    for (size_t i = 0; i < N_VERBS; i++)
        printf("  %-18s  %s\n", verbs[i]->name, verbs[i]->summary);
    printf("\noptions:\n"
           "  --help              show this help and exit\n"
           "  --version           show the version and exit\n\n"
           "'hec help VERB' shows the options of a verb.\n");
}

static int run_verb(const opt_verb *verb, int argc, char **argv)
{
    char **all = calloc((size_t)argc + 1, sizeof *all); /* in their order: to parse moves them */
    opt_args args;
    int status = STATUS_USAGE;

    for (int i = 0; all && i < argc; i++)
        all[i] = argv[i];
    switch (opt_parse(verb, argc, argv, &args)) {
    case OPT_BAD:
        break;
    case OPT_HELP:
        opt_print_help(verb);
        status = STATUS_OK;
        break;
    case OPT_RUN:
        args.args = all;
        status = verb->run(&args);
    }
    free(all);
    return status;
}

static int run(int argc, char **argv)
{
    const opt_verb *verb;

    if (argc < 2) {
        out_complain("cannot do anything: no verb was given");
        out_hint("'hec help' lists the verbs");
        return STATUS_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        verb_print_all();
        return STATUS_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("hec %s\n", hec_version());
        return STATUS_OK;
    }
    if (argv[1][0] == '-') {
        out_complain("cannot understand '%s': no such option of 'hec'", argv[1]);
        out_hint("options of a verb follow it: hec VERB [OPTION]...");
        return STATUS_USAGE;
    }
    verb = verb_find(argv[1]);
    return verb ? run_verb(verb, argc - 2, argv + 2) : STATUS_USAGE;
}

int main(int argc, char **argv)
{
    return out_finish(run(argc, argv));
}
