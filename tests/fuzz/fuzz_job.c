/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a site file and the options of a job: up to a line "%%" the file, after it a line
 * for each option, NAME=VALUE, where `arg` is a piece of the command. Refused with a reason of one
 * line, or a script that has nothing in its directives but what a directive can carry.
 */
#include "batch/request.h"
#include "batch/site.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_ARGS 16

static void must(bool good)
{
    if (!good)
        abort();
}

/* Sets what the lines say; the command is `true` where they say none. */
static void set_options(hec_request *q, char *lines)
{
    const char *argv[MAX_ARGS] = {"true"};
    size_t argc = 0;
    hec_error err;
    char *save;

    for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *equals = strchr(line, '=');

        if (!equals)
            continue;
        *equals = '\0';
        if (strcmp(line, "arg") == 0 && argc < MAX_ARGS)
            argv[argc++] = equals + 1;
        else if (hec_request_set(q, line, equals + 1, &err) < 0)
            must(err.code == HEC_EINVAL && err.text[0]);
    }
    if (hec_request_command(q, argv, argc ? argc : 1, &err) < 0)
        must(err.code == HEC_EINVAL);
}

static void look_at(const char *text)
{
    const char *body = strstr(text, "\n\n");

    must(strncmp(text, "#!/bin/bash", 11) == 0 && body && text[strlen(text) - 1] == '\n');
    for (const char *p = text; p < body; p += strcspn(p, "\n") + 1) {
        must(*p == '#');
        for (size_t i = 0; p[i] != '\n'; i++)
            must((unsigned char)p[i] >= 0x20 || p[i] == '\t');
    }
}

static void write_parts(hec_request *q, const hec_site *site)
{
    uint32_t parts;
    hec_error err = {0};

    if (hec_script_parts(q, site, &parts, &err) < 0) {
        must(err.code == HEC_EINVAL && err.text[0]);
        return;
    }
    must(parts >= 1);
    for (uint32_t part = 1; part <= parts && part <= 2; part++) {
        char *text;

        if (hec_script_write(q, site, part, &text, &err) < 0) {
            must(err.code == HEC_EINVAL && err.text[0]);
            return;
        }
        look_at(text);
        free(text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size + 1), *options;
    hec_site *site = NULL;
    hec_request *q = NULL;
    hec_error err = {0};

    must(bytes != NULL);
    if (size)
        memcpy(bytes, data, size);
    bytes[size] = '\0';
    options = strstr(bytes, "\n%%\n");
    if (options)
        *options++ = '\0';
    if (hec__site_parse("s", "f", bytes, options ? strlen(bytes) : size, &site, &err) < 0) {
        must(err.code != HEC_EFORMAT || (strchr(err.text, ':') && !strchr(err.text, '\n')));
    } else {
        char *shown;

        must(hec_site_text(site, &shown, &err) == 0);
        free(shown);
        must(hec_request_create(&q, &err) == 0);
        if (options)
            set_options(q, options + 3);
        write_parts(q, site);
    }
    hec_request_destroy(q);
    hec_site_destroy(site);
    free(bytes);
    return 0;
}
