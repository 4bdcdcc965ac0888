/* SPDX-License-Identifier: MIT
 *
 * Where a process's control group lies, for the ways in which containers show it.
 */
#include "fault.h"
#include "topo/cgroup.h"
#include "tap.h"

#include <stdlib.h>

/* The directories that exist, one a line. */
static bool exists(const char *path, void *arg)
{
    const char *p = arg;
    size_t n = strlen(path);

    for (; p; p = strchr(p, '\n')) {
        p += *p == '\n';
        if (strncmp(p, path, n) == 0 && (p[n] == '\n' || !p[n]))
            return true;
    }
    return false;
}

#define V2(root, point)                                                                            \
    "31 25 0:26 " root " " point " rw shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1(root, point, list) "35 31 0:30 " root " " point " rw - cgroup cgroup rw," list "\n"

static void finds(const char *cgroup, const char *mountinfo, const char *controller,
                  const char *dirs, const char *want, const char *what)
{
    hec__arena arena = {NULL};
    hec__cgroup g = {"", ""};
    int r = hec__cgroup_find(&arena, cgroup, mountinfo, controller, exists, (void *)(uintptr_t)dirs,
                             &g, NULL);

    ok(r == (want ? 1 : 0), "%s", what);
    is_str(g.dir, want ? want : "", "its directory");
    hec__arena_fini(&arena);
}

static void test_plain(void)
{
    finds("0::/a/b\n", V2("/", "/sys/fs/cgroup"), NULL, "/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a/b",
          "version 2, on the machine itself");
    finds("4:cpu,cpuacct:/u\n0::/\n", V1("/", "/cg/cpu,cpuacct", "cpu,cpuacct"), "cpu",
          "/cg/cpu,cpuacct/u", "/cg/cpu,cpuacct/u", "version 1, two controllers together");
    finds("4:cpuacct:/u\n", V1("/", "/cg/cpuacct", "cpuacct"), "cpu", "/cg/cpuacct/u", NULL,
          "cpuacct is not cpu");
    finds("4:cpu:/u\n", V2("/", "/sys/fs/cgroup"), "cpu", "", NULL, "not mounted");
    finds("", V2("/", "/sys/fs/cgroup"), NULL, "", NULL, "in no group");
    finds("0::/a:b\n", V2("/", "/c"), NULL, "/c/a:b", "/c/a:b", "a colon in a name");
    finds("0::/a b\n", V2("/", "/my\\040cg"), NULL, "/my cg/a b", "/my cg/a b",
          "a blank in the mount point");
    finds("0::/a\n", V2("/", "/"), NULL, "/a", "/a", "mounted at the root");
    finds("garbage\n0:/a\n0::relative\n", V2("/", "/c") "short line\n", NULL, "", NULL,
          "lines that make no sense");
}

static void test_containers(void)
{
    finds("4:cpu:/docker/x\n", V1("/docker/x", "/cg/cpu", "cpu"), "cpu", "", "/cg/cpu",
          "the mount shows only the container's group");
    finds("4:cpu:/docker/x/in\n", V1("/docker/x", "/cg/cpu", "cpu"), "cpu", "/cg/cpu/in",
          "/cg/cpu/in", "and a group below it");
    finds("4:cpu:/docker/xy\n", V1("/docker/x", "/cg/cpu", "cpu"), "cpu", "/cg/cpu/xy",
          "/cg/cpu/xy", "a name that only begins alike is not below it");
    finds("0::/kube/pod/c\n", V2("/", "/cg"), NULL, "/cg/c", "/cg/c",
          "the longest tail of a path that does not exist");
    finds("0::/kube/pod/c\n", V2("/", "/cg"), NULL, "", "/cg", "else the mount itself");
    finds("0::/../../other\n", V2("/", "/cg"), NULL, "/cg/other", "/cg",
          "nothing outside of the namespace is taken for its own");
    finds("0::/a\n", V2("/x", "/one") V2("/", "/two"), NULL, "/two/a", "/two/a",
          "of two mounts the one that shows the group");
    finds("0::/a\n", V2("/x", "/one") V2("/y", "/two"), NULL, "", "/one", "else the first");
}

static void test_no_memory(void)
{
    for (long n = 1;; n++) {
        hec__arena arena = {NULL};
        hec__cgroup g = {"m", "d"};
        hec_error err = {0};
        int r;

        fault_arm(n);
        r = hec__cgroup_find(&arena, "0::/a\n", V2("/", "/cg"), NULL, exists, (void *)"", &g, &err);
        if (!fault_disarm()) {
            ok(r == 1, "all allocations were tried");
            hec__arena_fini(&arena);
            break;
        }
        ok(r == HEC_ENOMEM && err.code == HEC_ENOMEM && strcmp(g.dir, "d") == 0,
           "allocation %ld fails: output untouched", n);
        hec__arena_fini(&arena);
    }
}

int main(void)
{
    test_plain();
    test_containers();
    test_no_memory();
    return done_testing();
}
