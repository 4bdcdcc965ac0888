/* SPDX-License-Identifier: MIT
 *
 * What the questions share: the environment they read and the lists they add to.
 */
#include "topo/topo.h"

#include "base/error.h"
#include "sys/file.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

int hec__topology_nomem(hec_error *err)
{
    return hec__fail(err, HEC_ENOMEM, 0, "out of memory reading the topology");
}

int hec__topology_file(const hec_topology *t, const char *path, hec__strbuf *out, hec_error *err)
{
    hec_error e;
    int r = hec__file_read(t->root, path, out, &e);

    if (r == HEC_ENOENT)
        return 0;
    if (r < 0 && err)
        *err = e;
    return r < 0 ? r : 1;
}

/* A recorded environment is searched as it lies: it is small and read some forty times. */
static const char *recorded_env(const hec_topology *t, const char *name)
{
    const char *end = t->environ + t->environ_size;
    size_t n = strlen(name);

    for (const char *line = t->environ; line < end; line += strlen(line) + 1)
        if (strncmp(line, name, n) == 0 && line[n] == '=')
            return line + n + 1;
    return NULL;
}

const char *hec__topology_env_raw(const hec_topology *t, const char *name)
{
    return t->environ ? recorded_env(t, name) : getenv(name);
}

const char *hec__topology_env(const hec_topology *t, const char *name)
{
    const char *value = hec__topology_env_raw(t, name);

    return value && *value ? value : NULL;
}

int hec__topology_env_uint(hec_topology *t, const char *name, uint64_t min, uint64_t max,
                           uint64_t *ret, hec_error *err)
{
    const char *value = hec__topology_env(t, name);
    uint64_t v;

    if (!value)
        return 0;
    if (!hec__slice_uint(hec__slice_of(value), max, &v) || v < min)
        return hec__topology_note(t, err, "%s='%.60s' is ignored: not a number from %llu to %llu",
                                  name, value, (unsigned long long)min, (unsigned long long)max);
    *ret = v;
    return 1;
}

/* Reasons and notes quote foreign text; one line each, whatever was in it. */
static void make_printable(char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7F)
            *s = '?';
}

__attribute__((format(printf, 2, 0))) static char *print(hec_topology *t, const char *fmt,
                                                         va_list ap)
{
    va_list again;
    char *s;
    int n;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    s = n < 0 ? NULL : hec__arena_alloc(&t->arena, (size_t)n + 1);
    if (!s)
        return NULL;
    vsnprintf(s, (size_t)n + 1, fmt, ap);
    make_printable(s);
    return s;
}

int hec__topology_note(hec_topology *t, hec_error *err, const char *fmt, ...)
{
    const char **grown =
        hec__arena_grow(&t->arena, t->notes, t->n_notes, &t->cap_notes, sizeof *t->notes);
    va_list ap;
    char *s;

    if (!grown)
        return hec__topology_nomem(err);
    t->notes = grown;
    va_start(ap, fmt);
    s = print(t, fmt, ap);
    va_end(ap);
    if (!s)
        return hec__topology_nomem(err);
    t->notes[t->n_notes++] = s;
    return 0;
}

int hec__topology_limit(hec_topology *t, hec__limits *limits, const char *source, uint64_t value,
                        hec_error *err, const char *fmt, ...)
{
    hec_limit *grown =
        hec__arena_grow(&t->arena, limits->v, limits->n, &limits->cap, sizeof *limits->v);
    va_list ap;
    char *s;

    if (!grown)
        return hec__topology_nomem(err);
    limits->v = grown;
    va_start(ap, fmt);
    s = print(t, fmt, ap);
    va_end(ap);
    if (!s)
        return hec__topology_nomem(err);
    limits->v[limits->n++] = (hec_limit){.source = source, .text = s, .value = value};
    return 0;
}

void hec__topology_leaves(hec_topology *t, uint64_t bytes)
{
    if (bytes < t->available)
        t->available = bytes;
}

int hec__topology_node(hec_topology *t, hec__slice name, uint32_t cpus, hec_error *err)
{
    hec_node *grown =
        hec__arena_grow(&t->arena, t->nodes, t->n_nodes, &t->cap_nodes, sizeof *t->nodes);
    char *copy = hec__arena_copy(&t->arena, name.s, name.n);

    if (!grown || !copy)
        return hec__topology_nomem(err);
    make_printable(copy);
    t->nodes = grown;
    t->nodes[t->n_nodes++] = (hec_node){copy, cpus};
    return 0;
}

bool hec__topology_same_host(hec__slice a, hec__slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;

    if (n == 0 || strncasecmp(a.s, b.s, n) != 0)
        return false;
    return a.n == b.n || (a.n > n ? a.s[n] : b.s[n]) == '.';
}
