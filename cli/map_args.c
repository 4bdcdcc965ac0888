/* SPDX-License-Identifier: MIT
 *
 * With which words a map or a sweep was asked for, in the file `args` of its run: the folder, and
 * each word of the command line behind the verb, with a NUL behind each. So it can be gone on with
 * by the name of the run alone.
 */
#include "exit.h"
#include "map_rows.h"
#include "out.h"
#include "resume.h"
#include "verbs.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARGS_MAX ((size_t)64 << 20) /* more than a command line can be */

static bool reads_stdin(const map_options *o)
{
    for (size_t i = 0; i < o->n_sources; i++)
        if (o->sources[i].file && strcmp(o->sources[i].file, "-") == 0)
            return true;
    return false;
}

static int write_whole(const char *path, const hec__strbuf *text, hec_error *err)
{
    HEC_AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    size_t done = 0;

    while (fd >= 0 && done < text->len) {
        ssize_t n = write(fd, text->data + done, text->len - done);

        if (n < 0 && errno != EINTR)
            break;
        done += n > 0 ? (size_t)n : 0;
    }
    if (fd < 0 || done < text->len || fdatasync(fd) < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot write '%.160s'", path);
    return 0;
}

int map_args_write(map_run *run, hec_error *err)
{
    const map_options *o = run->o;
    char path[PATH_MAX + 64], made[PATH_MAX + 96];
    HEC_AUTO_STR folder = getcwd(NULL, 0);
    HEC_AUTO_STRBUF text;
    int r;

    snprintf(path, sizeof path, "%s/args", hec_rundir_path(run->dir));
    snprintf(made, sizeof made, "%s.new", path);
    hec__strbuf_init(&text);
    if (!folder || reads_stdin(o)) {
        unlink(path); /* those of an earlier command, whose inputs were others */
        return 0;
    }
    hec__strbuf_add(&text, folder, strlen(folder) + 1);
    for (char *const *w = o->args; w && *w; w++)
        hec__strbuf_add(&text, *w, strlen(*w) + 1);
    if (text.failed)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for a run");
    r = write_whole(made, &text, err);
    if (r == 0 && rename(made, path) < 0)
        r = hec__fail(err, HEC_EIO, errno, "cannot write '%.160s'", path);
    return r;
}

/* ---- and back ---- */

static int read_whole(const hec_rundir *run, hec__strbuf *text)
{
    char path[PATH_MAX + 64], buf[8192];
    ssize_t n = 0;

    snprintf(path, sizeof path, "%s/args", hec_rundir_path(run));
    HEC_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    while (fd >= 0 && text->len < ARGS_MAX && (n = read(fd, buf, sizeof buf)) > 0)
        hec__strbuf_add(text, buf, (size_t)n);
    return fd >= 0 && n == 0 && text->len && !text->failed && !text->data[text->len - 1] ? 0 : -1;
}

/* The words of the text, which they are pieces of; NULL without memory. *ret_n: how many. */
static char **words_of(hec__strbuf *text, size_t *ret_n)
{
    char **all, *end = text->data + text->len;
    size_t n = 0;

    for (char *p = text->data; p < end; p += strlen(p) + 1)
        n++;
    all = calloc(n + 1, sizeof *all);
    n = 0;
    for (char *p = text->data; all && p < end; p += strlen(p) + 1)
        all[n++] = p;
    *ret_n = n;
    return all;
}

static int run_words(const hec_rundir *run, char **words, size_t n)
{
    const opt_verb *verb = strcmp(hec_rundir_kind(run), "sweep") == 0 ? &verb_sweep : &verb_map;
    char **args = calloc(n + 1, sizeof *args); /* in their order: to parse moves them */
    opt_args parsed;
    int status = STATUS_USAGE;

    if (!args) {
        out_complain("cannot resume the run: no memory");
        return STATUS_INTERNAL;
    }
    memcpy(args, words, n * sizeof *args);
    if (opt_parse(verb, (int)n, words, &parsed) == OPT_RUN) {
        parsed.args = args;
        parsed.values[MAP_OPT_RUN] = hec_rundir_path(run);
        parsed.values[MAP_OPT_RESUME] = NULL;
        status = verb->run(&parsed);
    }
    free(args);
    return status;
}

int resume_by_words(const hec_rundir *run)
{
    HEC_AUTO_STRBUF text;
    char **words = NULL;
    size_t n = 0;
    int status = STATUS_CONFIG;

    hec__strbuf_init(&text);
    if (read_whole(run, &text) < 0) {
        out_complain(
            "cannot resume the run %s: its inputs came from standard input, or an older hec "
            "made it",
            hec_rundir_id(run));
        out_hint("give the same command again, with --run=%s", hec_rundir_id(run));
        return STATUS_CONFIG;
    }
    words = words_of(&text, &n);
    if (!words)
        out_complain("cannot resume the run: no memory");
    else if (chdir(words[0]) < 0)
        out_complain("cannot resume the run %s: its folder '%.200s' is not there any more",
                     hec_rundir_id(run), words[0]);
    else
        status = run_words(run, words + 1, n - 1);
    free(words);
    return status;
}
