/* SPDX-License-Identifier: MIT
 *
 * The rules of .gitignore: https://git-scm.com/docs/gitignore. The last one that matches counts.
 */
#include "run/ignore.h"

#include "base/error.h"

#include <string.h>

#define STEPS 100000 /* of one match; what takes more matches nothing */

/* ---- patterns ---- */

/* "[a-z]" at *p against c; *p is behind it afterwards. A bracket without an end is a letter. */
static bool match_class(const char **p, char c)
{
    const char *s = *p + 1;
    bool negated = *s == '!' || *s == '^', found = false;

    s += negated;
    for (bool first = true; *s && (*s != ']' || first); first = false) {
        char low = *s == '\\' && s[1] ? *++s : *s, high = low;

        if (s[1] == '-' && s[2] && s[2] != ']') {
            s += 2;
            high = *s == '\\' && s[1] ? *++s : *s;
        }
        found = found || (low <= c && c <= high);
        s++;
    }
    if (*s != ']') {
        (*p)++;
        return c == '[';
    }
    *p = s + 1;
    return c != '/' && found != negated;
}

static bool match(const char *p, const char *s, int *steps)
{
    for (; *p; s++) {
        if (--*steps < 0)
            return false;
        if (p[0] == '*' && p[1] == '*' && (p[2] == '/' || !p[2])) {
            if (!p[2])
                return *s != '\0';
            for (const char *t = s; t; t = strchr(t, '/') ? strchr(t, '/') + 1 : NULL)
                if (match(p + 3, t, steps))
                    return true;
            return false;
        }
        if (*p == '*') {
            while (*p == '*')
                p++;
            for (;; s++) {
                if (match(p, s, steps))
                    return true;
                if (!*s || *s == '/')
                    return false;
            }
        }
        if (!*s)
            return false;
        if (*p == '[') {
            if (!match_class(&p, *s))
                return false;
            continue;
        }
        if (*p == '?' && *s == '/')
            return false;
        if (*p != '?') {
            p += *p == '\\' && p[1];
            if (*p != *s)
                return false;
        }
        p++;
    }
    return !*s;
}

bool hec__ignore_match(const char *pattern, const char *path)
{
    int steps = STEPS;

    return match(pattern, path, &steps);
}

/* ---- files of rules ---- */

/* One line of n bytes; NULL pattern: it says nothing. */
static int parse(hec__ignore *ignore, const char *line, size_t n, hec__ignore_rule *ret)
{
    char *text;

    *ret = (hec__ignore_rule){0};
    while (n && (line[n - 1] == '\r' || (line[n - 1] == ' ' && !(n > 1 && line[n - 2] == '\\'))))
        n--;
    if (n == 0 || *line == '#')
        return 0;
    if (*line == '!') {
        ret->negated = true;
        line++;
        n--;
    }
    if (n && line[n - 1] == '/') {
        ret->folders = true;
        n--;
    }
    ret->anchored = memchr(line, '/', n) != NULL;
    if (n && *line == '/') {
        line++;
        n--;
    }
    if (n == 0)
        return 0;
    text = hec__arena_copy(ignore->arena, line, n);
    ret->pattern = text;
    return text ? 0 : HEC_ENOMEM;
}

static int add(hec__ignore *ignore, const hec__ignore_rule *rule)
{
    hec__ignore_rule *grown =
        hec__arena_grow(ignore->arena, ignore->rules, ignore->n, &ignore->cap, sizeof *grown);

    if (!grown)
        return HEC_ENOMEM;
    ignore->rules = grown;
    ignore->rules[ignore->n++] = *rule;
    return 0;
}

int hec__ignore_add(hec__ignore *ignore, const char *text, const char *folder, hec_error *err)
{
    const char *where = hec__arena_copy(ignore->arena, folder, strlen(folder));
    int r = where ? 0 : HEC_ENOMEM;

    while (r == 0 && *text) {
        size_t n = strcspn(text, "\n");
        hec__ignore_rule rule;

        r = parse(ignore, text, n, &rule);
        rule.folder = where;
        if (r == 0 && rule.pattern)
            r = add(ignore, &rule);
        text += n + (text[n] != '\0');
    }
    return r < 0 ? hec__fail(err, r, 0, "no memory for what is ignored") : 0;
}

bool hec__ignore_has(const hec__ignore *ignore, const char *path, bool folder)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    for (size_t i = ignore->n; i-- > 0;) {
        const hec__ignore_rule *r = &ignore->rules[i];
        size_t n = strlen(r->folder);

        if ((r->folders && !folder) || strncmp(path, r->folder, n) != 0)
            continue;
        if (hec__ignore_match(r->pattern, r->anchored ? path + n : name))
            return !r->negated;
    }
    return false;
}
