/* SPDX-License-Identifier: MIT
 *
 * hec diff: in what two runs differ: what was asked, and how they ended.
 */
#include "code.h"
#include "environment.h"
#include "exit.h"
#include "out.h"
#include "run.h"
#include "verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_JSON, N_OPTS };

static const opt_row rows[N_OPTS] = {
    [OPT_JSON] = {"json", NULL, "print one JSON value instead of text"},
};

/* What may differ without anybody having asked for it. */
static const char *const passed_over[] = {"hec",        "id",      "created",
                                          "created_ms", "program", "environment"};

typedef struct differences {
    run_view a, b;
    hec__json *json; /* NULL: text */
    size_t n;
} differences;

static bool is_passed_over(const char *key)
{
    for (size_t i = 0; i < sizeof passed_over / sizeof *passed_over; i++)
        if (strcmp(passed_over[i], key) == 0)
            return true;
    return false;
}

/* One, as JSON values; NULL: it has none. */
static void tell(differences *d, const char *what, const char *a, const char *b)
{
    if (strcmp(a ? a : "", b ? b : "") == 0)
        return;
    d->n++;
    if (!d->json) {
        printf("%s\n", what);
        if (a)
            printf("- %s\n", a);
        if (b)
            printf("+ %s\n", b);
        return;
    }
    hec__json_open(d->json, '{');
    hec__json_key(d->json, "what"), hec__json_str(d->json, what);
    hec__json_key(d->json, "first"), hec__json_raw(d->json, a ? a : "null");
    hec__json_key(d->json, "second"), hec__json_raw(d->json, b ? b : "null");
    hec__json_close(d->json);
}

static char *json_of(const hec_value *v)
{
    char *json = NULL;

    return v && hec_value_json(v, &json, NULL) == 0 ? json : NULL;
}

static void compare(differences *d, const char *key)
{
    char *a = json_of(hec_value_get(hec_rundir_asked(d->a.run), key));
    char *b = json_of(hec_value_get(hec_rundir_asked(d->b.run), key));

    tell(d, key, a, b);
    free(a);
    free(b);
}

static void compare_asked(differences *d)
{
    const hec_value *a = hec_rundir_asked(d->a.run), *b = hec_rundir_asked(d->b.run);

    for (uint64_t i = 0; i < a->count; i++)
        if (a->as.members[i].key.kind == HEC_VALUE_TEXT &&
            !is_passed_over(a->as.members[i].key.as.text))
            compare(d, a->as.members[i].key.as.text);
    for (uint64_t i = 0; i < b->count; i++)
        if (b->as.members[i].key.kind == HEC_VALUE_TEXT &&
            !is_passed_over(b->as.members[i].key.as.text) &&
            !hec_value_get(a, b->as.members[i].key.as.text))
            compare(d, b->as.members[i].key.as.text);
}

/* A file of the code that differs. */
static void tell_file(void *ctx, const char *path, const char *a, const char *b)
{
    hec__strbuf what, first, second;
    hec__json j;

    hec__strbuf_init(&what);
    hec__strbuf_init(&first);
    hec__strbuf_init(&second);
    hec__strbuf_addf(&what, "code/%s", path);
    hec__json_init(&j, &first);
    hec__json_str(&j, a);
    hec__json_init(&j, &second);
    hec__json_str(&j, b);
    tell(ctx, what.data, a ? first.data : NULL, b ? second.data : NULL);
    hec__strbuf_fini(&what);
    hec__strbuf_fini(&first);
    hec__strbuf_fini(&second);
}

/* A line that only one of the environments has. */
static void tell_environment(void *ctx, const char *a, const char *b)
{
    hec__strbuf text;
    hec__json j;

    hec__strbuf_init(&text);
    hec__json_init(&j, &text);
    hec__json_str(&j, a ? a : b);
    tell(ctx, "environment", a ? text.data : NULL, b ? text.data : NULL);
    hec__strbuf_fini(&text);
}

/* "failed: exit status 3", as a JSON string. */
static void add_end(hec__strbuf *out, const run_view *v)
{
    char text[500];
    hec__json j;

    snprintf(text, sizeof text, "%s%s%s", v->n ? hec_job_state_word(v->state) : "not submitted",
             v->from && v->from->reason ? ": " : "",
             v->from && v->from->reason ? v->from->reason : "");
    hec__json_init(&j, out);
    hec__json_str(&j, text);
}

static void compare_ends(differences *d)
{
    hec__strbuf a, b;

    hec__strbuf_init(&a);
    hec__strbuf_init(&b);
    add_end(&a, &d->a);
    add_end(&b, &d->b);
    tell(d, "state", a.data, b.data);
    hec__strbuf_fini(&a);
    hec__strbuf_fini(&b);
}

static int run_diff(const opt_args *args)
{
    AUTO_RUN_VIEW a = {0};
    AUTO_RUN_VIEW b = {0};
    differences d = {0};
    hec__strbuf out;
    hec__json j;
    int status;

    if (args->n_operands != 2) {
        out_complain("cannot compare: two runs are needed");
        out_hint("write hec diff RUN RUN");
        return STATUS_USAGE;
    }
    status = run_look(args->operands[0], HEC_ASK_GENTLY, &a);
    if (status == STATUS_OK)
        status = run_look(args->operands[1], HEC_ASK_GENTLY, &b);
    if (status != STATUS_OK)
        return status;
    hec__strbuf_init(&out);
    hec__json_init(&j, &out);
    hec__json_open(&j, '{');
    hec__json_key(&j, "schema"), hec__json_int(&j, RUN_SCHEMA);
    hec__json_key(&j, "differences"), hec__json_open(&j, '[');
    d = (differences){.a = a, .b = b, .json = args->values[OPT_JSON] ? &j : NULL};
    compare_asked(&d);
    code_compare(a.run, b.run, tell_file, &d);
    environment_compare(a.run, b.run, tell_environment, &d);
    compare_ends(&d);
    hec__json_close(&j);
    hec__json_close(&j);
    status = d.n ? STATUS_FAILED : STATUS_OK;
    if (d.json)
        status = run_print(&out, status);
    hec__strbuf_fini(&out);
    return status;
}

const opt_verb verb_diff = {
    .name = "diff",
    .summary = "tell in what two runs differ",
    .operands = "RUN RUN",
    .max_operands = 2,
    .rows = rows,
    .n_rows = N_OPTS,
    .run = run_diff,
};
