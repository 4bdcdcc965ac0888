/* SPDX-License-Identifier: MIT
 *
 * What the job of a run does besides its command: it says in the run's folder when it begins and
 * how it ends, in a file of its own, so that this is known where no scheduler tells.
 */
#include "batch/script.h"

#include <inttypes.h>

/* Grid Engine limits what a process may allocate: one that wants more is not killed but refused
 * it, and what it says of that is all that tells it from any other failure. */
static bool looks_for_refusal(const hec__script *s)
{
    return s->site->scheduler == HEC__SGE && s->q->run.outputs;
}

static void add_refusal(hec__script *s)
{
    hec__strbuf_addf(
        &s->out,
        "# Whether its errors say that it was refused memory.\n"
        "hec_errors=$HEC_RUN/err%s\n"
        "hec_before=$(wc -c 2>/dev/null <\"$hec_errors\" || echo 0)\n"
        "hec_was_refused()\n{\n"
        "    tail -c \"+$((hec_before + 1))\" \"$hec_errors\" 2>/dev/null | tail -c 4096 |\n"
        "        grep -q 'MemoryError\\|std::bad_alloc\\|annot allocate memory'\n}\n",
        s->q->n_ranges ? "${HEC_ARRAY_INDEX:+.$HEC_ARRAY_INDEX}" : "");
}

/* What the script says at its end. */
static void add_end(hec__script *s)
{
    bool refusal = looks_for_refusal(s);

    if (refusal)
        add_refusal(s);
    hec__strbuf_addf(
        &s->out,
        "# The CPU time of all that it has started and that has ended, \"1m2.345s 0m0.678s\".\n"
        "hec_end()\n{\n    hec_status=$?\n"
        "    # One that was only just forked from this shell may think that it ends it.\n"
        "    [ \"$BASHPID\" = \"$$\" ] || return 0\n"
        "    [ -z \"${hec_requeued:-}\" ] || return 0 # it will go on\n"
        "    # A signal that ends the script leaves the status of whatever came before.\n"
        "    [ \"$hec_status\" -ne 0 ] || [ -n \"${hec_over:-}\" ] || hec_status=143\n"
        "    hec_more=\n"
        "    if [ \"$hec_status\" -ne 0 ]; then\n"
        "        # A full disk, or no more of it for this user.\n"
        "        head -c 65536 /dev/zero 2>/dev/null >\"$hec_mark-cpu\" || hec_more=',\"full\":1'\n"
        "%s    fi\n"
        "    { times >\"$hec_mark-cpu\"; } 2>/dev/null && {\n        read -r hec_cpu\n        read "
        "-r hec_cpu\n"
        "    } <\"$hec_mark-cpu\"\n    rm -f \"$hec_mark-cpu\"\n"
        "    hec_say end "
        "\"$hec_more,\\\"cpu\\\":\\\"${hec_cpu:-}\\\",\\\"status\\\":$hec_status\"\n}\n"
        "# What is done is not done again when the run is resumed.\n"
        "if grep -qs '\"event\":\"end\".*\"status\":0}$' \"$hec_mark\"; then\n"
        "    exit 0\nfi\n"
        "trap hec_end EXIT\n"
        "trap 'exit 143' TERM\n",
        refusal ? "        ! hec_was_refused || hec_more=$hec_more',\"refused\":1'\n" : "");
}

void hec__script_marks(hec__script *s)
{
    const hec_request *q = s->q;
    hec__strbuf *out = &s->out;

    if (!q->run.dir)
        return;
    hec__strbuf_adds(out, "export HEC_RUN=");
    hec__shell_word(out, q->run.dir);
    hec__strbuf_adds(out, " HEC_RUN_ID=");
    hec__shell_word(out, q->run.id);
    if (q->run.code_of) {
        hec__strbuf_adds(out, " HEC_CODE_OF=");
        hec__shell_word(out, q->run.code_of);
    }
    hec__strbuf_addf(out, "\nhec_mark=$HEC_RUN/marks/%" PRIu32 "%s\n", s->number,
                     q->n_ranges ? "${HEC_ARRAY_INDEX:+.$HEC_ARRAY_INDEX}" : "");
    hec__strbuf_adds(out,
                     "# Adds a line to it: what happened.\n"
                     "hec_say()\n{\n"
                     "    printf '{\"time\":%(%s)T,\"event\":\"%s\"%s}\\n' -1 \"$1\" \"${2:-}\" "
                     ">>\"$hec_mark\" || :\n}\n");
    add_end(s);
    if (q->run.n_awaits == 0)
        hec__strbuf_adds(out, "hec_say begin \",\\\"host\\\":\\\"$HOSTNAME\\\",\\\"pid\\\":$$\"\n");
}

void hec__script_await(hec__script *s)
{
    const hec__of_run *run = &s->q->run;
    static const char *const hows[] = {"ok", "failed", "any"};

    if (!run->dir || run->n_awaits == 0)
        return;
    hec__strbuf_adds(
        &s->out,
        "# Whether process $1, which began at $2, is there.\n"
        "hec_lives()\n{\n"
        "    read -r hec_stat 2>/dev/null <\"/proc/$1/stat\" || return 1\n"
        "    # shellcheck disable=SC2086 # words\n"
        "    set -- \"$2\" ${hec_stat##*) }\n"
        "    [ \"$1\" = \"${21}\" ] && [ \"$2\" != Z ]\n}\n"
        "# Waits for the job of that process, which says in $4 how it ended, of the run $5.\n"
        "hec_await()\n{\n"
        "    hec_say waits \",\\\"run\\\":\\\"$5\\\"\"\n"
        "    while hec_lives \"$1\" \"$2\"; do\n        sleep 1\n    done\n"
        "    case $3:$(grep -s '\"event\":\"end\"' \"$4\" | tail -n 1) in\n"
        "    any:* | ok:*'\"status\":0}') ;;\n"
        "    failed:*'\"status\":0}' | ok:*)\n"
        "        hec_say skip \",\\\"run\\\":\\\"$5\\\"\"\n        exit 125\n        ;;\n"
        "    esac\n}\n"
        "if [ -z \"${HEC_ARRAY_INDEX:-}\" ]; then\n");
    for (size_t i = 0; i < run->n_awaits; i++) {
        const hec__await *a = &run->awaits[i];

        hec__strbuf_addf(&s->out, "    hec_await %" PRId64 " %" PRId64 " %s ", a->pid, a->born,
                         hows[a->how]);
        hec__shell_word(&s->out, a->marks);
        hec__strbuf_addc(&s->out, ' ');
        hec__shell_word(&s->out, a->run);
        hec__strbuf_addc(&s->out, '\n');
    }
    hec__strbuf_adds(&s->out,
                     "fi\nhec_say begin \",\\\"host\\\":\\\"$HOSTNAME\\\",\\\"pid\\\":$$\"\n");
}

/* Status 75 means: start me again. It has been warned, so that it is the limit that it stopped for.
 */
void hec__script_requeue(hec__script *s)
{
    const hec_request *q = s->q;
    enum hec__scheduler scheduler = s->site->scheduler;
    const char *count = scheduler == HEC__SLURM ? "${SLURM_RESTART_COUNT:-0}"
                        : scheduler == HEC__SGE
                            ? "$(grep -cs '\"event\":\"requeue\"' \"${hec_mark:-/dev/null}\" || :)"
                            : "${HEC_REQUEUES:-0}";

    /* Grid Engine does not tell a job how often it was begun: the marks of its run do. */
    if (!q->requeue || (scheduler == HEC__SGE && !q->run.dir))
        return;
    hec__strbuf_addf(&s->out,
                     "    if [ -n \"$hec_warned\" ] && [ \"$hec_status\" -eq 75 ] && [ \"%s\" -lt "
                     "%" PRIu32 " ]; then\n"
                     "        echo 'hec: it goes on from the queue' >&2\n%s",
                     count, q->requeue, q->run.dir ? "        hec_say requeue\n" : "");
    if (scheduler == HEC__LOCAL) {
        hec__strbuf_adds(&s->out, "        HEC_REQUEUES=$((${HEC_REQUEUES:-0} + 1)) exec \"$BASH\" "
                                  "\"$0\"\n");
    } else if (scheduler == HEC__SGE) {
        hec__strbuf_adds(&s->out, "        hec_requeued=1\n        exit 99 # puts it back\n");
    } else {
        hec__strbuf_adds(&s->out, "        hec_requeued=1\n        scontrol ");
        if (s->site->cluster)
            hec__strbuf_addf(&s->out, "-M %s ", s->site->cluster);
        hec__strbuf_adds(&s->out, "requeue \"$SLURM_JOB_ID\" && sleep 300 # it is ended meanwhile\n"
                                  "        hec_requeued=\n");
    }
    hec__strbuf_adds(&s->out, "    fi\n");
}
