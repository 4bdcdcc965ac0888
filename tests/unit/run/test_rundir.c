/* SPDX-License-Identifier: MIT
 *
 * Runs: made as one step, found by their names, refused where others could change them, removed.
 */
#include "run/run.h"

#include "fault.h"
#include "tap.h"

#include <fcntl.h>
#include <sys/stat.h>

static hec_error err;
static char work[64], home[96];

static char *in_work(const char *rest)
{
    static char path[4][256];
    static int i;

    i = (i + 1) % 4;
    snprintf(path[i], sizeof path[i], "%s/%s", work, rest);
    return path[i];
}

static hec_rundir *make(const char *path, const char *name)
{
    hec_rundir *run = NULL;

    if (hec_rundir_create(path, "job", name, "{\"cpus\":4,\"command\":[\"a b\",\"\\u2028\\n\"]}",
                          &run, &err) < 0)
        printf("# %s\n", err.text);
    return run;
}

static int code_of(const char *name)
{
    HEC_AUTO(hec_rundir) run = NULL;

    return hec_rundir_open(name, &run, &err);
}

static void test_made(void)
{
    HEC_AUTO(hec_rundir) run = make(NULL, "/usr/bin/My Model.py");
    HEC_AUTO(hec_rundir) again = NULL;
    const hec_value *command;
    struct stat st;

    if (!ok(run, "a run is made, with the home of runs"))
        return;
    ok(stat(hec_rundir_path(run), &st) == 0 && (st.st_mode & 07777) == 0700, "its folder is 0700");
    ok(fstatat(run->dir, "run.yaml", &st, 0) == 0 && (st.st_mode & 07777) == 0400,
       "run.yaml can only be read");
    ok(strlen(run->id) == 30 && strncmp(run->id + 13, "-my-model-py-", 13) == 0,
       "the id has time, name and chance: %s", run->id);
    is_str(hec_rundir_name(run), "/usr/bin/My Model.py", "the name as it was given");
    is_str(hec_rundir_kind(run), "job", "the kind");
    ok(hec__run_int(hec_rundir_asked(run), "cpus", 0) == 4, "what was asked");
    command = hec_value_get(hec_rundir_asked(run), "command");
    ok(command && command->count == 2, "a list of it");
    if (command && command->count == 2)
        is_str(command->as.items[1].as.text, "\xE2\x80\xA8\n", "with whatever characters");
    ok(hec_rundir_open(run->id, &again, &err) == 0, "it is opened by its id");
    ok(again && hec_rundir_created_ms(again) == hec_rundir_created_ms(run) && again->home == 1,
       "and is the same");
}

static void test_names(void)
{
    HEC_AUTO(hec_rundir) a = make(NULL, "one");
    HEC_AUTO(hec_rundir) b = make(NULL, "two");
    HEC_AUTO(hec_rundir) last = NULL;
    char text[HEC__RUN_ID_MAX + 8];

    if (!ok(a && b, "two runs"))
        return;
    if (ok(hec_rundir_open("last", &last, &err) == 0, "the last one"))
        is_str(hec_rundir_id(last), b->id, "is that which was made last");
    snprintf(text, sizeof text, "%.16s", a->id);
    ok(code_of(text) == 0, "the beginning of an id: %s", text);
    snprintf(text, sizeof text, "%.8s", a->id);
    ok(code_of(text) == HEC_EINVAL && strstr(err.text, "the beginning of"), "of several: %s",
       err.text);
    ok(code_of("2") == HEC_ENOENT && strstr(err.text, "hec list"), "too little of it");
    ok(code_of("20991231-none") == HEC_ENOENT, "none");
    ok(code_of("..") == HEC_ENOENT && code_of("") == HEC_ENOENT, "no id");
    ok(code_of("/nonexistent/run") == HEC_ENOENT, "no path");
    ok(code_of(work) == HEC_ENOENT && strstr(err.text, "no run.yaml"), "a folder that is no run");
    ok(code_of(a->path) == 0, "a path");
}

static void test_elsewhere(void)
{
    HEC_AUTO(hec_rundir) run = make(in_work("there"), "x");
    HEC_AUTO(hec_rundir) by_id = NULL;
    HEC_AUTO(hec_rundir) by_path = NULL;
    hec_rundir *none = NULL;

    if (!ok(run, "a run elsewhere"))
        return;
    is_str(run->path, in_work("there"), "lies there");
    ok(hec_rundir_open(run->id, &by_id, &err) == 0 && by_id->home == 2, "and is found by its id");
    ok(hec_rundir_open(in_work("there"), &by_path, &err) == 0 && by_path->home == 2, "and by path");
    ok(hec_rundir_create(in_work("there"), "job", "x", NULL, &none, &err) == HEC_EINVAL && !none,
       "what is there is not taken: %s", err.text);
    ok(hec_rundir_create(in_work("no/such/place"), "job", "x", NULL, &none, &err) == HEC_ENOENT,
       "no folder around it");
    ok(hec_rundir_create(in_work("y"), "job", "x", "[1]", &none, &err) < 0 &&
           access(in_work("y"), F_OK) < 0,
       "what is asked must be a map; nothing is left");
    ok(hec_rundir_remove(by_path, &err) == 0 && access(in_work("there"), F_OK) < 0, "removed");
    ok(code_of(run->id) == HEC_ENOENT, "also from the list");
}

static void test_others(void)
{
    HEC_AUTO(hec_rundir) run = make(NULL, "guarded");
    char path[256];

    if (!ok(run, "a run"))
        return;
    chmod(run->path, 0770);
    ok(code_of(run->id) == HEC_EPERM && strstr(err.text, "chmod go-w"), "others can write: %s",
       err.text);
    chmod(run->path, 0700);
    snprintf(path, sizeof path, "%s/run.yaml", run->path);
    chmod(path, 0622);
    ok(code_of(run->id) == HEC_EPERM, "to run.yaml");
    chmod(path, 0400);
    snprintf(path, sizeof path, "%s/state", run->path);
    ok(symlink("/dev/null", path) == 0 && hec_rundir_note(run, "x", NULL, &err) == HEC_EPERM,
       "a link in place of a file");
    chmod(home, 0777);
    ok(code_of(run->id) == HEC_EPERM && !make(NULL, "x") && err.code == HEC_EPERM,
       "to the home of runs");
    chmod(home, 0700);
    ok(code_of(run->id) == 0, "it is fine again");
}

static int remember(void *ctx, const hec_rundir_event *e)
{
    hec__strbuf *all = ctx;

    return hec__strbuf_addf(all, "%s:%s%s ", e->event,
                            hec__run_text(e->fields, "why") ? hec__run_text(e->fields, "why") : "",
                            e->time_ms > 1600000000000 ? "" : "?");
}

static void test_events(void)
{
    HEC_AUTO(hec_rundir) run = make(NULL, "events");
    HEC_AUTO_STRBUF all;
    int fd;

    hec__strbuf_init(&all);
    if (!ok(run, "a run"))
        return;
    ok(hec_rundir_events(run, remember, &all, &err) == 0 && all.len == 0, "nothing happened yet");
    ok(hec_rundir_note(run, "begin", NULL, &err) == 0 &&
           hec_rundir_note(run, "end", "{\"why\":\"a\\nb\"}", &err) == 0 &&
           hec_rundir_note(run, "last", "{}", &err) == 0,
       "three things happen");
    hec_rundir_events(run, remember, &all, &err);
    is_str(all.data, "begin: end:a\nb last: ", "and are told in order");
    fd = openat(run->dir, "state", O_WRONLY | O_APPEND | O_CLOEXEC);
    ok(write(fd, "{\"time\":1.5,\"ev", 15) == 15, "a line that was cut");
    close(fd);
    hec__strbuf_clear(&all);
    hec_rundir_events(run, remember, &all, &err);
    is_str(all.data, "begin: end:a\nb last: ", "is passed over");
    ok(hec_rundir_note(run, "more", NULL, &err) == 0, "the next one");
    hec__strbuf_clear(&all);
    hec_rundir_events(run, remember, &all, &err);
    is_str(all.data, "begin: end:a\nb last: more: ", "begins a line of its own");
}

static int count(void *ctx, const char *id, hec_rundir *run, const hec_error *why)
{
    int *n = ctx;

    (void)id;
    n[run ? 0 : 1]++;
    ok((run != NULL) != (why != NULL), "a run, or why not");
    return 0;
}

static int first_two(void *ctx, const char *id, hec_rundir *run, const hec_error *e)
{
    char *ids = ctx;

    (void)e;
    snprintf(ids + strlen(ids), 60, "%s ", run ? hec_rundir_name(run) : id);
    return 0;
}

static void test_latest(void)
{
    HEC_AUTO(hec_rundir) one = make(NULL, "many of it");
    HEC_AUTO(hec_rundir) two = make(NULL, "many of it");
    HEC_AUTO(hec_rundir) other = make(NULL, "many of");
    HEC_AUTO(hec_rundir) more = make(NULL, "many of it all");
    char ids[256] = "";

    ok(one && two && other && more && hec_rundir_latest("Many of it", first_two, ids, &err) == 0 &&
           strcmp(ids, "many of it many of it ") == 0,
       "runs of a name, and no others: %s", ids);
    ok(hec_rundir_latest("none", first_two, ids, &err) == 0 && strlen(ids) == 22, "or none");
}

static void test_list(void)
{
    HEC_AUTO(hec_rundir) run = make(NULL, "listed");
    int before[2] = {0, 0}, after[2] = {0, 0}, fd;
    char path[256];

    if (!ok(run && hec_rundir_list(count, before, &err) == 0, "a list"))
        return;
    snprintf(path, sizeof path, "%s/nothing", home);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/dangling", home);
    ok(symlink("/nonexistent", path) == 0, "a link that leads nowhere");
    snprintf(path, sizeof path, "%s/broken", home);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/broken/run.yaml", home);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ok(write(fd, "hec: 2\n", 7) == 7, "a run of a newer hec");
    close(fd);
    ok(hec_rundir_list(count, after, &err) == 0 && after[0] == before[0] && after[1] == 1,
       "only what is a run and cannot be read is told of: %d, %d", after[0], after[1]);
    mkdirat(run->dir, "deep", 0700);
    mkdirat(run->dir, "deep/er", 0500);
    fd = openat(run->dir, "deep/x", O_WRONLY | O_CREAT | O_CLOEXEC, 0400);
    close(fd);
    ok(symlinkat(work, run->dir, "deep/link") == 0 && hec_rundir_remove(run, &err) == 0,
       "a run with much in it is removed");
    ok(access(run->path, F_OK) < 0 && access(work, F_OK) == 0, "but not what its links lead to");
}

static void test_memory_runs_out(void)
{
    for (long n = 1;; n++) {
        hec_rundir *run = NULL, *again = NULL;
        HEC_AUTO_STRBUF all;
        int r;

        hec__strbuf_init(&all);
        fault_arm(n);
        r = hec_rundir_create(NULL, "job", "faults", "{\"a\":[1]}", &run, &err);
        if (r == 0)
            r = hec_rundir_note(run, "begin", NULL, &err);
        if (r == 0)
            r = hec_rundir_open(run->path, &again, &err);
        if (r == 0)
            r = hec_rundir_events(again, remember, &all, &err);
        hec_rundir_destroy(run);
        hec_rundir_destroy(again);
        if (!fault_disarm())
            break;
        if (r != HEC_ENOMEM && r != 0)
            ok(r == HEC_ENOMEM, "allocation %ld fails: it is said (%d: %s)", n, r, err.text);
    }
    ok(true, "every allocation was made to fail");
}

int main(void)
{
    char command[128];

    snprintf(work, sizeof work, "%s/hec-run.XXXXXX", access("/tmp", W_OK) == 0 ? "/tmp" : ".");
    if (!mkdtemp(work))
        return 99;
    snprintf(home, sizeof home, "%s/home/of/runs", work);
    setenv("HEC_RUNS", home, 1);
    test_made();
    test_names();
    test_elsewhere();
    test_others();
    test_events();
    test_latest();
    test_list();
    test_memory_runs_out();
    unsetenv("HEC_RUNS");
    unsetenv("XDG_DATA_HOME");
    unsetenv("HOME");
    ok(code_of("last") == HEC_ENOENT && strstr(err.text, "HEC_RUNS"), "no place: %s", err.text);
    setenv("HEC_RUNS", "relative", 1);
    ok(code_of("last") == HEC_EINVAL, "no absolute path: %s", err.text);
    snprintf(command, sizeof command, "rm -rf %s", work);
    ok(system(command) == 0, "all is removed");
    return done_testing();
}
