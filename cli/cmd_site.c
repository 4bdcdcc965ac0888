/* SPDX-License-Identifier: MIT
 *
 * hec site: which clusters hec knows, and what it knows of one.
 */
#include "exit.h"
#include "out.h"
#include "verbs.h"

#include "base/json.h"

#include <hec/batch.h>
#include <hec/config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_JSON, OPT_LIVE, N_OPTS };

static const opt_row rows[N_OPTS] = {
    [OPT_JSON] = {"json", NULL, "print one JSON value instead of text"},
    [OPT_LIVE] = {"live", NULL, "ask the cluster itself, and believe it more than the file"},
};

static void destroy_site(hec_site **site)
{
    hec_site_destroy(*site);
}

/* ---- the list ---- */

static void print_one(void *ctx, const char *name, const char *title, const char *path,
                      const hec_error *err)
{
    bool *bad = ctx;

    if (!title) {
        out_complain("cannot read the site '%s': %s", name, err->text);
        *bad = true;
        return;
    }
    printf("%-18s  %s%s%s%s\n", name, title, path ? " (" : "", path ? path : "", path ? ")" : "");
}

typedef struct json_list {
    hec__json json;
    bool bad;
} json_list;

static void add_one(void *ctx, const char *name, const char *title, const char *path,
                    const hec_error *err)
{
    json_list *list = ctx;

    hec__json_open(&list->json, '{');
    hec__json_key(&list->json, "name");
    hec__json_str(&list->json, name);
    hec__json_key(&list->json, "title");
    hec__json_str(&list->json, title);
    hec__json_key(&list->json, "path");
    hec__json_str(&list->json, path);
    hec__json_key(&list->json, "error");
    hec__json_str(&list->json, err ? err->text : NULL);
    hec__json_close(&list->json);
    list->bad |= !title;
}

static int print_list_json(void)
{
    HEC_AUTO_STRBUF out;
    json_list list = {.bad = false};
    hec_error err;

    hec__strbuf_init(&out);
    hec__json_init(&list.json, &out);
    hec__json_open(&list.json, '{');
    hec__json_key(&list.json, "schema");
    hec__json_int(&list.json, 1);
    hec__json_key(&list.json, "sites");
    hec__json_open(&list.json, '[');
    if (hec_site_list(add_one, &list, &err) < 0)
        return out_error("list the sites", &err);
    hec__json_close(&list.json);
    hec__json_close(&list.json);
    if (out.failed) {
        out_complain("cannot print: out of memory");
        return STATUS_INTERNAL;
    }
    puts(out.data);
    return list.bad ? STATUS_CONFIG : STATUS_OK;
}

static int print_list(bool json)
{
    bool bad = false;
    hec_error err;

    if (json)
        return print_list_json();
    if (hec_site_list(print_one, &bad, &err) < 0)
        return out_error("list the sites", &err);
    return bad ? STATUS_CONFIG : STATUS_OK;
}

/* ---- one site ---- */

static int print_site(const char *name, bool json, bool live)
{
    __attribute__((cleanup(destroy_site))) hec_site *site = NULL;
    hec_error err;
    char *text = NULL;
    int r = hec_site_open(name, &site, &err);

    if (r == 0 && live)
        r = hec_site_live(site, &err);
    if (r == 0)
        r = json ? hec_site_json(site, &text, &err) : hec_site_text(site, &text, &err);
    if (r < 0 || !text)
        return out_error("show the site", &err);
    printf("%s%s", text, json ? "\n" : "");
    free(text);
    return STATUS_OK;
}

static int run_site(const opt_args *args)
{
    bool json = args->values[OPT_JSON] != NULL;

    bool live = args->values[OPT_LIVE] != NULL;

    if (live && (json || !args->n_operands)) {
        out_complain("cannot ask with --live: it takes a SITE, and no --json, which is the file");
        return STATUS_USAGE;
    }
    return args->n_operands ? print_site(args->operands[0], json, live) : print_list(json);
}

const opt_verb verb_site = {
    .name = "site",
    .summary = "list the clusters that hec knows, or show one",
    .operands = "[SITE]",
    .max_operands = 1,
    .rows = rows,
    .n_rows = N_OPTS,
    .run = run_site,
};
