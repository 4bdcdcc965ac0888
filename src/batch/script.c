/* SPDX-License-Identifier: MIT
 *
 * A job script from its first line to its last.
 */
#include "batch/script.h"

#include "base/error.h"
#include "batch/complete.h"

#include <inttypes.h>

static hec__directives *const directives[HEC__N_SCHEDULERS] = {
    [HEC__SLURM] = hec__directives_slurm, [HEC__SGE] = hec__directives_sge,
    [HEC__PBS] = hec__directives_pbs,     [HEC__TORQUE] = hec__directives_torque,
    [HEC__LSF] = hec__directives_lsf,
};

int hec_script_parts(hec_request *q, const hec_site *site, uint32_t *ret_parts, hec_error *err)
{
    int r = hec__request_complete(q, site, err);

    if (r == 0)
        *ret_parts = (uint32_t)hec__array_parts(q, site);
    return r;
}

static int write_all(hec__script *s, hec_error *err)
{
    const hec_site *site = s->site;
    int r = 0;

    hec__strbuf_addf(&s->out, "#!/bin/bash%s\n# A job for %s (%s), written by hec.\n",
                     site->login_shell ? " -l" : "", site->name, hec_site_scheduler(site));
    if (directives[site->scheduler])
        r = directives[site->scheduler](s, err);
    if (r == 0)
        r = hec__directive_raw(s, err);
    return r == 0 ? hec__script_body(s, err) : r;
}

int hec_script_write(hec_request *q, const hec_site *site, uint32_t part, char **ret_text,
                     hec_error *err)
{
    hec__script s = {.q = q, .site = site};
    uint32_t parts = 0;
    char *text;
    int r = hec_script_parts(q, site, &parts, err);

    if (r < 0)
        return r;
    if (q->argc == 0)
        return hec__fail(err, HEC_EINVAL, 0, "there is no command");
    if (part == 0 || part > parts)
        return hec__fail(err, HEC_EINVAL, 0, "there is no part %" PRIu32 ", there %s %" PRIu32,
                         part, parts == 1 ? "is" : "are", parts);
    s.part = hec__array_part(q, site, part);
    s.number = part;
    s.own_outputs =
        q->run.outputs && q->n_ranges && (s.part.mapped || site->scheduler == HEC__TORQUE);
    hec__strbuf_init(&s.out);
    r = write_all(&s, err);
    text = r == 0 ? hec__strbuf_detach(&s.out) : NULL;
    hec__strbuf_fini(&s.out);
    if (r == 0 && !text)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for a job script");
    if (r == 0)
        *ret_text = text;
    return r;
}
