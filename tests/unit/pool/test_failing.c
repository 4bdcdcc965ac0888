/* SPDX-License-Identifier: MIT
 *
 * Every allocation and system call of a pool's parent fails once: a named error or success, and
 * nothing is left: no process, no descriptor, no memory (the leak checker sees that).
 */
#include "fault.h"
#include "fault_sys.h"
#include "squares.h"
#include "tap.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TASKS = 60 };

static int descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

static bool nobody_left(void)
{
    return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

/* A pool's whole life; returns 0 or the first error. The fault is over with it, so that what is
 * looked at is the pool's own way out. */
static int live(bool inherited, squares *s, hec_error *err)
{
    hec_runner runner = squares_runner(s);
    hec_pool_options o = {.workers = 3, .cpus = 2, .runner = &runner};
    hec_pool *p = NULL;
    hec_call *c = NULL;
    int r;

    o.capture_stderr = 1; /* the thread that comes of it allocates nothing */

    if (inherited) {
        o.inherit = &squares_ops;
        o.inherit_ctx = s;
        o.inherit_total = s->n;
    }
    r = hec_pool_create(&o, &p, err);
    if (r == 0 && !inherited)
        r = hec_call_open(p, &squares_ops, s, s->n, &c, err);
    while (r >= 0 && s->done < s->n)
        r = hec_pool_step(p, 1000, err);
    hec_pool_destroy(p, HEC_POOL_FINISH);
    return r < 0 ? r : 0;
}

static bool expected(int r, const squares *s, const hec_error *err)
{
    return r == 0 ? squares_right(s)
                  : (r == HEC_ENOMEM || r == HEC_ESYS || r == HEC_EIO) && err->text[0] && err->code;
}

static void allocations(bool inherited)
{
    unsigned char deeds[TASKS] = {[7] = BIG, [20] = RAISE, [33] = DIE_BY_SIGNAL, [40] = BIG};
    int before = descriptors(), bad = 0, errors = 0;
    long n;
    bool fired = true;

    for (n = 1; fired; n++) {
        squares s;
        hec_error err = {0};
        int r;

        squares_init(&s, TASKS, deeds);
        fault_arm(n);
        r = live(inherited, &s, &err);
        /* Workers inherit the countdown: it may be theirs that ended. */
        fired = fault_disarm() || r < 0;
        errors += r < 0;
        if (!expected(r, &s, &err) || !nobody_left()) {
            bad++;
            printf("# allocation %ld: %d %s\n", n, r, err.text);
            for (int i = 0; i < TASKS; i++)
                if (s.counts[i] != 1 || s.values[i] != (uint64_t)i * (uint64_t)i)
                    printf("# task %d: %d answers, verdict %d, %lu\n", i, s.counts[i],
                           s.verdicts[i], (unsigned long)s.values[i]);
        }
        squares_fini(&s);
        if (descriptors() != before) {
            bad++;
            printf("# allocation %ld: %d descriptors, not %d\n", n, descriptors(), before);
            before = descriptors();
        }
    }
    ok(bad == 0 && errors > 3, "%ld allocations fail one by one (%s), %d of them with an error",
       n - 2, inherited ? "inherited" : "sent", errors);
}

static void calls(enum fault_call call)
{
    unsigned char deeds[TASKS] = {[7] = BIG, [33] = DIE_BY_SIGNAL, [40] = BIG};
    int before = descriptors(), bad = 0, errors = 0;
    long n;
    bool fired = true;

    for (n = 1; fired && n < 1000; n++) {
        squares s;
        hec_error err = {0};
        int r;

        squares_init(&s, TASKS, deeds);
        fault_sys_arm(call, n, false);
        r = live(false, &s, &err);
        fired = fault_sys_disarm();
        errors += r < 0;
        if (!expected(r, &s, &err) || !nobody_left()) {
            bad++;
            printf("# %s %ld: %d %s\n", fault_call_names[call], n, r, err.text);
        }
        squares_fini(&s);
        if (descriptors() != before) {
            bad++;
            printf("# %s %ld: %d descriptors, not %d\n", fault_call_names[call], n, descriptors(),
                   before);
            before = descriptors();
        }
    }
    ok(bad == 0 && (n > 2 || call == FAULT_fallocate64),
       "%ld calls of %s fail one by one, %d of them with an error", n - 2, fault_call_names[call],
       errors);
}

static void fewer_workers(void)
{
    hec_error err = {0};
    hec_pool *p = NULL;
    hec_call *c;
    squares s;
    hec_runner runner = squares_runner(NULL);
    hec_pool_options o = {.workers = 4, .cpus = 2, .runner = &runner};

    squares_init(&s, 1000, NULL);
    fault_sys_arm(FAULT_fork, 3, true);
    ok(hec_pool_create(&o, &p, &err) == 0 && hec_pool_workers(p) == 2 && err.code == 0,
       "when only two of four workers can be forked, two are there, and that is no error %s",
       err.text);
    hec_call_open(p, &squares_ops, &s, s.n, &c, &err);
    ok(squares_finish(p, &s, &err) && squares_right(&s) && hec_pool_workers(p) == 2,
       "and do the work %s", err.text);
    hec_call_close(c);
    fault_sys_disarm();
    squares_fini(&s);
    /* The pool does not ask for processes again at once: calls until it has them, or for too long.
     */
    for (int i = 0; i < 100 && hec_pool_workers(p) < 4; i++) {
        nanosleep(&(struct timespec){0, 20000000}, NULL);
        squares_init(&s, 1000, NULL);
        hec_call_open(p, &squares_ops, &s, s.n, &c, &err);
        ok(squares_finish(p, &s, &err) && squares_right(&s), "work goes on meanwhile %s", err.text);
        hec_call_close(c);
        squares_fini(&s);
    }
    ok(hec_pool_workers(p) == 4, "the others join once they can");
    hec_pool_destroy(p, HEC_POOL_FINISH);
    fault_sys_arm(FAULT_fork, 1, true);
    p = NULL;
    ok(hec_pool_create(&o, &p, &err) == HEC_ESYS && !p && err.sys == EAGAIN,
       "with none at all there is no pool: %s", err.text);
    fault_sys_disarm();
}

int main(void)
{
    alarm(150);
    descriptors();
    fewer_workers();
    allocations(false);
    allocations(true);
    for (int call = 0; call < FAULT_CALLS_N; call++)
        calls((enum fault_call)call);
    ok(nobody_left(), "no child is left");
    return done_testing();
}
