/* SPDX-License-Identifier: MIT
 *
 * A job without a scheduler: its script, in a session of its own, so that neither the end of this
 * process nor of its terminal ends it. There is no daemon; the script itself keeps the time limit
 * and says how it ended.
 */
#include "base/error.h"
#include "run/jobs.h"
#include "sys/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* What comes back from the one who starts it. */
typedef struct told {
    int64_t pid;
    int32_t sys; /* errno of what failed; 0: nothing did */
} told;

/* What a job does not inherit: another job's place in an array, and another run. */
static bool is_dropped(const char *variable)
{
    return strncmp(variable, "HEC_ARRAY_INDEX=", 16) == 0 ||
           strncmp(variable, "HEC_RUN=", 8) == 0 || strncmp(variable, "HEC_REQUEUES=", 13) == 0 ||
           strncmp(variable, "HEC_RUN_ID=", 11) == 0 || strncmp(variable, "HEC_CODE_OF=", 12) == 0;
}

static char **make_environment(void)
{
    size_t n = 0, kept = 0;
    char **all;

    while (environ && environ[n])
        n++;
    all = calloc(n + 1, sizeof *all);
    for (size_t i = 0; all && i < n; i++)
        if (!is_dropped(environ[i]))
            all[kept++] = environ[i];
    return all;
}

/* From here on it may be the child of a process with threads: nothing but system calls. */

static void close_from(int first)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, first, ~0u, 0) == 0)
        return;
#endif
    for (int fd = first; fd < 1024; fd++)
        close(fd);
}

static void reset_signals(void)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t none;

    sigemptyset(&none);
    for (int sig = 1; sig < NSIG; sig++)
        (void)sigaction(sig, &plain, NULL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

__attribute__((noreturn)) static void become(const char *script, char **envp, const int streams[3],
                                             int report)
{
    char *const argv[] = {(char *)(uintptr_t) "/bin/bash", (char *)(uintptr_t)script, NULL};
    told say = {0};

    setsid();
    reset_signals();
    if (dup2(streams[0], 0) == 0 && dup2(streams[1], 1) == 1 && dup2(streams[2], 2) == 2 &&
        dup2(report, 3) == 3 && fcntl(3, F_SETFD, FD_CLOEXEC) == 0) {
        close_from(4);
        execve(argv[0], argv, envp);
    }
    say.sys = errno ? errno : EINVAL;
    (void)!write(3, &say, sizeof say);
    _exit(127);
}

/* In the middle: it ends at once, so that the job is nobody's child. */
__attribute__((noreturn)) static void hand_over(const char *script, char **envp,
                                                const int streams[3], int report)
{
    told say = {.pid = fork()};

    if (say.pid == 0)
        become(script, envp, streams, report);
    if (say.pid < 0)
        say.sys = errno;
    (void)!write(report, &say, sizeof say);
    _exit(0);
}

/* ---- here again ---- */

static int hear(int fd, int64_t *ret_pid, hec_error *err)
{
    told said;
    int64_t pid = 0;
    ssize_t n;

    /* Until the write end is closed: by the one in the middle, and by becoming bash. */
    for (;;) {
        n = read(fd, &said, sizeof said);
        if (n < 0 && errno == EINTR)
            continue;
        if (n != (ssize_t)sizeof said)
            break;
        if (said.sys)
            return hec__fail(err, HEC_ESYS, said.sys, "cannot start a job with /bin/bash");
        pid = said.pid;
    }
    if (pid <= 0)
        return hec__fail(err, HEC_ESYS, 0, "cannot start a job: nothing was heard of it");
    *ret_pid = pid;
    return 0;
}

static int start(const char *script, char **envp, const int streams[3], int64_t *ret_pid,
                 hec_error *err)
{
    HEC_AUTO_FD from = -1;
    int pipes[2], status;
    pid_t middle;

    if (pipe2(pipes, O_CLOEXEC) < 0)
        return hec__fail(err, HEC_ESYS, errno, "cannot make a pipe");
    from = hec__above_stdio(pipes[0]);
    pipes[1] = hec__above_stdio(pipes[1]);
    middle = from < 0 || pipes[1] < 0 ? -1 : fork();
    if (middle == 0)
        hand_over(script, envp, streams, pipes[1]);
    if (pipes[1] >= 0)
        close(pipes[1]);
    if (middle < 0)
        return hec__fail(err, HEC_ESYS, errno, "cannot start a job");
    while (waitpid(middle, &status, 0) < 0 && errno == EINTR)
        ;
    return hear(from, ret_pid, err);
}

int hec__local_start(const hec_rundir *run, const char *script, int64_t *ret_pid, hec_error *err)
{
    HEC_AUTO_FD in = hec__above_stdio(open("/dev/null", O_RDONLY | O_CLOEXEC));
    HEC_AUTO_FD out = -1;
    HEC_AUTO_FD errors = -1;
    HEC_AUTO_STRBUF path;
    char **envp;
    int r = hec__run_open_file(run, "out", O_WRONLY | O_APPEND | O_CREAT, &out, err);

    hec__strbuf_init(&path);
    if (r == 0)
        r = hec__run_open_file(run, "err", O_WRONLY | O_APPEND | O_CREAT, &errors, err);
    if (r == 0 && in < 0)
        r = hec__fail(err, HEC_ESYS, errno, "cannot open /dev/null");
    hec__strbuf_addf(&path, "%s/%s", run->path, script);
    envp = make_environment();
    if (r == 0 && (path.failed || !envp))
        r = hec__fail(err, HEC_ENOMEM, 0, "no memory to start a job");
    if (r == 0)
        /* A blocking stream is what a program expects. */
        r = fcntl(out, F_SETFL, O_APPEND) < 0 || fcntl(errors, F_SETFL, O_APPEND) < 0
                ? hec__fail(err, HEC_ESYS, errno, "cannot prepare the output of a job")
                : start(path.data, envp, (const int[]){in, out, errors}, ret_pid, err);
    free(envp);
    return r;
}
