/* SPDX-License-Identifier: MIT
 *
 * What is known of a death: what the worker last wrote, where it was, what it had used, and whether
 * the kernel killed it for want of memory. And how a task ran that did not die.
 */
#include "trial.h"
#include "tap.h"

#include "sys/clock.h"
#include "sys/forkable.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AT = 23, N = 60 };

#define MB UINT64_C(1000000)
#define MS UINT64_C(1000000)

static void nap_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static void say(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        _exit(99);
}

/* A sanitizer would catch it, and exit. */
static void die(int sig)
{
    signal(sig, SIG_DFL);
    raise(sig);
}

/* Descriptor 2 of this process is a file, or whatever it is given, while a function runs. */
static int swap_stderr(int fd)
{
    int before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);

    dup2(fd, STDERR_FILENO);
    return before;
}

static void put_back(int before)
{
    dup2(before, STDERR_FILENO);
    close(before);
}

static bool speaks(hec_worker *w, uint64_t i)
{
    char line[32];

    snprintf(line, sizeof line, "task %d\n", (int)i);
    say(line);
    if (i == AT) {
        say("last words\n");
        die(SIGSEGV);
    }
    return true;
}

static bool has_warden(void)
{
    hec__thread threads[16];
    int n = hec__other_threads(threads, 16);

    for (int i = 0; i < n && i < 16; i++)
        if (strcmp(threads[i].name, "hec-warden") == 0)
            return true;
    return false;
}

static void last_words(bool inherited)
{
    char text[65536] = "", line[32];
    int fd = memfd_create("stderr", MFD_CLOEXEC), before = swap_stderr(fd), missing = 0;
    trial t;

    trial_init(&t, N, speaks);
    t.options.capture_stderr = 1;
    t.reply_singly = true;
    trial_start(&t, inherited);
    ok(trial_finish(&t) && trial_right(&t, HEC_TASK_DONE, AT, HEC_TASK_KILLED) &&
           t.death.detail == SIGSEGV,
       "a crash is one task's %s", t.err.text);
    ok(pread(fd, text, sizeof text - 1, 0) > 0, "something was written");
    ok(has_warden(), "by a thread that says whose it is");
    for (int i = 0; i < N; i++) {
        snprintf(line, sizeof line, "task %d\n", i);
        missing += !strstr(text, line);
    }
    ok(missing == 0 && strstr(text, "last words\n"),
       "when all is answered, all that workers wrote is where the parent writes (%d missing)",
       missing);
    ok(strlen(t.tail) >= 19 && strcmp(t.tail + strlen(t.tail) - 19, "task 23\nlast words\n") == 0,
       "and the death has the last of it");
    put_back(before);
    close(fd);
    trial_fini(&t);
}

static bool floods(hec_worker *w, uint64_t i)
{
    char block[1000];

    memset(block, 'a' + (int)i, sizeof block - 1);
    block[sizeof block - 1] = '\n';
    for (int k = 0; k < 300; k++)
        if (write(STDERR_FILENO, block, sizeof block) < 0)
            return false;
    if (i == 3)
        die(SIGKILL);
    return true;
}

static void floods_pass(void)
{
    int fd = memfd_create("stderr", MFD_CLOEXEC), before = swap_stderr(fd);
    struct stat st;
    trial t;

    trial_init(&t, 8, floods);
    t.options.capture_stderr = 1;
    trial_start(&t, false);
    ok(trial_finish(&t) && trial_right(&t, HEC_TASK_DONE, 3, HEC_TASK_KILLED) &&
           fstat(fd, &st) == 0 && st.st_size == 8 * 300000,
       "much is passed on as well %s", t.err.text);
    ok(strlen(t.tail) == 4096 && strspn(t.tail, "d\n") == 4096, "of it 4 KiB are kept");
    put_back(before);
    close(fd);
    trial_fini(&t);
}

static bool speaks_little(hec_worker *w, uint64_t i)
{
    say("x");
    return true;
}

/* Nobody reads descriptor 2, and it is full. */
static void nobody_reads(bool closed)
{
    int ends[2], before;
    char block[4096] = "";
    uint64_t began;
    trial t;

    ok(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "a pipe");
    while (write(ends[1], block, sizeof block) > 0)
        continue;
    fcntl(ends[1], F_SETFL, 0);
    if (closed)
        close(ends[0]);
    before = swap_stderr(ends[1]);
    close(ends[1]);
    trial_init(&t, 1000, speaks_little);
    t.options.capture_stderr = 1;
    trial_start(&t, false);
    ok(trial_finish(&t) && trial_right(&t, HEC_TASK_DONE, UINT64_MAX, 0),
       "where descriptor 2 is %s, work goes on %s", closed ? "a pipe that nobody reads" : "full",
       t.err.text);
    began = hec__now_ns();
    trial_fini(&t);
    ok(hec__now_ns() - began < 20000 * MS, "and the pool ends");
    put_back(before);
    if (!closed)
        close(ends[0]);
}

static bool at_stderr(hec_worker *w, uint64_t i)
{
    return write(STDERR_FILENO, "", 0) == 0;
}

static void closed_stderr(void)
{
    int before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    trial t;

    close(STDERR_FILENO);
    trial_init(&t, 4, at_stderr);
    t.options.capture_stderr = 1;
    trial_start(&t, false);
    ok(trial_finish(&t) && trial_right(&t, HEC_TASK_RAISED, UINT64_MAX, 0),
       "where descriptor 2 is closed, it stays so %s", t.err.text);
    trial_fini(&t);
    put_back(before);
}

/* A process that outlives the worker goes on writing. */
static bool leaves_child(hec_worker *w, uint64_t i)
{
    if (i != 1)
        return true;
    if (fork() == 0) {
        while (kill(getppid(), 0) == 0 && getppid() != 1)
            nap_ms(5);
        for (int k = 0; k < 100; k++, nap_ms(10))
            say("still here\n");
        _exit(0);
    }
    die(SIGKILL);
    return true;
}

static void outlived(void)
{
    char text[65536] = "";
    int fd = memfd_create("stderr", MFD_CLOEXEC), before = swap_stderr(fd);
    trial t;

    trial_init(&t, 4, leaves_child);
    t.options.capture_stderr = 1;
    trial_start(&t, false);
    ok(trial_finish(&t), "a worker died %s", t.err.text);
    for (int i = 0; i < 1000 && !strstr(text, "still here\n"); i++, nap_ms(10))
        if (pread(fd, text, sizeof text - 1, 0) < 0)
            break;
    ok(strstr(text, "still here\n"), "what its child writes is still passed on");
    put_back(before);
    close(fd);
    trial_fini(&t);
}

/* ---- stacks ---- */

static int report_fd;

static void on_usr2(int sig)
{
    if (write(report_fd, "here\n", 5) < 0)
        _exit(98);
}

static void start(void *ctx, uint32_t worker, int report)
{
    struct sigaction sa = {.sa_handler = on_usr2, .sa_flags = SA_RESTART};

    report_fd = report;
    sigaction(SIGUSR2, &sa, NULL);
    for (int i = 1; i < 32; i++) /* a sanitizer's */
        if (i == SIGSEGV || i == SIGABRT)
            signal(i, SIG_DFL);
}

static __attribute__((noinline)) uint64_t deep(uint64_t n)
{
    volatile char block[1024];

    block[n % 1024] = 1;
    return n == 0 ? 0 : deep(n + 1) + (uint64_t)block[n % 1024];
}

static bool overflows(hec_worker *w, uint64_t i)
{
    return i != AT || deep(1) > 0;
}

static bool faults(hec_worker *w, uint64_t i)
{
    static int *volatile nowhere = (int *)8;

    if (i == AT)
        *nowhere = 1;
    return true;
}

static bool aborts(hec_worker *w, uint64_t i)
{
    if (i == AT)
        abort();
    return true;
}

static bool sleeps(hec_worker *w, uint64_t i)
{
    if (i == AT)
        for (;;)
            pause();
    return true;
}

static void stacks(const char *what, bool (*task)(hec_worker *w, uint64_t i), int sig)
{
    trial t;

    trial_init(&t, N, task);
    t.runner.start = start;
    trial_start(&t, false);
    ok(trial_finish(&t) && trial_right(&t, HEC_TASK_DONE, AT, HEC_TASK_KILLED) &&
           t.death.detail == sig,
       "%s is told as what it is %s", what, t.err.text);
#ifdef __GLIBC__
    ok(strstr(t.c_stack, "test_pool_death"), "with the C stack");
#else
    ok(!*t.c_stack, "without the C stack");
#endif
    trial_fini(&t);
}

static void asked(void)
{
    hec_limits limits = {.timeout_ns = 200 * MS};
    trial t;

    trial_init(&t, N, sleeps);
    t.runner.start = start;
    t.runner.stack_signal = SIGUSR2;
    trial_start(&t, false);
    hec_call_set_limits(t.call, &limits);
    ok(trial_finish(&t) && trial_right(&t, HEC_TASK_DONE, AT, HEC_TASK_TIMED_OUT),
       "with a stack signal, too, time is up %s", t.err.text);
    is_str(t.python_stack, "here\n", "and the runner has said where it was");
#ifdef __GLIBC__
    ok(strstr(t.c_stack, "pause") || strstr(t.c_stack, "sleeps"), "and so has the engine");
#endif
    trial_fini(&t);
}

/* ---- usage ---- */

static bool burns(hec_worker *w, uint64_t i)
{
    uint64_t end = hec__now_ns() + 30 * MS;
    char *p;

    if (i == 5) {
        p = malloc(50 * MB);
        if (p)
            memset(p, 1, 50 * MB);
        __asm__ volatile("" ::"r"(p) : "memory"); /* the compiler would leave all of it out */
        free(p);
    }
    while (i % 2 && hec__now_ns() < end)
        continue;
    if (i == 7)
        die(SIGKILL);
    return i != 6;
}

static uint64_t since_1970(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000 * MS + (uint64_t)ts.tv_nsec;
}

static void usages(bool inherited)
{
    uint64_t before = since_1970();
    const hec_usage *u;
    int bad = 0;
    trial t;

    trial_init(&t, 8, burns);
    t.options.inherit_measured = 1;
    trial_start(&t, inherited);
    if (!inherited)
        hec_call_set_measured(t.call);
    ok(trial_finish(&t), "measured, %s %s", inherited ? "inherited" : "sent", t.err.text);
    u = t.usages;
    for (int i = 0; i < 8; i++)
        bad += u[i].started_ns + MS < before || u[i].started_ns > since_1970() + MS ||
               u[i].pid <= 0 || u[i].attempt != 1 ||
               (i % 2 && (u[i].duration_ns < 30 * MS || u[i].cpu_ns == 0 ||
                          u[i].cpu_ns > u[i].duration_ns + 20 * MS)) ||
               (i % 2 && u[i].max_rss < MB);
    ok(bad == 0, "each result, failure and death says when, how long, on what CPU time");
    ok(u[5].max_rss > 50 * MB, "and how much memory");
    trial_fini(&t);
}

static bool nothing(hec_worker *w, uint64_t i)
{
    return true;
}

static void many_usages(void)
{
    uint64_t missing = 0;
    trial t;

    trial_init(&t, 20000, nothing);
    t.options.inherit_measured = 1;
    trial_start(&t, true);
    ok(trial_finish(&t) && trial_right(&t, HEC_TASK_DONE, UINT64_MAX, 0), "many %s", t.err.text);
    for (int i = 0; i < 20000; i++)
        missing += t.usages[i].pid == 0 || t.usages[i].started_ns == 0;
    ok(missing == 0, "each of many small tasks is measured (%d missing)", (int)missing);
    trial_fini(&t);
}

/* ---- one of ten thousand ---- */

static int deed;

static bool one_of_many(hec_worker *w, uint64_t i)
{
    if (i != 7777)
        return true;
    if (deed == 0)
        die(SIGSEGV);
    if (deed == 1)
        _exit(3);
    if (deed == 2)
        kill(getpid(), SIGKILL);
    if (deed == 3)
        deep(1);
    for (;;)
        continue;
}

static void only_that_task(int which)
{
    static const char *const names[] = {"SIGSEGV", "_exit()", "SIGKILL", "an overflow of the stack",
                                        "an endless loop"};
    int want = which == 1 ? HEC_TASK_EXITED : which == 4 ? HEC_TASK_TIMED_OUT : HEC_TASK_KILLED;
    trial t;

    deed = which;
    trial_init(&t, 10000, one_of_many);
    t.runner.start = start;
    t.options.capture_stderr = 1;
    if (which == 4)
        t.options.inherit_limits.timeout_ns = 1000 * MS;
    trial_start(&t, which % 2 == 0);
    ok(trial_finish(&t) && trial_right(&t, HEC_TASK_DONE, 7777, want) && t.deaths == 1,
       "%s in one of 10,000 tasks: the others are done %s", names[which], t.err.text);
    trial_fini(&t);
}

/* ---- out of memory ---- */

static bool never_enough(hec_worker *w, uint64_t i)
{
    for (int k = 0; i == AT && k < 400; k++) {
        char *p = malloc(MB);

        if (p)
            memset(p, 1, MB);
    }
    return true;
}

static bool write_to(const char *dir, const char *name, const char *text)
{
    char path[4200];
    int fd;
    bool well;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    well = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return well;
}

/* A control group of this process's own, with 200 MB. False: none can be made here. */
static bool enter_small_group(char *dir, size_t size)
{
    static const char *const roots[] = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup"};
    char pid[16];

    snprintf(pid, sizeof pid, "%d", (int)getpid());
    for (int i = 0; i < 2; i++) {
        snprintf(dir, size, "%s/hec-test-%s", roots[i], pid);
        if (mkdir(dir, 0700) < 0)
            continue;
        write_to(dir, "memory.swap.max", "0");
        if ((write_to(dir, "memory.limit_in_bytes", "200000000") ||
             write_to(dir, "memory.max", "200000000")) &&
            write_to(dir, "cgroup.procs", pid))
            return true;
        rmdir(dir);
    }
    return false;
}

static int out_of_memory_inside(void)
{
    trial t;
    bool right;

    trial_init(&t, N, never_enough);
    trial_start(&t, false);
    right = trial_finish(&t) && trial_right(&t, HEC_TASK_DONE, AT, HEC_TASK_OUT_OF_MEMORY) &&
            t.death.detail == SIGKILL;
    if (!right)
        printf("# verdict %d, signal %d: %s\n", t.verdicts[AT], t.death.detail, t.err.text);
    trial_fini(&t);
    deed = 2;
    trial_init(&t, 10000, one_of_many);
    trial_start(&t, false);
    if (!trial_finish(&t) || !trial_right(&t, HEC_TASK_DONE, 7777, HEC_TASK_KILLED)) {
        printf("# a plain SIGKILL afterwards: verdict %d\n", t.verdicts[7777]);
        right = false;
    }
    trial_fini(&t);
    fflush(stdout);
    return right ? 0 : 1;
}

static void out_of_memory(void)
{
    char dir[4096];
    int status = -1;
    pid_t pid;

    pid = fork();
    if (pid == 0)
        _exit(enter_small_group(dir, sizeof dir) ? out_of_memory_inside() : 77);
    waitpid(pid, &status, 0);
    for (int i = 0; i < 2; i++) {
        snprintf(dir, sizeof dir, "%s/hec-test-%d", i ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory",
                 (int)pid);
        for (int k = 0; k < 200 && rmdir(dir) < 0 && errno == EBUSY; k++)
            nap_ms(10);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        ok(true, "out of memory # SKIP hardware: no memory control group may be made here");
    else
        ok(status == 0, "who is killed for want of memory is told from who is killed (%d)", status);
}

int main(void)
{
    alarm(150);
    out_of_memory();
    last_words(false);
    last_words(true);
    floods_pass();
    nobody_reads(false);
    nobody_reads(true);
    closed_stderr();
    outlived();
    stacks("a fault", faults, SIGSEGV);
    stacks("an overflow of the stack", overflows, SIGSEGV);
    stacks("abort()", aborts, SIGABRT);
    asked();
    usages(false);
    usages(true);
    many_usages();
    for (int which = 0; which < 5; which++)
        only_that_task(which);
    ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "no child is left");
    return done_testing();
}
