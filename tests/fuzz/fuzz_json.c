/* SPDX-License-Identifier: MIT
 *
 * Any bytes as JSON: refused with a place, or a value that is the same when it is written and read
 * again.
 */
#include <hec/config.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hec_yaml *json = NULL, *again = NULL;
    char *text = NULL, *twice = NULL;
    hec_error err = {0};
    int r = hec_json_parse("f", (const char *)data, size, &json, &err);

    if (r == HEC_EFORMAT && (strncmp(err.text, "f:", 2) != 0 || strchr(err.text, '\n')))
        abort();
    if (r < 0)
        return 0;
    if (hec_value_json(hec_yaml_document(json, 0), &text, NULL) < 0 ||
        hec_json_parse("f", text, strlen(text), &again, NULL) < 0 ||
        hec_value_json(hec_yaml_document(again, 0), &twice, NULL) < 0 || strcmp(text, twice) != 0)
        abort();
    free(text);
    free(twice);
    hec_yaml_destroy(json);
    hec_yaml_destroy(again);
    return 0;
}
