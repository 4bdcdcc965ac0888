/* SPDX-License-Identifier: MIT
 *
 * Arrays larger than a scheduler takes become several jobs. Slurm's MaxArraySize limits the index
 * itself, not only how many there are: so an element is known by its number, which the script turns
 * into the index that the user wrote.
 */
#include "batch/script.h"

#include <inttypes.h>

/* Elements of one job at most. */
static uint64_t room(const hec_site *site)
{
    uint64_t by_index =
        site->array_last ? (uint64_t)site->array_last - site->array_first + 1 : UINT32_MAX;

    return site->array_size && site->array_size < by_index ? site->array_size : by_index;
}

/* Whether the scheduler takes the array as the user wrote it. */
static bool is_native(const hec_request *q, const hec_site *site)
{
    bool lists = site->scheduler != HEC__SGE && site->scheduler != HEC__PBS;
    const hec__range *last = &q->ranges[q->n_ranges - 1];

    if (hec__request_elements(q) > room(site) || (q->n_ranges > 1 && !lists))
        return false;
    return q->ranges[0].first >= site->array_first &&
           (!site->array_last || last->last <= site->array_last);
}

uint64_t hec__array_parts(const hec_request *q, const hec_site *site)
{
    if (!q->n_ranges || is_native(q, site))
        return 1;
    return (hec__request_elements(q) + room(site) - 1) / room(site);
}

hec__part hec__array_part(const hec_request *q, const hec_site *site, uint32_t number)
{
    uint64_t elements = hec__request_elements(q), parts = hec__array_parts(q, site), count;
    hec__part part = {.throttle = q->throttle};

    if (!q->n_ranges || is_native(q, site))
        return part;
    part.mapped = true;
    part.skipped = (number - 1) * room(site);
    count = elements - part.skipped < room(site) ? elements - part.skipped : room(site);
    part.first = site->array_first;
    part.last = site->array_first + (uint32_t)count - 1;
    /* All parts together keep to what was asked. */
    if (part.throttle)
        part.throttle = part.throttle > parts ? part.throttle / (uint32_t)parts : 1;
    return part;
}

static void add_ranges(hec__script *s)
{
    for (size_t i = 0; i < s->q->n_ranges; i++) {
        const hec__range *r = &s->q->ranges[i];

        hec__strbuf_addf(&s->out, "%s%" PRIu32, i ? "," : "", r->first);
        if (r->last != r->first)
            hec__strbuf_addf(&s->out, "-%" PRIu32, r->last);
        if (r->step != 1 && r->last != r->first)
            hec__strbuf_addf(&s->out, ":%" PRIu32, r->step);
    }
}

void hec__array_spec(hec__script *s, bool throttle)
{
    if (s->part.mapped)
        hec__strbuf_addf(&s->out, "%" PRIu32 "-%" PRIu32, s->part.first, s->part.last);
    else
        add_ranges(s);
    if (throttle && s->part.throttle)
        hec__strbuf_addf(&s->out, "%%%" PRIu32, s->part.throttle);
}
