/* SPDX-License-Identifier: MIT
 *
 * Finding a process's control group; see cgroup.h for the rule and proc(5) for the two files.
 */
#include "topo/cgroup.h"

#include "base/error.h"
#include "topo/text.h"

#include <string.h>

static bool has_item(hec__slice list, const char *item)
{
    hec__slice one;

    while (hec__slice_until(&list, ',', &one))
        if (hec__slice_is(one, item))
            return true;
    return false;
}

/* "ID:CONTROLLERS:PATH"; version 2 has an empty list of controllers. A path may hold colons. */
static bool own_path(const char *cgroup, const char *controller, hec__slice *ret)
{
    hec__slice rest = hec__slice_of(cgroup), line, id, list;

    while (hec__slice_until(&rest, '\n', &line)) {
        if (!hec__slice_until(&line, ':', &id) || !hec__slice_until(&line, ':', &list))
            continue;
        if (line.n == 0 || line.s[0] != '/')
            continue;
        if (controller ? has_item(list, controller) : list.n == 0 && hec__slice_is(id, "0")) {
            *ret = line;
            return true;
        }
    }
    return false;
}

struct mount {
    hec__slice root, point;
};

/* One line of mountinfo: "ID PARENT DEV ROOT POINT OPTIONS [TAGS…] - TYPE SOURCE SUPER". */
static bool parse_mount(hec__slice line, const char *controller, struct mount *ret)
{
    hec__slice field[5], word, type, source, super;

    for (int i = 0; i < 5; i++)
        if (!hec__slice_word(&line, &field[i]))
            return false;
    do
        if (!hec__slice_word(&line, &word))
            return false;
    while (!hec__slice_is(word, "-"));
    if (!hec__slice_word(&line, &type) || !hec__slice_word(&line, &source) ||
        !hec__slice_word(&line, &super))
        return false;
    if (controller ? !hec__slice_is(type, "cgroup") || !has_item(super, controller)
                   : !hec__slice_is(type, "cgroup2"))
        return false;
    *ret = (struct mount){field[3], field[4]};
    return ret->point.s[0] == '/';
}

static bool octal(char c)
{
    return c >= '0' && c <= '7';
}

/* The kernel writes blanks and backslashes of a path as \040 and the like. */
static char *unescape(hec__arena *arena, hec__slice a)
{
    char *s = hec__arena_copy(arena, a.s, a.n);
    char *to = s;

    if (!s)
        return NULL;
    for (const char *p = s; *p; p++) {
        if (p[0] == '\\' && octal(p[1]) && octal(p[2]) && octal(p[3])) {
            *to++ = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
            p += 3;
        } else {
            *to++ = *p;
        }
    }
    *to = '\0';
    return s;
}

/* path without the leading `root`, where it lies below it; the whole path otherwise. */
static hec__slice below(hec__slice path, hec__slice root)
{
    if (root.n <= 1 || path.n < root.n || memcmp(path.s, root.s, root.n) != 0)
        return path;
    if (path.n > root.n && path.s[root.n] != '/')
        return path;
    return (hec__slice){path.s + root.n, path.n - root.n};
}

static bool climbs(hec__slice path)
{
    hec__slice part;

    while (hec__slice_until(&path, '/', &part))
        if (hec__slice_is(part, ".."))
            return true;
    return false;
}

/* The longest tail of path that exists below the mount point, in *ret; whole in *whole. */
static int find_tail(hec__arena *arena, const char *point, hec__slice path,
                     hec__cgroup_exists *exists, void *arg, const char **ret, bool *whole)
{
    *whole = true;
    /* "/../.." is a group outside of the namespace: nothing of it can be seen from here. */
    if (climbs(path)) {
        *whole = false;
        path.n = 0;
    }
    while (path.n > 1) {
        char *dir = hec__arena_printf(arena, "%s%.*s", strcmp(point, "/") == 0 ? "" : point,
                                      (int)path.n, path.s);

        if (!dir)
            return HEC_ENOMEM;
        *ret = dir;
        if (exists(dir, arg))
            return 0;
        *whole = false;
        do {
            path.s++;
            path.n--;
        } while (path.n && path.s[0] != '/');
    }
    *ret = point;
    return 0;
}

int hec__cgroup_find(hec__arena *arena, const char *cgroup, const char *mountinfo,
                     const char *controller, hec__cgroup_exists *exists, void *arg,
                     hec__cgroup *ret, hec_error *err)
{
    hec__slice path, rest = hec__slice_of(mountinfo), line;
    hec__cgroup best = {NULL, NULL};
    struct mount mount;
    bool whole = false;

    if (!own_path(cgroup, controller, &path))
        return 0;
    /* Of several mounts of one hierarchy (bind mounts in a container), the one that shows the
     * group under its full path is the right one; else the first. */
    while (!whole && hec__slice_until(&rest, '\n', &line)) {
        hec__cgroup c;

        if (!parse_mount(line, controller, &mount))
            continue;
        c.mount = unescape(arena, mount.point);
        if (!c.mount ||
            find_tail(arena, c.mount, below(path, mount.root), exists, arg, &c.dir, &whole) < 0)
            return hec__fail(err, HEC_ENOMEM, 0, "out of memory reading the topology");
        if (whole || !best.mount)
            best = c;
    }
    if (!best.mount)
        return 0;
    *ret = best;
    return 1;
}
