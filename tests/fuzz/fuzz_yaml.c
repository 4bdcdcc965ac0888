/* SPDX-License-Identifier: MIT
 *
 * Any bytes as YAML: refused with a reason, or values that can be written as JSON and as the
 * canonical bytes of an id, in bounded time and memory.
 */
#include <hec/config.h>

#include "base/strbuf.h"
#include "conf/value.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is below a value, written out; and no text has a NUL in it. */
static uint64_t count(const hec_value *v)
{
    uint64_t n = 1;

    if (v->kind == HEC_VALUE_TEXT && strlen(v->as.text) != v->count)
        abort();
    for (uint64_t i = 0; v->kind == HEC_VALUE_LIST && i < v->count; i++)
        n += count(&v->as.items[i]);
    for (uint64_t i = 0; v->kind == HEC_VALUE_MAP && i < v->count; i++)
        n += count(&v->as.members[i].key) + count(&v->as.members[i].value);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hec_yaml *yaml = NULL;
    hec_error err = {0};
    int r = hec_yaml_parse("f", (const char *)data, size, &yaml, &err);

    /* A reason is one line, and says where. */
    if (r == HEC_EFORMAT && (!strchr(err.text, ':') || strchr(err.text, '\n')))
        abort();
    if (r < 0)
        return 0;
    for (size_t i = 0; i < hec_yaml_documents(yaml); i++) {
        const hec_value *v = hec_yaml_document(yaml, i);
        HEC_AUTO_STRBUF bytes;
        char *json = NULL;

        hec__strbuf_init(&bytes);
        if (count(v) > 2000000 + size || hec_value_json(v, &json, NULL) < 0 ||
            hec__value_canonical(v, &bytes, NULL) < 0)
            abort();
        free(json);
    }
    hec_yaml_destroy(yaml);
    return 0;
}
