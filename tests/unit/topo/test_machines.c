/* SPDX-License-Identifier: MIT
 *
 * Every recorded machine of tests/data/topo gives exactly its expect.json; and no allocation that
 * fails on the way does harm.
 */
#include "fault.h"
#include "sys/file.h"
#include "tap.h"

#include <hec/topology.h>

#include <dirent.h>
#include <stdlib.h>

static int machines;

static void replay(const char *root)
{
    hec_topology *t = NULL;
    HEC_AUTO_STRBUF want;
    char *json = NULL;
    hec_error err = {0};

    hec__strbuf_init(&want);
    ok(hec__file_read(root, "/expect.json", &want, &err) == 0, "%s: %s", root, err.text);
    if (want.len && want.data[want.len - 1] == '\n')
        want.data[--want.len] = '\0';
    ok(hec_topology_read(root, &t, &err) == 0 && t, "it is read: %s", err.text);
    ok(hec_topology_json(t, &json, &err) == 0, "and printed");
    is_str(json, want.data, "as expected");
    free(json);
    hec_topology_destroy(t);
    machines++;
}

/* Reads and prints with the n-th allocation failing, for every n there is. */
static void starve(const char *root)
{
    bool good = true;
    long n;

    for (n = 1;; n++) {
        hec_topology *t = NULL;
        hec_error err = {0};
        char *json = NULL;
        int r;

        fault_arm(n);
        r = hec_topology_read(root, &t, &err);
        if (r == 0)
            r = hec_topology_json(t, &json, &err);
        if (!fault_disarm()) {
            ok(r == 0 && n > 2, "%s: %ld allocations, each failed once", root, n - 1);
            free(json);
            hec_topology_destroy(t);
            break;
        }
        good = good && r == HEC_ENOMEM && err.code == HEC_ENOMEM && !json;
        hec_topology_destroy(t);
    }
    ok(good, "each with HEC_ENOMEM and outputs untouched");
}

static int no_dots(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

int main(void)
{
    const char *data = getenv("HEC_TEST_DATA");
    struct dirent **names;
    char path[4096];
    int n;

    snprintf(path, sizeof path, "%s/topo", data ? data : "tests/data");
    n = scandir(path, &names, no_dots, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/topo/%s", data ? data : "tests/data", names[i]->d_name);
        if (hec__file_is_dir(path)) {
            replay(path);
            starve(path);
        }
        free(names[i]);
    }
    if (n > 0)
        free(names);
    ok(machines >= 9, "%d machines", machines);
    return done_testing();
}
