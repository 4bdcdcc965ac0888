/* SPDX-License-Identifier: MIT
 *
 * What a job runs: where it begins, what is loaded and set, and the command. It is bash, which
 * every cluster has.
 */
#include "batch/script.h"

#include "base/error.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

/* The variable with an element's index, and the folder that a job was submitted from where it does
 * not begin there. */
static const struct {
    const char *index, *folder;
} variables[HEC__N_SCHEDULERS] = {
    [HEC__SLURM] = {"SLURM_ARRAY_TASK_ID", NULL},
    [HEC__SGE] = {"SGE_TASK_ID", NULL},
    [HEC__PBS] = {"PBS_ARRAY_INDEX", "PBS_O_WORKDIR"},
    [HEC__TORQUE] = {"PBS_ARRAYID", "PBS_O_WORKDIR"},
    [HEC__LSF] = {"LSB_JOBINDEX", NULL},
};

/* ---- quoting ---- */

static bool is_plain(const char *s)
{
    if (!*s || *s == '=' || *s == '~')
        return false;
    while (isalnum((unsigned char)*s) || (*s && strchr("_-+=.,/:@%", *s)))
        s++;
    return !*s;
}

static bool has_control(const char *s)
{
    while (*s && (unsigned char)*s >= 0x20 && *s != 0x7f)
        s++;
    return *s;
}

void hec__shell_word(hec__strbuf *out, const char *word)
{
    bool control = has_control(word);

    if (is_plain(word)) {
        hec__strbuf_adds(out, word);
        return;
    }
    hec__strbuf_adds(out, control ? "$'" : "'");
    for (const char *p = word; *p; p++) {
        unsigned char c = (unsigned char)*p;

        if (control && (c < 0x20 || c == 0x7f))
            hec__strbuf_addf(out, "\\%03o", c);
        else if (control && (c == '\'' || c == '\\'))
            hec__strbuf_addf(out, "\\%c", c);
        else if (c == '\'')
            hec__strbuf_adds(out, "'\\''");
        else
            hec__strbuf_addc(out, *p);
    }
    hec__strbuf_addc(out, '\'');
}

/* ---- before the command ---- */

static void add_folder(hec__script *s)
{
    const char *variable = variables[s->site->scheduler].folder, *dir = s->q->workdir;
    bool directive = !variable && s->site->scheduler != HEC__LOCAL; /* says it */
    const char *otherwise = " || exit\n";

    /* Slurm begins elsewhere where it is not there. */
    if (s->q->run.dir)
        otherwise = " || {\n    hec_say no-folder\n    exit 1\n}\n";
    else if (directive)
        return;
    if (dir) {
        hec__strbuf_adds(&s->out, directive ? "test -d " : "cd -- ");
        hec__shell_word(&s->out, dir);
        hec__strbuf_adds(&s->out, otherwise);
    } else if (variable) {
        hec__strbuf_addf(&s->out, "cd -- \"$%s\"%s", variable, otherwise);
    }
}

/* Opens one of the outputs. */
static int add_redirect(hec__script *s, const char *operator, const char * path, hec_error *err)
{
    int r = 0;

    hec__strbuf_addf(&s->out, " %s\"", operator);
    while (*path && r == 0) {
        size_t n = strcspn(path, " ");
        HEC_AUTO_STR piece = strndup(path, n);

        if (!piece)
            return hec__fail(err, HEC_ENOMEM, 0, "no memory for a job script");
        r = hec__output_name(s, piece, "$$", "$HEC_ARRAY_INDEX", &s->out, err);
        path += n;
        for (; *path == ' '; path++)
            hec__strbuf_addc(&s->out, ' ');
    }
    hec__strbuf_addc(&s->out, '"');
    return r;
}

/* Where no scheduler does it. */
static int add_output(hec__script *s, hec_error *err)
{
    const hec_request *q = s->q;
    int r = 0;

    if ((s->site->scheduler != HEC__LOCAL && !s->own_outputs) || (!q->output && !q->error))
        return 0;
    hec__strbuf_adds(&s->out, "exec");
    if (q->output)
        r = add_redirect(s, q->run.dir ? ">>" : ">", q->output, err);
    if (r == 0 && q->error)
        r = add_redirect(s, q->run.dir ? "2>>" : "2>", q->error, err);
    hec__strbuf_adds(&s->out, q->error ? "\n" : " 2>&1\n");
    return r;
}

static void add_setup(hec__script *s)
{
    const hec_request *q = s->q;

    /* Start-up files of a site are not written for `set -e`. */
    for (size_t i = 0; i < s->site->start.n; i++)
        hec__strbuf_addf(&s->out, "%s\n", s->site->start.all[i]);
    hec__strbuf_adds(&s->out, "set -e\n");
    if (q->modules.n) {
        hec__strbuf_adds(&s->out, s->site->module_command);
        for (size_t i = 0; i < q->modules.n; i++) {
            hec__strbuf_addc(&s->out, ' ');
            hec__shell_word(&s->out, q->modules.all[i]);
        }
        hec__strbuf_addc(&s->out, '\n');
    }
    for (size_t i = 0; i < q->env.n; i++) {
        const char *equals = strchr(q->env.all[i], '=');

        hec__strbuf_adds(&s->out, "export ");
        hec__strbuf_add(&s->out, q->env.all[i], (size_t)(equals + 1 - q->env.all[i]));
        hec__shell_word(&s->out, equals + 1);
        hec__strbuf_addc(&s->out, '\n');
    }
    for (size_t i = 0; i < q->setup.n; i++)
        hec__strbuf_addf(&s->out, "%s\n", q->setup.all[i]);
}

/* ---- arrays ---- */

/* The user's index of element number hec_k. */
static void add_mapping(hec__script *s)
{
    const hec_request *q = s->q;
    uint64_t before = 0;

    for (size_t i = 0; i < q->n_ranges; i++) {
        const hec__range *r = &q->ranges[i];
        uint64_t n = (r->last - r->first) / r->step + 1;

        if (q->n_ranges > 1 && i + 1 < q->n_ranges)
            hec__strbuf_addf(&s->out, "%s [ \"$hec_k\" -lt %" PRIu64 " ]; then\n    ",
                             i ? "elif" : "if", before + n);
        else if (q->n_ranges > 1)
            hec__strbuf_adds(&s->out, "else\n    ");
        hec__strbuf_addf(&s->out,
                         "HEC_ARRAY_INDEX=$((%" PRIu32 " + (hec_k - %" PRIu64 ") * %" PRIu32 "))\n",
                         r->first, before, r->step);
        before += n;
    }
    if (q->n_ranges > 1)
        hec__strbuf_adds(&s->out, "fi\n");
}

static void add_index(hec__script *s)
{
    const char *index = variables[s->site->scheduler].index;

    if (!s->q->n_ranges)
        return;
    if (!index) {
        hec__script_loop(s);
    } else if (s->part.mapped) {
        hec__strbuf_addf(&s->out, "hec_k=$((%s - %" PRIu32 " + %" PRIu64 "))\n", index,
                         s->part.first, s->part.skipped);
        add_mapping(s);
    } else {
        hec__strbuf_addf(&s->out, "HEC_ARRAY_INDEX=$%s\n", index);
    }
    hec__strbuf_adds(&s->out, "export HEC_ARRAY_INDEX\n");
}

/* ---- the command ---- */

/* What the command is started by, with a blank behind it. One start for each job: a scheduler is
 * not asked once for each task. */
static int add_launcher(hec__script *s, hec_error *err)
{
    const hec_request *q = s->q;
    const hec_site *site = s->site;
    const char *mpi = site->launch_mpi ? site->launch_mpi : "mpirun";
    uint64_t ranks = (uint64_t)q->nodes * q->cpus;

    if (q->launch == HEC__LAUNCH_MPI && strcmp(mpi, "srun") == 0)
        hec__strbuf_addf(&s->out, "srun --ntasks=%" PRIu64 " ", ranks);
    else if (q->launch == HEC__LAUNCH_MPI && site->scheduler == HEC__LOCAL)
        hec__strbuf_addf(&s->out, "%s -n %" PRIu64 " ", mpi, ranks);
    else if (q->launch == HEC__LAUNCH_MPI)
        hec__strbuf_addf(&s->out, "%s ", mpi);
    if (q->launch != HEC__LAUNCH_NODE || (q->nodes == 1 && site->scheduler != HEC__SLURM))
        return 0;
    if (site->launch_node)
        hec__strbuf_addf(&s->out, "%s ", site->launch_node);
    else if (site->scheduler == HEC__SLURM)
        hec__strbuf_addf(
            &s->out, "srun --nodes=%" PRIu32 " --ntasks=%" PRIu32 " --cpus-per-task=%" PRIu32 " ",
            q->nodes, q->nodes, q->cpus);
    else
        return hec__fail(err, HEC_EINVAL, 0,
                         "launch: the site file does not say how a program is started on each "
                         "node (launch: node); give --launch=once or --launch=mpi");
    return 0;
}

/* Which schedulers send SIGUSR1 before the end themselves, and which kill at the end. Grid Engine
 * has s_rt, but 8.1.9 was seen, with s_rt and h_rt given, to signal every process of the job twice,
 * not to keep h_rt afterwards, and of a job that was put back into the queue to kill the next
 * attempt at s_rt; -notify says by the same signal that the job is about to be suspended. */
static bool has_own_warning(const hec__script *s)
{
    return s->site->scheduler == HEC__SLURM || s->site->scheduler == HEC__LSF;
}

static bool has_own_end(const hec__script *s)
{
    return s->site->scheduler != HEC__LOCAL;
}

static bool keeps_memory(const hec__script *s)
{
    return s->site->scheduler == HEC__LOCAL && hec__script_keeps(s->q);
}

static bool needs_timer(const hec__script *s)
{
    return !has_own_warning(s) || !has_own_end(s);
}

static void add_warning(hec__script *s)
{
    const hec_request *q = s->q;

    if (needs_timer(s))
        hec__strbuf_adds(&s->out, "# Sends signal $2 to process $3 after $1 seconds.\n"
                                  "hec_after()\n{\n    hec_sleep=\n"
                                  "    trap 'kill \"$hec_sleep\" 2>/dev/null; exit' TERM\n"
                                  "    sleep \"$1\" &\n    hec_sleep=$!\n"
                                  "    wait \"$hec_sleep\"\n"
                                  "    kill -s \"$2\" \"$3\" 2>/dev/null\n}\n");
    hec__strbuf_addf(&s->out,
                     "# At SIGUSR1 the time limit is near: the command gets SIG%s.\n"
                     "hec_warn()\n{\n"
                     "    if [ -z \"$hec_pid\" ]; then\n"
                     "        hec_early=1 # it is only just being started\n"
                     "        return\n"
                     "    fi\n"
                     "%s    echo 'hec: the time limit is near, the command gets SIG%s' >&2\n"
                     "%s    kill -s %s \"$hec_pid\" 2>/dev/null || :\n",
                     q->warn_signal, q->requeue ? "    hec_warned=1\n" : "", q->warn_signal,
                     q->run.dir ? "    hec_say warned\n" : "", q->warn_signal);
    if (!has_own_end(s))
        hec__strbuf_addf(&s->out,
                         "    hec_after %" PRIu64 " KILL \"$hec_pid\" >/dev/null 2>&1 &\n"
                         "    hec_timer=$!\n",
                         q->warn_s);
    hec__strbuf_adds(&s->out, "}\n");
}

/* A function that runs the command under the warning. Where the scheduler sends SIGUSR1 to every
 * process of the job, a command that is to hear another signal starts with this one ignored: it
 * would die of it. */
static void add_runner(hec__script *s)
{
    const hec_request *q = s->q;
    bool warns = q->warn_s, timer = warns && needs_timer(s);
    bool deaf = warns && s->site->scheduler == HEC__LSF && strcmp(q->warn_signal, "USR1") != 0;

    hec__strbuf_addf(&s->out, "hec_run()\n{\n    hec_pid=\n%s%s", warns ? "    hec_early=\n" : "",
                     q->requeue ? "    hec_warned=\n" : "");
    if (timer)
        hec__strbuf_adds(&s->out, "    hec_timer=\n");
    if (warns)
        hec__strbuf_adds(&s->out, "    trap hec_warn USR1\n");
    hec__strbuf_addf(&s->out, "    trap %s TERM # the command hears it too, and is waited for\n",
                     q->run.dir ? "'hec_say terminated'" : ":");
    hec__strbuf_adds(&s->out, deaf ? "    (\n        trap '' USR1\n        exec \"$@\"\n    ) &\n"
                                   : "    \"$@\" &\n");
    hec__strbuf_addf(&s->out, "    hec_pid=$!\n%s",
                     warns ? "    [ -z \"$hec_early\" ] || hec_warn\n" : "");
    if (keeps_memory(s))
        hec__strbuf_addf(&s->out,
                         "    hec_keep \"$hec_pid\" %" PRIu64 " >/dev/null &\n"
                         "    hec_keeper=$!\n",
                         q->memory / 1024);
    if (warns && !has_own_warning(s))
        hec__strbuf_addf(&s->out,
                         "    hec_after %" PRIu64 " USR1 $$ >/dev/null 2>&1 &\n"
                         "    hec_timer=$!\n",
                         q->time_s - q->warn_s);
    hec__strbuf_adds(&s->out, "    while kill -0 \"$hec_pid\" 2>/dev/null; do\n"
                              "        wait \"$hec_pid\" || : # a signal ends it early\n"
                              "    done\n    hec_status=0\n"
                              "    wait \"$hec_pid\" || hec_status=$?\n");
    if (timer)
        hec__strbuf_adds(&s->out,
                         "    [ -z \"$hec_timer\" ] || kill \"$hec_timer\" 2>/dev/null || :\n");
    if (keeps_memory(s))
        hec__strbuf_adds(&s->out,
                         "    kill \"$hec_keeper\" 2>/dev/null || :\n"
                         "    wait \"$hec_keeper\" 2>/dev/null || : # it may have a word to say\n");
    hec__script_requeue(s);
    hec__strbuf_adds(&s->out, q->run.dir ? "    hec_over=1\n" : "");
    hec__strbuf_adds(&s->out, "    exit \"$hec_status\"\n}\n");
}

int hec__script_body(hec__script *s, hec_error *err)
{
    const hec_request *q = s->q;
    bool own = s->site->scheduler == HEC__LOCAL;
    bool runner = q->warn_s || q->run.dir || keeps_memory(s);
    int r;

    hec__strbuf_addc(&s->out, '\n');
    if (!q->run.dir)
        add_folder(s);
    if (own) {
        hec__script_marks(s); /* the script that begins its elements is not one of them */
        hec__script_await(s);
    }
    add_index(s);
    if (!own)
        hec__script_marks(s);
    if (q->run.dir)
        add_folder(s); /* that there is none is told too */
    r = add_output(s, err);
    if (r < 0)
        return r;
    add_setup(s);
    hec__strbuf_addc(&s->out, '\n');
    if (q->warn_s)
        add_warning(s);
    if (keeps_memory(s))
        hec__script_keeper(s);
    if (runner)
        add_runner(s);
    hec__strbuf_adds(&s->out, runner ? "hec_run " : "exec ");
    r = add_launcher(s, err);
    for (size_t i = 0; i < q->argc; i++) {
        if (i)
            hec__strbuf_addc(&s->out, ' ');
        hec__shell_word(&s->out, q->argv[i]);
    }
    hec__strbuf_addc(&s->out, '\n');
    return r;
}
