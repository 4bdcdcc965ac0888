/* SPDX-License-Identifier: MIT */
#include "nodes.h"

#include "base/error.h"

#include <hec/hec.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASK_MS 20000

/* A launch inside of a job's step begins with a clean slate: what was asked for the job's own tasks
 * would bound the one process of each node. Open MPI is not to take a core from the tasks. */
const char *const nodes_env[] = {"SLURM_CPUS_PER_TASK",
                                 "SLURM_TRES_PER_TASK",
                                 "SLURM_NTASKS",
                                 "SLURM_NPROCS",
                                 "SLURM_NTASKS_PER_NODE",
                                 "SLURM_NTASKS_PER_CORE",
                                 "SLURM_MEM_PER_CPU",
                                 "SLURM_MEM_PER_NODE",
                                 "SLURM_MEM_PER_GPU",
                                 "SLURM_GPUS_PER_TASK",
                                 "SLURM_DISTRIBUTION",
                                 "SLURM_CPU_BIND",
                                 "SLURM_EXACT",
                                 "SLURM_HINT",
                                 "OMPI_MCA_mpi_yield_when_idle=1",
                                 NULL};

/* ---- programs ---- */

bool nodes_in_path(const char *name, char *buf, size_t size)
{
    const char *path = getenv("PATH");

    for (; path && *path; path += strcspn(path, ":"), path += *path == ':') {
        struct stat st;
        int n = snprintf(buf, size, "%.*s/%s", (int)strcspn(path, ":"), path, name);

        if (n > 0 && (size_t)n < size && access(buf, X_OK) == 0 && stat(buf, &st) == 0 &&
            S_ISREG(st.st_mode))
            return true;
    }
    return false;
}

typedef struct asking {
    const char *const *argv;
    char *buf;
    size_t size;
    int status;
} asking;

static int next(void *ctx, uint64_t task, hec_command *command)
{
    const asking *a = ctx;

    if (task > 0)
        return 0;
    command->argv = a->argv;
    command->timeout_ms = ASK_MS;
    command->out.kind = command->err.kind = HEC_STREAM_MEMORY;
    command->out.limit = command->err.limit = a->size;
    return 1;
}

static int end(void *ctx, const hec_command_end *e)
{
    asking *a = ctx;

    snprintf(a->buf, a->size, "%.*s%.*s", (int)e->out.size, e->out.data, (int)e->err.size,
             e->err.data);
    a->status = e->exit_status;
    return 0;
}

int nodes_ask(const char *const *argv, char *buf, size_t size)
{
    static const hec_command_ops ops = {.next = next, .end = end};
    asking a = {argv, buf, size, -1};
    hec_commands_options o = {.width = 1, .ops = &ops, .ctx = &a};
    hec_commands *c = NULL;
    int r = 0;

    buf[0] = '\0';
    if (hec_commands_create(&o, &c, NULL) < 0)
        return -1;
    while (r == 0 || r == HEC_EINTR)
        r = hec_commands_step(c, -1, NULL);
    hec_commands_destroy(c, 0);
    return a.status;
}

static bool own_path(char *buf, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", buf, size - 1);

    buf[n > 0 ? n : 0] = '\0';
    return n > 0;
}

bool nodes_own_place(char *buf, size_t size)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

    if (data && *data == '/')
        snprintf(buf, size, "%s/hec/hec-mpi", data);
    else if (home && *home == '/')
        snprintf(buf, size, "%s/.local/share/hec/hec-mpi", home);
    else
        buf[0] = '\0';
    return buf[0] != '\0';
}

/* Where hec-mpi may be, the first that is there: $HEC_MPI, beside this program, the user's own. */
static bool find_file(char *buf, size_t size)
{
    const char *named = getenv("HEC_MPI");
    char *slash;

    if (named && *named) {
        snprintf(buf, size, "%s", named);
        return true;
    }
    if (own_path(buf, size) && (slash = strrchr(buf, '/'))) {
        snprintf(slash, size - (size_t)(slash - buf), "/hec-mpi");
        if (access(buf, X_OK) == 0)
            return true;
    }
    return nodes_own_place(buf, size) && access(buf, X_OK) == 0;
}

bool nodes_find_program(nodes_plan *p)
{
    static const char word[] = "hec-mpi ";
    char text[512], *line;
    const char *argv[] = {p->program, "--about", NULL};
    int status;

    if (!find_file(p->program, sizeof p->program)) {
        p->program[0] = '\0';
        snprintf(p->why, sizeof p->why, "there is no hec-mpi");
        snprintf(p->hint, sizeof p->hint, "'hec mpi build' makes it, by the MPI of this cluster");
        return false;
    }
    status = nodes_ask(argv, text, sizeof text);
    line = strchr(text, '\n');
    if (status != 0 || strncmp(text, word, sizeof word - 1) != 0 || !line) {
        text[strcspn(text, "\n")] = '\0';
        snprintf(p->why, sizeof p->why, "'%.120s' does not run: %.120s", p->program,
                 *text ? text : "it says nothing");
        snprintf(p->hint, sizeof p->hint,
                 "load the module of the MPI that it was built with, or "
                 "build it anew: 'hec mpi build'");
        return false;
    }
    if (strtoul(text + sizeof word - 1, NULL, 10) != HEC_MPI_PROTOCOL) {
        snprintf(p->why, sizeof p->why, "'%.120s' is of another version than hec %s", p->program,
                 hec_version());
        snprintf(p->hint, sizeof p->hint, "build it anew: 'hec mpi build'");
        return false;
    }
    line[1 + strcspn(line + 1, "\n")] = '\0';
    snprintf(p->library, sizeof p->library, "%.79s", line + 1);
    return true;
}

/* ---- the launcher ---- */

static bool put_word(nodes_plan *p, const char *word, size_t n)
{
    size_t used = 0, words = 0;

    for (; p->launcher[words]; words++)
        used = (size_t)(p->launcher[words] - p->words) + strlen(p->launcher[words]) + 1;
    if (words + 1 >= NODES_WORDS || used + n + 1 > sizeof p->words)
        return false;
    memcpy(p->words + used, word, n);
    p->words[used + n] = '\0';
    p->launcher[words] = p->words + used;
    p->launcher[words + 1] = NULL;
    return true;
}

/* Words with blanks between. */
static bool put_words(nodes_plan *p, const char *line)
{
    bool good = true;

    for (line += strspn(line, " \t"); *line && good; line += strspn(line, " \t")) {
        size_t n = strcspn(line, " \t");

        good = put_word(p, line, n);
        line += n;
    }
    return good && p->launcher[0];
}

static bool is_open_mpi(const nodes_plan *p)
{
    return strncmp(p->library, "Open MPI", 8) == 0;
}

/* Whether this Slurm can start programs of this MPI: srun --mpi=list has the word. */
static bool srun_knows(const char *kind)
{
    static const char *const argv[] = {"srun", "--mpi=list", NULL};
    char text[1024];

    return nodes_ask(argv, text, sizeof text) == 0 && strstr(text, kind);
}

static bool by_srun(nodes_plan *p)
{
    const char *kind = is_open_mpi(p) ? "pmix" : "pmi2";
    char line[256], path[PATH_MAX];

    if (!nodes_in_path("srun", path, sizeof path) || !srun_knows(kind))
        return false;
    snprintf(line, sizeof line,
             "srun --nodes=%u --ntasks=%u --ntasks-per-node=1 --mpi=%s --cpu-bind=none --overlap "
             "--mem=0 --kill-on-bad-exit=1 --input=none",
             p->wanted, p->wanted, kind);
    return put_words(p, line);
}

static bool by_mpirun(nodes_plan *p)
{
    static const char *const open_mpi[] = {"mpirun.openmpi", "mpirun", NULL};
    static const char *const others[] = {"mpiexec.hydra", "mpiexec.mpich", "mpiexec", NULL};
    const char *const *names = is_open_mpi(p) ? open_mpi : others;
    char line[256], path[PATH_MAX];

    while (*names && !nodes_in_path(*names, path, sizeof path))
        names++;
    if (!*names)
        return false;
    if (is_open_mpi(p))
        snprintf(line, sizeof line, "%s -n %u --map-by ppr:1:node --bind-to none", *names,
                 p->wanted);
    else
        snprintf(line, sizeof line, "%s -n %u -ppn 1 -bind-to none", *names, p->wanted);
    return put_words(p, line);
}

static bool find_launcher(nodes_plan *p, const char *scheduler)
{
    const char *named = getenv("HEC_MPI_LAUNCH");
    bool good;

    if (named && *named) {
        good = put_words(p, named);
        snprintf(p->why, sizeof p->why, "%s", good ? "" : "HEC_MPI_LAUNCH is too long");
        return good;
    }
    if (strcmp(scheduler, "slurm") == 0 && by_srun(p))
        return true;
    if (by_mpirun(p))
        return true;
    snprintf(p->why, sizeof p->why, "there is nothing that starts hec-mpi (%s): no %s", p->library,
             is_open_mpi(p) ? "mpirun" : "mpiexec");
    snprintf(p->hint, sizeof p->hint, "load the module of that MPI, or set HEC_MPI_LAUNCH");
    return false;
}

/* ---- how many ---- */

/* A step of a job that has several processes, or one node, is what somebody wanted to have here:
 * only the shell that an interactive job begins with stands for the job. */
static bool is_inside_step(void)
{
    const char *step = getenv("SLURM_STEP_ID");

    return step && *step && strcmp(step, "4294967290") != 0 && strcmp(step, "4294967291") != 0;
}

static int parse_nodes(const char *s, nodes_plan *p, hec_error *err)
{
    char *end;
    unsigned long n = strtoul(s, &end, 10);

    p->asked = true;
    if (strcmp(s, "all") == 0)
        return 0;
    if (*s < '0' || *s > '9' || *end || n == 0 || n > 65536)
        return hec__fail(err, HEC_EINVAL, 0,
                         "'%.60s' does not say how many nodes; write 1, 4 or all", s);
    if (p->granted && n > p->granted)
        return hec__fail(err, HEC_EINVAL, 0, "%lu nodes are more than the %u of the job", n,
                         p->granted);
    p->wanted = (uint32_t)n;
    return 0;
}

int nodes_decide(const hec_topology *t, const char *nodes, nodes_plan *p, hec_error *err)
{
    const char *launch = getenv("HEC_MPI_LAUNCH");
    const hec_node *list;
    int r = 0;

    memset(p, 0, sizeof *p);
    p->granted = (uint32_t)hec_topology_nodes(t, &list);
    p->wanted = p->granted > 1 && !is_inside_step() ? p->granted : 1;
    if (launch && *launch)
        p->wanted = 0;
    if (!nodes)
        nodes = getenv("HEC_NODES");
    if (nodes && *nodes)
        r = parse_nodes(nodes, p, err);
    if (r < 0 || p->wanted == 1)
        return r;
    if (p->granted < 2 && !(launch && *launch)) {
        snprintf(p->why, sizeof p->why, "this is no batch job of several nodes");
        return 0;
    }
    p->many = own_path(p->agent, sizeof p->agent) && nodes_find_program(p) &&
              find_launcher(p, hec_topology_scheduler(t));
    return 0;
}
