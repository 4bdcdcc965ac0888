/* SPDX-License-Identifier: MIT
 *
 * Which process it is. A number alone is used again, so that the moment of its birth counts too,
 * and the machine with the id that its kernel has since it was started.
 */
#include "base/json.h"
#include "run/jobs.h"
#include "sys/file.h"

#include <inttypes.h>
#include <string.h>

int64_t hec__process_born(int64_t pid)
{
    HEC_AUTO_STRBUF text;
    char path[64];
    const char *p;
    char state;

    hec__strbuf_init(&text);
    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
    if (pid <= 0 || hec__file_read("", path, &text, NULL) < 0)
        return 0;
    /* The name, in brackets, may have anything in it; the 3rd field is the state, the 22nd the
     * time. */
    p = strrchr(text.data, ')');
    if (!p || p[1] != ' ')
        return 0;
    state = p[2];
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    if (!p)
        return 0;
    return state == 'Z' || state == 'X' ? 0 : strtoll(p, NULL, 10);
}

void hec__process_host(char host[256], char boot[64])
{
    HEC_AUTO_STRBUF text;

    hec__strbuf_init(&text);
    *host = *boot = '\0';
    gethostname(host, 255);
    host[255] = '\0';
    if (hec__file_read("", "/proc/sys/kernel/random/boot_id", &text, NULL) == 0)
        snprintf(boot, 64, "%.*s", (int)strcspn(text.data, "\n"), text.data);
}

enum hec__life hec__process_life(const hec__process *p)
{
    char host[256], boot[64];
    int64_t born;

    hec__process_host(host, boot);
    if (p->host && strcmp(p->host, host) != 0)
        return HEC__ELSEWHERE;
    if (p->boot && strcmp(p->boot, boot) != 0)
        return HEC__GONE;
    born = hec__process_born(p->pid);
    return born && (p->born == 0 || p->born == born) ? HEC__LIVES : HEC__GONE;
}

int hec__process_write(int64_t pid, hec__strbuf *out)
{
    char host[256], boot[64];
    hec__json j;

    hec__process_host(host, boot);
    hec__json_init(&j, out);
    hec__strbuf_addf(out, "\"pid\":%" PRId64 ",\"born\":%" PRId64 ",\"host\":", pid,
                     hec__process_born(pid));
    hec__json_str(&j, host);
    hec__strbuf_adds(out, ",\"boot\":");
    hec__json_str(&j, boot);
    return out->failed ? HEC_ENOMEM : 0;
}

void hec__process_read(const hec_value *fields, hec__arena *arena, hec__process *ret)
{
    const char *host = hec__run_text(fields, "host"), *boot = hec__run_text(fields, "boot");

    ret->pid = hec__run_int(fields, "pid", 0);
    ret->born = hec__run_int(fields, "born", 0);
    ret->host = host ? hec__arena_copy(arena, host, strlen(host)) : NULL;
    ret->boot = boot ? hec__arena_copy(arena, boot, strlen(boot)) : NULL;
}
