/* SPDX-License-Identifier: MIT
 *
 * Programs that are asked: what they print, how they end, and that they end.
 */
#include "sys/ask.h"

#include "base/cleanup.h"
#include "sys/clock.h"
#include "tap.h"

#include <errno.h>
#include <signal.h>

static hec_error err;

static int sh(const char *script, uint32_t timeout_ms, hec__answer *a)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    hec__question q = {.argv = argv, .timeout_ms = timeout_ms};

    return hec__ask(&q, a, &err);
}

static void test_answers(void)
{
    hec__answer a;

    ok(sh("echo out; echo err >&2; exit 3", 5000, &a) == 0 && a.exit_status == 3,
       "an exit status is no failure");
    is_str(a.out.data, "out\n", "the output");
    is_str(a.err.data, "err\n", "and the errors");
    hec__answer_fini(&a);
    ok(sh("kill -9 $$", 5000, &a) == 0 && a.exit_status == 128 + SIGKILL, "a signal is 128 + N");
    hec__answer_fini(&a);
    ok(sh("head -c 3000000 /dev/zero | tr '\\0' x", 20000, &a) == 0 && a.out.len == 3000000,
       "more than a pipe holds");
    hec__answer_fini(&a);
    ok(sh("cat", 5000, &a) == 0 && a.out.len == 0, "there is no input");
    hec__answer_fini(&a);
}

static void test_streams_left_open(void)
{
    hec__answer a;
    uint64_t t0 = hec__now_ns();

    ok(sh("sleep 20 & echo said", 10000, &a) == 0, "one that leaves a process behind");
    is_str(a.out.data, "said\n", "has said what it said");
    ok(hec__now_ns() - t0 < UINT64_C(10000000000), "and is not waited for");
    hec__answer_fini(&a);
}

static void test_deadline(void)
{
    hec__answer a;
    char path[] = "/tmp/hec-ask-XXXXXX", script[200];
    int fd = mkstemp(path), pid = 0;
    HEC_AUTO_FILE file = fd < 0 ? NULL : fdopen(fd, "r");

    snprintf(script, sizeof script, "sleep 30 & echo $! >%s; wait", path);
    ok(sh(script, 300, &a) == HEC_EAGAIN, "one that does not answer");
    is_str(err.text, "'sh' did not answer within 0.3 s", "is named");
    ok(file && fscanf(file, "%d", &pid) == 1 && pid > 0, "it had a child");
    for (int i = 0; i < 200 && kill(pid, 0) == 0; i++) {
        char stat[64], state = '?';
        HEC_AUTO_FILE f = NULL;

        snprintf(stat, sizeof stat, "/proc/%d/stat", pid);
        f = fopen(stat, "r");
        if (f && fscanf(f, "%*d %*s %c", &state) == 1 && state == 'Z')
            break;
        ok(i < 199, "which is killed with it");
        usleep(50000);
    }
    unlink(path);
}

static void test_failures(void)
{
    const char *none[] = {"hec-no-such-program", NULL}, *cat[] = {"cat", NULL};
    const char *env[] = {"sh", "-c", "echo ${HEC_A-unset} ${HEC_B-unset}; pwd", NULL};
    static const char *const changes[] = {"HEC_A=1", "HEC_B", NULL};
    hec__question q = {.argv = none};
    hec__answer a;

    ok(hec__ask(&q, &a, &err) == HEC_ENOENT, "a program that is not there");
    is_str(err.text, "cannot start 'hec-no-such-program': No such file or directory", "is named");
    q = (hec__question){.argv = cat, .input = "/no/such/file"};
    ok(hec__ask(&q, &a, &err) == HEC_EIO, "an input that is not there");
    q = (hec__question){.argv = cat, .cwd = "/no/such/folder"};
    ok(hec__ask(&q, &a, &err) == HEC_ENOENT, "nor a folder");
    is_str(err.text, "cannot go to '/no/such/folder': No such file or directory", "is named too");
    setenv("HEC_B", "2", 1);
    q = (hec__question){.argv = env, .cwd = "/", .changes = changes};
    ok(hec__ask(&q, &a, &err) == 0, "changes of the environment");
    is_str(a.out.data, "1 unset\n/\n", "are made, in the folder");
    hec__answer_fini(&a);
}

int main(void)
{
    test_answers();
    test_streams_left_open();
    test_deadline();
    test_failures();
    return done_testing();
}
