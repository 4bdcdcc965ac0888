/* SPDX-License-Identifier: MIT
 *
 * A site for people to read: what counts for a job first, then all that the file tells besides.
 */
#include "batch/site.h"

#include "base/error.h"
#include "base/strbuf.h"
#include "base/units.h"

#include <inttypes.h>
#include <string.h>

#define LABEL 14 /* columns */

static void add_line(hec__strbuf *out, const char *label, const char *value)
{
    if (value)
        hec__strbuf_addf(out, "%-*s%s\n", LABEL, label, value);
}

static void add_texts(hec__strbuf *out, const char *label, const hec__texts *texts)
{
    for (size_t i = 0; i < texts->n; i++)
        add_line(out, i ? "" : label, texts->all[i]);
}

static void add_pairs(hec__strbuf *out, const char *label, const hec__pairs *pairs,
                      const char *between)
{
    for (size_t i = 0; i < pairs->n; i++)
        hec__strbuf_addf(out, "%-*s%s%s%s\n", LABEL, i ? "" : label, pairs->all[i].key, between,
                         pairs->all[i].value);
}

static void add_count(hec__strbuf *out, const char *what, uint32_t n)
{
    if (n)
        hec__strbuf_addf(out, ", %s %" PRIu32, what, n);
}

static void add_partition(hec__strbuf *out, const hec__partition *p)
{
    static const char *const gpus[] = {"", ", no GPUs", ", GPUs"};
    char text[32];

    hec__strbuf_addf(out, "  %-18stime ", p->name);
    hec__strbuf_adds(out,
                     p->time_s ? hec__format_seconds(p->time_s, text, sizeof text) : "not known");
    if (p->default_time_s)
        hec__strbuf_addf(out, " (%s if not asked)",
                         hec__format_seconds(p->default_time_s, text, sizeof text));
    add_count(out, "nodes", p->nodes);
    add_count(out, "CPUs", p->cpus);
    if (p->memory)
        hec__strbuf_addf(out, ", memory %s", hec__format_bytes(p->memory, text, sizeof text));
    if (p->gpus)
        add_count(out, "GPUs", p->gpus);
    else
        hec__strbuf_adds(out, gpus[p->has_gpus]);
    add_count(out, "GPUs of a user", p->all_gpus);
    add_count(out, "jobs of a user", p->jobs);
    for (size_t i = 0; i < p->qos.n; i++)
        hec__strbuf_addf(out, "%s%s", i ? " " : ", QoS ", p->qos.all[i]);
    hec__strbuf_addf(out, "%s%s\n", p->note ? "; " : "", p->note ? p->note : "");
}

static void add_storage(hec__strbuf *out, const hec__storage *s)
{
    const struct {
        const char *label, *value;
    } parts[] = {{"", s->path},
                 {"quota ", s->quota},
                 {"backup: ", s->backup},
                 {"emptied ", s->purge},
                 {"", s->note}};
    const char *between = "";

    hec__strbuf_addf(out, "  %-18s", s->name);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!parts[i].value)
            continue;
        hec__strbuf_addf(out, "%s%s%s", between, parts[i].label, parts[i].value);
        between = "; ";
    }
    hec__strbuf_addc(out, '\n');
}

static void add_limits(hec__strbuf *out, const hec_site *site)
{
    char text[32];

    if (site->max_cpus || site->max_memory || site->max_gpus || site->max_jobs) {
        hec__strbuf_addf(out, "%-*sof a user together", LABEL, "limits");
        add_count(out, "CPUs", site->max_cpus);
        if (site->max_memory)
            hec__strbuf_addf(out, ", memory %s",
                             hec__format_bytes(site->max_memory, text, sizeof text));
        add_count(out, "GPUs", site->max_gpus);
        add_count(out, "jobs", site->max_jobs);
        hec__strbuf_addc(out, '\n');
    }
    if (site->scheduler == HEC__LOCAL)
        return;
    hec__strbuf_addf(out, "%-*sindices from %" PRIu32, LABEL, "arrays", site->array_first);
    add_count(out, "to", site->array_last);
    add_count(out, "elements", site->array_size);
    add_count(out, "at a time", site->array_throttle);
    hec__strbuf_addf(out, "%s\n", site->array_no_mail ? ", never with mail" : "");
}

static void add_all(hec__strbuf *out, const hec_site *site)
{
    char text[32];

    hec__strbuf_addf(out, "%s: %s\n\n", site->name, site->title);
    add_line(out, "scheduler", hec_site_scheduler(site));
    add_line(out, "retired", site->retired);
    add_line(out, "as of", site->checked);
    add_line(out, "file", site->path);
    add_texts(out, "sources", &site->sources);
    add_texts(out, "log in to", &site->hosts);
    add_line(out, "cluster", site->cluster);
    add_line(out, "shell", site->login_shell ? "#!/bin/bash -l" : NULL);
    add_texts(out, "start", &site->start);
    add_line(out, "modules", site->module_command);
    add_texts(out, "", &site->modules);
    add_pairs(out, "defaults", &site->defaults, "=");
    add_pairs(out, "many CPUs", &site->multi_cpu, "=");
    add_pairs(out, "many nodes", &site->multi_node, "=");
    add_pairs(out, "with GPUs", &site->with_gpus, "=");
    add_pairs(out, "required", &site->required, ": ");
    add_pairs(out, "refused", &site->refused, ": ");
    add_pairs(out, "no module", &site->refused_modules, ": ");
    add_pairs(out, "avoid", &site->avoid, ": ");
    hec__strbuf_addf(out, "%-*s%s for each CPU, if none is asked\n", LABEL, "memory",
                     hec__format_bytes(site->memory_per_cpu, text, sizeof text));
    add_texts(out, "GPUs", &site->gpu_types);
    add_limits(out, site);
    if (site->n_partitions)
        hec__strbuf_adds(out, "\npartitions\n");
    for (size_t i = 0; i < site->n_partitions; i++)
        add_partition(out, &site->partitions[i]);
    if (site->n_storage)
        hec__strbuf_adds(out, "\nstorage\n");
    for (size_t i = 0; i < site->n_storage; i++)
        add_storage(out, &site->storage[i]);
    if (site->notes.n)
        hec__strbuf_adds(out, "\nnotes\n");
    for (size_t i = 0; i < site->notes.n; i++)
        hec__strbuf_addf(out, "  %-18s%s\n", site->notes.all[i].key, site->notes.all[i].value);
}

int hec_site_text(const hec_site *site, char **ret_text, hec_error *err)
{
    HEC_AUTO_STRBUF out;
    char *text;

    hec__strbuf_init(&out);
    add_all(&out, site);
    text = hec__strbuf_detach(&out);
    if (!text)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory to print a site");
    *ret_text = text;
    return 0;
}
