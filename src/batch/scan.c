/* SPDX-License-Identifier: MIT */
#include "batch/scan.h"

#include "base/error.h"
#include "base/strbuf.h"
#include "base/units.h"
#include "batch/complete.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define SCRIPT_MAX ((size_t)16 << 20)
#define VALUE_MAX  1024

/* ---- for the tables of directives ---- */

void hec__scan_set(hec__scan *s, enum hec__option option, const char *name, const char *value)
{
    hec_error err;

    s->lines[option] = s->line;
    if (hec_request_set(s->q, name, value, &err) < 0)
        hec__object(s->check, "directive", HEC__SERIOUS, s->line, "%s", err.text);
}

uint32_t hec__scan_number(hec__scan *s, const char *what, const char *value)
{
    char *end;
    unsigned long n = strtoul(value, &end, 10);

    if (isdigit((unsigned char)*value) && !*end && n <= INT32_MAX)
        return (uint32_t)n;
    hec__object(s->check, "directive", HEC__SERIOUS, s->line, "%s: '%.60s' is no whole number",
                what, value);
    return 0;
}

uint64_t hec__scan_size(hec__scan *s, const char *what, const char *value, uint64_t unit)
{
    uint64_t bytes;
    hec_error err;

    if (hec__parse_bytes(value, &bytes, &err) < 0) {
        hec__object(s->check, "directive", HEC__SERIOUS, s->line, "%s: %s", what, err.text);
        return 0;
    }
    if (isdigit((unsigned char)value[strlen(value) - 1]))
        bytes = bytes < UINT64_MAX / unit ? bytes * unit : UINT64_MAX;
    return bytes;
}

bool hec__scan_pair(const char *list, const char *separators, const char *key, char *buf,
                    size_t size)
{
    size_t n = strlen(key);

    for (const char *p = list; *p; p += *p != '\0') {
        size_t length = strcspn(p, separators);

        if (length > n && strncmp(p, key, n) == 0 && p[n] == '=') {
            snprintf(buf, size, "%.*s", (int)(length - n - 1), p + n + 1);
            return true;
        }
        p += length;
    }
    return false;
}

/* ---- one directive ---- */

/* The next piece at *p, without its quotes; false at the end, which a comment is. */
static bool next_piece(const char **p, char *buf, size_t size)
{
    size_t n = 0;
    char quote = 0;

    *p += strspn(*p, " \t");
    if (!**p || **p == '#')
        return false;
    for (; **p && (quote || (**p != ' ' && **p != '\t')); ++*p) {
        if (quote ? **p == quote : **p == '"' || **p == '\'')
            quote = quote ? 0 : **p;
        else if (n + 1 < size)
            buf[n++] = **p;
    }
    buf[n] = '\0';
    return true;
}

static const hec__directive_keys *keys_of(const hec_site *site)
{
    static const hec__directive_keys *const all[HEC__N_SCHEDULERS] = {
        [HEC__SLURM] = &hec__keys_slurm, [HEC__SGE] = &hec__keys_sge, [HEC__PBS] = &hec__keys_pbs,
        [HEC__TORQUE] = &hec__keys_pbs,  [HEC__LSF] = &hec__keys_lsf,
    };

    return all[site->scheduler];
}

/* Whether a piece is this key; *ret_value is what stands in it behind the key, NULL where nothing
 * does. joined: "-N2" is "-N 2". */
static bool is_key(const hec__directive_key *key, bool joined, const char *piece,
                   const char **ret_value)
{
    const char *const names[] = {key->name, key->other};

    for (int i = 0; i < 2; i++) {
        size_t n = names[i] ? strlen(names[i]) : 0;
        bool is_short = n == 2;

        if (!n || strncmp(piece, names[i], n) != 0)
            continue;
        if (piece[n] && piece[n] != '=' && !(is_short && joined))
            continue;
        *ret_value = !piece[n] ? NULL : piece[n] == '=' ? piece + n + 1 : piece + n;
        return true;
    }
    return false;
}

/* The pieces that follow a key, as one value. */
static const char *following(const char **text, int n, char *buf, size_t size)
{
    size_t used = 0;

    buf[0] = '\0';
    for (int i = 0; i < n; i++) {
        if (i && used + 1 < size)
            buf[used++] = ' ';
        if (!next_piece(text, buf + used, size - used))
            break;
        used += strlen(buf + used);
    }
    return buf;
}

/* Whether the value means something as it stands. */
static bool check_value(hec__scan *s, const char *value)
{
    size_t n = strlen(value);

    if (s->check->site->scheduler == HEC__SLURM && strchr(value, '$')) {
        hec__object(s->check, "variable", HEC__SERIOUS, s->line,
                    "'%.80s': Slurm does not replace variables in directives; write it out", value);
        return false;
    }
    if (n > 2 && value[0] == '[' && value[n - 1] == ']' && !strpbrk(value, "|*")) {
        hec__object(s->check, "placeholder", HEC__SERIOUS, s->line,
                    "'%.80s' is still to be filled in", value);
        return false;
    }
    return true;
}

static void read_directive(hec__scan *s, const char *text)
{
    const hec__directive_keys *keys = keys_of(s->check->site);
    bool joined = s->check->site->scheduler == HEC__SLURM;
    char piece[VALUE_MAX], own[VALUE_MAX];

    while (next_piece(&text, piece, sizeof piece)) {
        const char *value = NULL;
        size_t i = 0;

        while (i < keys->n && !is_key(&keys->all[i], joined, piece, &value))
            i++;
        if (i == keys->n)
            continue;
        if (!value)
            value = following(&text, keys->all[i].values, own, sizeof own);
        if (check_value(s, value))
            keys->all[i].read(s, value);
    }
}

/* ---- what all of them come to ---- */

static void finish_request(hec__scan *s)
{
    hec_request *q = s->q;
    uint32_t each = s->cpus_per_task ? s->cpus_per_task : 1;
    uint64_t cpus = 1;

    if (s->tasks_per_node)
        cpus = (uint64_t)s->tasks_per_node * each;
    else if (s->tasks)
        cpus = ((uint64_t)s->tasks + q->nodes - 1) / q->nodes * each;
    else if (s->cpus_per_task)
        cpus = each;
    else if (s->slots)
        cpus = ((uint64_t)s->slots + q->nodes - 1) / q->nodes;
    if (s->tasks_per_node || s->tasks || s->cpus_per_task || s->slots) {
        q->cpus = cpus < INT32_MAX ? (uint32_t)cpus : INT32_MAX;
        q->given |= 1u << HEC__OPTION_CPUS;
        q->known |= 1u << HEC__OPTION_CPUS;
    }
    if (!s->memory_per_cpu)
        return;
    q->memory = s->memory_per_cpu < UINT64_MAX / q->cpus ? s->memory_per_cpu * q->cpus : UINT64_MAX;
    q->given |= 1u << HEC__OPTION_MEMORY;
    q->known |= 1u << HEC__OPTION_MEMORY;
}

/* ---- the file ---- */

static int read_file(const char *path, hec__strbuf *out, hec_error *err)
{
    HEC_AUTO_FILE f = fopen(path, "r");
    char buf[65536];
    size_t n;

    if (!f)
        return hec__fail(err, errno == ENOENT ? HEC_ENOENT : HEC_EIO, errno, "cannot read '%.150s'",
                         path);
    while ((n = fread(buf, 1, sizeof buf, f)) > 0) {
        if (out->len + n > SCRIPT_MAX)
            return hec__fail(err, HEC_EFORMAT, 0, "'%.150s' has over 16 MiB: it is no script",
                             path);
        if (hec__strbuf_add(out, buf, n) < 0)
            return hec__fail(err, HEC_ENOMEM, 0, "no memory to read '%.150s'", path);
    }
    if (ferror(f))
        return hec__fail(err, HEC_EIO, errno, "cannot read '%.150s'", path);
    return 0;
}

/* What is seen while the lines go by. */
typedef struct lines {
    hec__scan scan;
    hec__shell_check shell;
    bool fail_fast; /* it ends at the first failure */
    bool late_told, crlf_told;
    uint32_t command; /* the first line that is one */
} lines;

static void first_line(lines *l, const char *line)
{
    hec__check *c = l->scan.check;
    bool login = strstr(line, " -l") || strstr(line, " --login");

    if (strncmp(line, "#!", 2) != 0) {
        hec__object(c, "shebang", HEC__SERIOUS, 1,
                    "a script begins with #!, and the shell that it is for");
        return;
    }
    l->fail_fast = strstr(line, " -e") != NULL || strstr(line, " -le") != NULL;
    l->shell.ready = login || (!c->site->start.n && !c->site->login_shell);
}

static void one_line(lines *l, const char *line, bool crlf)
{
    hec__check *c = l->scan.check;
    const char *prefix = hec__scheduler_prefix(c->site->scheduler);
    const char *text = line + strspn(line, " \t");
    uint32_t number = l->scan.line;

    if (crlf && !l->crlf_told) {
        l->crlf_told = true;
        hec__object(c, "line-ends", HEC__SERIOUS, number,
                    "the line ends with CR LF, as on Windows; 'dos2unix' or 'sed -i s/\\\\r$//' "
                    "mends the script");
    }
    if (number == 1)
        first_line(l, line);
    if (prefix && strncmp(line, prefix, strlen(prefix)) == 0) {
        bool whole = c->site->scheduler == HEC__SGE || c->site->scheduler == HEC__LSF;

        if (l->command && !whole && !l->late_told) {
            l->late_told = true;
            hec__object(c, "late-directive", HEC__SERIOUS, number,
                        "a directive after the first command, on line %" PRIu32 ", is not read",
                        l->command);
        }
        if (!l->command || whole)
            read_directive(&l->scan, line + strlen(prefix));
        return;
    }
    if (!*text || *text == '#')
        return;
    if (!l->command)
        l->command = number;
    if (strncmp(text, "set -e", 6) == 0 || strncmp(text, "set -o errexit", 14) == 0)
        l->fail_fast = true;
    hec__check_shell(&l->shell, text, number);
}

static void all_lines(lines *l, char *text, size_t size)
{
    char *end = text + size;

    for (char *p = text; p < end;) {
        char *stop = memchr(p, '\n', (size_t)(end - p));
        bool crlf = false;

        if (!stop)
            stop = end;
        if (stop > p && stop[-1] == '\r') {
            stop[-1] = '\0';
            crlf = true;
        }
        *stop = '\0';
        l->scan.line++;
        one_line(l, p, crlf);
        p = stop + 1;
    }
}

static void end_of_script(lines *l, size_t size)
{
    hec__check *c = l->scan.check;
    const hec_site *site = c->site;

    hec__check_shell_end(&l->shell, c->q->given & 1u << HEC__OPTION_CPUS ? c->q->cpus : 0);
    if (!l->fail_fast)
        hec__object(c, "fail-fast", HEC__ADVICE, 1,
                    "without 'set -e' the job goes on after a failure, and shows as completed");
    if (site->cluster && !l->scan.cluster)
        hec__object(c, "cluster", HEC__SERIOUS, 0,
                    "the cluster must be named: %s --clusters=%s, and -M %s on every command",
                    hec__scheduler_prefix(site->scheduler), site->cluster, site->cluster);
    if (site->max_script && size > site->max_script)
        hec__object(c, "script-size", HEC__SERIOUS, 0,
                    "the script has %zu bytes, %s takes %" PRIu32
                    "; put parameters into a file that it reads",
                    size, site->name, site->max_script);
}

int hec__script_check(char *text, size_t size, const hec_site *site, hec_finding_told *told,
                      void *ctx, hec_error *err)
{
    HEC_AUTO(hec_request) q = NULL;
    hec__check c = {.site = site, .told = told, .ctx = ctx};
    lines l = {.scan = {.check = &c}, .shell = {.check = &c}};
    int r = hec_request_create(&q, err);

    if (r < 0 || !q)
        return r;
    c.q = l.scan.q = q;
    c.lines = l.scan.lines;
    all_lines(&l, text, size);
    finish_request(&l.scan);
    c.partition = hec__site_partition(site, q->partition);
    hec__check_limits(&c);
    hec__check_use(&c);
    end_of_script(&l, size);
    return c.serious;
}

int hec_script_check(const char *path, const hec_site *site, hec_finding_told *told, void *ctx,
                     hec_error *err)
{
    HEC_AUTO_STRBUF text;
    int r;

    hec__strbuf_init(&text);
    r = read_file(path, &text, err);
    if (r < 0)
        return r;
    /* Nothing of an empty buffer is of this process's to change. */
    return text.len ? hec__script_check(text.data, text.len, site, told, ctx, err)
                    : hec__script_check((char[1]){""}, 0, site, told, ctx, err);
}
