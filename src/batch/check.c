/* SPDX-License-Identifier: MIT
 *
 * Checking a request: every rule that does not need a script.
 */
#include "batch/complete.h"
#include "batch/rules.h"
#include "batch/script.h"

#include "base/error.h"

#include <inttypes.h>
#include <string.h>

/* The command and the lines of set-up, as if they were lines of a script. */
static int check_lines(hec__check *c, hec_error *err)
{
    hec__shell_check shell = {.check = c, .ready = true};
    const hec_request *q = c->q;
    HEC_AUTO_STRBUF text;

    hec__strbuf_init(&text);
    for (size_t i = 0; i < q->env.n; i++)
        hec__check_shell(&shell, q->env.all[i], 0);
    for (size_t i = 0; i < q->setup.n; i++)
        hec__check_shell(&shell, q->setup.all[i], 0);
    for (size_t i = 0; i < q->argc; i++)
        hec__strbuf_addf(&text, "%s%s", i ? " " : "", q->argv[i]);
    if (text.failed)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory to check a job");
    hec__check_shell(&shell, text.data, 0);
    hec__check_shell_end(&shell, q->cpus);
    if (q->argc && strcmp(q->argv[0], "srun") == 0 && q->launch != HEC__LAUNCH_ONCE)
        hec__object(c, "many-steps", HEC__SERIOUS, 0,
                    "srun is started by another start on each node; give --launch=once");
    return 0;
}

static int check_script_size(hec__check *c, hec_request *q, hec_error *err)
{
    HEC_AUTO_STR text = NULL;
    int r;

    if (q->argc == 0)
        return 0;
    r = hec_script_write(q, c->site, 1, &text, err);
    if (r == 0 && c->site->max_script && strlen(text) > c->site->max_script)
        hec__object(c, "script-size", HEC__SERIOUS, 0,
                    "the script has %zu bytes, %s takes %" PRIu32
                    "; put parameters into a file that it reads",
                    strlen(text), c->site->name, c->site->max_script);
    return r;
}

int hec_request_check(hec_request *q, const hec_site *site, hec_finding_told *told, void *ctx,
                      hec_error *err)
{
    hec__check c = {.q = q, .site = site, .told = told, .ctx = ctx};
    int r = hec__request_complete(q, site, err);

    if (r < 0)
        return r;
    c.partition = hec__site_partition(site, q->partition);
    hec__check_limits(&c);
    hec__check_use(&c);
    r = check_lines(&c, err);
    if (r == 0)
        r = check_script_size(&c, q, err);
    return r < 0 ? r : c.serious;
}
