/* SPDX-License-Identifier: MIT
 *
 * Where kills for want of memory are counted: on this machine, and on made-up ones.
 */
#include "tap.h"

#include "topo/oom.h"
#include "topo/topo.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[256];

static void put(const char *path, const char *text)
{
    char name[512];
    int fd;

    snprintf(name, sizeof name, "%s%s", root, path);
    for (char *p = name + strlen(root) + 1; *p; p++)
        if (*p == '/') {
            *p = '\0';
            mkdir(name, 0700);
            *p = '/';
        }
    fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        printf("# cannot write %s\n", name);
    close(fd);
}

static const char *file_of_machine(void)
{
    static char file[512];
    hec_topology *t = NULL;
    hec_error err = {0};

    if (hec_topology_read(root, &t, &err) < 0) {
        printf("# %s\n", err.text);
        return NULL;
    }
    snprintf(file, sizeof file, "%s", hec__oom_file(t));
    hec_topology_destroy(t);
    return file;
}

int main(void)
{
    hec_topology *t = NULL;
    uint64_t n = 99;
    char command[300];

    snprintf(root, sizeof root, "%s/hec-oom-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    ok(mkdtemp(root) != NULL, "a folder");
    put("/proc/vmstat", "oom_kill_not 5\noom_kill 3\n");
    is_str(file_of_machine(), "/proc/vmstat", "without control groups the machine counts");
    ok(hec__oom_read(root, "/proc/vmstat", &n) && n == 3, "it says how many");

    put("/proc/self/cgroup", "0::/user/job\n");
    put("/proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n");
    put("/sys/fs/cgroup/user/memory.events", "low 0\noom 9\noom_kill 7\noom_group_kill 0\n");
    put("/sys/fs/cgroup/user/job/cgroup.procs", "1\n");
    is_str(file_of_machine(), "/sys/fs/cgroup/user/memory.events",
           "version 2: the nearest group that has the controller");
    ok(hec__oom_read(root, "/sys/fs/cgroup/user/memory.events", &n) && n == 7, "counts kills");
    put("/sys/fs/cgroup/user/job/memory.events", "oom_kill 1\n");
    is_str(file_of_machine(), "/sys/fs/cgroup/user/job/memory.events", "its own, where it has one");

    put("/proc/self/cgroup", "4:memory:/batch/1\n0::/\n");
    put("/proc/self/mountinfo",
        "30 23 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
    put("/sys/fs/cgroup/memory/batch/1/memory.oom_control",
        "oom_kill_disable 0\nunder_oom 1\noom_kill 2\n");
    is_str(file_of_machine(), "/sys/fs/cgroup/memory/batch/1/memory.oom_control", "version 1");
    ok(hec__oom_read(root, "/sys/fs/cgroup/memory/batch/1/memory.oom_control", &n) && n == 2,
       "counts kills, and not whether there may be some");
    put("/sys/fs/cgroup/memory/batch/1/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n");
    ok(!hec__oom_read(root, "/sys/fs/cgroup/memory/batch/1/memory.oom_control", &n) && n == 2,
       "an old kernel does not");
    ok(!hec__oom_read(root, "/none", &n) && n == 2, "nor does a file that is not there");
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    ok(system(command) == 0, "cleaned up");

    ok(hec_topology_read(NULL, &t, NULL) == 0 && hec__oom_read("", hec__oom_file(t), &n),
       "this machine counts");
    hec_topology_destroy(t);
    return done_testing();
}
