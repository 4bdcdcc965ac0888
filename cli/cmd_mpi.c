/* SPDX-License-Identifier: MIT
 *
 * hec mpi: what starts commands on many nodes. check says what would be used, build makes hec-mpi
 * by the MPI of this cluster, source prints what it is made of, agent is what runs on each node.
 */
#include "exit.h"
#include "nodes.h"
#include "out.h"
#include "verbs.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

HEC_AUTO_DEFINE(hec_topology, hec_topology_destroy)

/* Made of src/mpi/hec_mpi.c. */
extern const char mpi_source[];
extern const size_t mpi_source_size;

enum { OPT_MPICC, OPT_OUTPUT, OPT_NODES, N_OPTS };

static const opt_row rows[N_OPTS] = {
    [OPT_MPICC] = {"mpicc", "COMMAND", "the MPI compiler, instead of mpicc (build)"},
    [OPT_OUTPUT] = {"output", "FILE", "make this file (build)"},
    [OPT_NODES] = {"nodes", "N", "as of hec map: N, 1, all (check)"},
};

/* ---- check ---- */

static void print_launcher(const nodes_plan *p)
{
    printf("launcher     ");
    for (size_t i = 0; p->launcher[i]; i++)
        printf(" %s", p->launcher[i]);
    putchar('\n');
}

static int check(const char *nodes)
{
    HEC_AUTO(hec_topology) t = NULL;
    hec_error err;
    nodes_plan p;
    bool there;

    if (hec_topology_read(NULL, &t, &err) < 0)
        return out_error("tell what may be used", &err);
    if (nodes_decide(t, nodes, &p, &err) < 0) {
        out_complain("cannot understand --nodes: %s", err.text);
        return STATUS_USAGE;
    }
    printf("nodes         %" PRIu32 " granted\n", p.granted ? p.granted : 1);
    there = p.program[0] || nodes_find_program(&p);
    printf("hec-mpi       %s\n", p.program[0] ? p.program : "none");
    if (p.library[0])
        printf("MPI           %s\n", p.library);
    if (p.many)
        print_launcher(&p);
    if (p.many && p.wanted)
        printf("hec map       runs commands on %" PRIu32 " nodes\n", p.wanted);
    else if (p.many)
        printf("hec map       runs commands on all nodes that this starts\n");
    else
        printf("hec map       runs commands on this node%s%s\n", p.why[0] ? ": " : "", p.why);
    if (p.hint[0])
        out_hint("%s", p.hint);
    return there && (p.many || p.wanted == 1) ? STATUS_OK : STATUS_FAILED;
}

/* ---- build ---- */

static int make_folder_of(const char *path, hec_error *err)
{
    char folder[PATH_MAX];

    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0755) < 0 && errno != EEXIST)
            return hec__fail(err, HEC_EIO, errno, "'%.160s'", folder);
        *slash = '/';
    }
    return 0;
}

/* The compiler's words, from the option or the environment. */
static size_t split(char *line, const char **words, size_t most)
{
    size_t n = 0;

    for (char *save = NULL, *word = strtok_r(line, " \t", &save); word && n < most;
         word = strtok_r(NULL, " \t", &save))
        words[n++] = word;
    return n;
}

static int write_source(FILE *f)
{
    bool good = fwrite(mpi_source, 1, mpi_source_size, f) == mpi_source_size && fflush(f) == 0;

    return good ? 0 : -1;
}

/* Compiles to a name of its own beside the file, which it then becomes at once. */
static int compile(char *compiler, const char *output, char *said, size_t size)
{
    char from[] = "/tmp/hec-mpi-XXXXXX.c", made[PATH_MAX];
    const char *argv[40];
    size_t n = split(compiler, argv, 24);
    int fd = mkstemps(from, 2), status = -1;
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

    snprintf(said, size, "cannot write to /tmp");
    snprintf(made, sizeof made, "%.4000s.new", output);
    argv[n++] = "-std=c11";
    argv[n++] = "-O2";
    argv[n++] = "-o";
    argv[n++] = made;
    argv[n++] = from;
    argv[n] = NULL;
    if (f && write_source(f) == 0)
        status = nodes_ask(argv, said, size);
    if (f)
        fclose(f);
    if (fd >= 0)
        unlink(from);
    if (status == 0 && rename(made, output) < 0) {
        snprintf(said, size, "%s", strerror(errno));
        status = -1;
    }
    if (status != 0)
        unlink(made);
    return status;
}

static int build(const opt_args *args)
{
    const char *mpicc = args->values[OPT_MPICC];
    char output[PATH_MAX] = "", compiler[1024], first[PATH_MAX], said[8192], path[PATH_MAX];
    hec_error err = {0};
    const char *about[] = {output, "--about", NULL};

    snprintf(compiler, sizeof compiler, "%s", mpicc ? mpicc : "mpicc");
    snprintf(first, sizeof first, "%.*s", (int)strcspn(compiler, " \t"), compiler);
    if (!strchr(first, '/') && !nodes_in_path(first, path, sizeof path)) {
        out_complain("cannot build hec-mpi: there is no '%s' here", first);
        out_hint("load the module of an MPI ('module avail mpi'), or name its compiler with "
                 "--mpicc=COMMAND");
        return STATUS_CONFIG;
    }
    if (args->values[OPT_OUTPUT])
        snprintf(output, sizeof output, "%s", args->values[OPT_OUTPUT]);
    else if (!nodes_own_place(output, sizeof output)) {
        out_complain("cannot tell where hec-mpi is to be: there is no HOME");
        out_hint("say it with --output=FILE, and set HEC_MPI=FILE");
        return STATUS_USAGE;
    }
    if (make_folder_of(output, &err) < 0)
        return out_error("make a folder for hec-mpi", &err);
    if (compile(compiler, output, said, sizeof said) != 0) {
        out_complain("cannot build hec-mpi by '%s':\n%s", first, said);
        return STATUS_CONFIG;
    }
    /* Not every folder's programs may run, and an MPI may lack its libraries at run time. */
    if (strchr(output, '/') == NULL)
        snprintf(path, sizeof path, "./%.4000s", output), about[0] = path;
    if (nodes_ask(about, said, sizeof said) != 0) {
        out_complain("'%s' was built, but does not run: %s", output, said);
        return STATUS_CONFIG;
    }
    said[strcspn(said, "\n")] = ' ';
    said[strcspn(said, "\n")] = '\0';
    printf("%s: %s\n", output, said);
    return STATUS_OK;
}

/* ---- agent ---- */

static int agent(const char *number)
{
    hec_error err = {0};
    char *end;
    long fd = strtol(number, &end, 10);

    if (*end || end == number || fd < 3 || fd > INT_MAX) {
        out_complain("cannot be an agent: '%s' is no descriptor; hec-mpi starts it", number);
        return STATUS_USAGE;
    }
    return hec_nodes_agent((int)fd, &err) < 0 ? out_error("be the agent of this node", &err)
                                              : STATUS_OK;
}

static int run_mpi(const opt_args *args)
{
    const char *action = args->n_operands ? args->operands[0] : "check";
    const char *number = args->n_operands == 2 ? args->operands[1] : NULL;

    if (number ? strcmp(action, "agent") != 0 : strcmp(action, "agent") == 0)
        out_complain("cannot understand 'hec mpi %s%s%s'", action, number ? " " : "",
                     number ? number : "");
    else if (number)
        return agent(number);
    else if (strcmp(action, "check") == 0)
        return check(args->values[OPT_NODES]);
    else if (strcmp(action, "build") == 0)
        return build(args);
    else if (strcmp(action, "source") == 0)
        return write_source(stdout) == 0 ? STATUS_OK : STATUS_INTERNAL;
    else
        out_complain("cannot understand 'hec mpi %s': no such action", action);
    out_hint("write hec mpi check, build or source");
    return STATUS_USAGE;
}

const opt_verb verb_mpi = {
    .name = "mpi",
    .summary = "make ready for many nodes: what is used there, and how it is built",
    .operands = "[check|build|source]",
    .max_operands = 2,
    .rows = rows,
    .n_rows = N_OPTS,
    .run = run_mpi,
};
