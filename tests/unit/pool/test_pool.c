/* SPDX-License-Identifier: MIT
 *
 * A pool does what its header says: every task once, in any mix of calls and sizes.
 */
#include "squares.h"
#include "tap.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>

static hec_pool *make(uint32_t workers, squares *inherited)
{
    hec_runner runner = squares_runner(inherited);
    hec_pool_options o = {.workers = workers, .runner = &runner};
    hec_error err = {0};
    hec_pool *p = NULL;

    if (inherited) {
        o.inherit = &squares_ops;
        o.inherit_ctx = inherited;
        o.inherit_total = inherited->n;
    }
    if (hec_pool_create(&o, &p, &err) < 0)
        printf("# create: %s\n", err.text);
    return p;
}

static void inherited_call(uint32_t workers, uint64_t n)
{
    squares s;
    hec_error err = {0};
    hec_pool *p;

    squares_init(&s, n, NULL);
    p = make(workers, &s);
    ok(p && squares_finish(p, &s, &err) && squares_right(&s),
       "%u workers answer %llu inherited tasks, each once %s", workers, (unsigned long long)n,
       err.text);
    ok(s.packed == 0, "nothing of an inherited call is packed");
    hec_pool_destroy(p, HEC_POOL_FINISH);
    squares_fini(&s);
}

static void sent_call(uint32_t workers, uint64_t n, int repeats)
{
    hec_error err = {0};
    hec_pool *p = make(workers, NULL);
    bool good = p != NULL;

    for (int i = 0; i < repeats && good; i++) {
        squares s;
        hec_call *c = NULL;

        squares_init(&s, n, NULL);
        good = hec_call_open(p, &squares_ops, &s, n, &c, &err) == 0 &&
               squares_finish(p, &s, &err) && squares_right(&s) && s.packed >= n &&
               s.shared_packed <= workers;
        hec_call_close(c);
        squares_fini(&s);
    }
    ok(good, "%u workers answer %d x %llu sent tasks, each once %s", workers, repeats,
       (unsigned long long)n, err.text);
    hec_pool_destroy(p, HEC_POOL_FINISH);
}

static void two_calls_and_growth(void)
{
    squares a, b;
    hec_call *ca = NULL, *cb = NULL;
    hec_error err = {0};
    hec_pool *p = make(2, NULL);

    squares_init(&a, 1000, NULL);
    squares_init(&b, 3000, NULL);
    ok(hec_call_open(p, &squares_ops, &a, 500, &ca, &err) == 0 &&
           hec_call_open(p, &squares_ops, &b, 3000, &cb, &err) == 0,
       "two calls may be open at once");
    while (a.done < 500 && hec_pool_step(p, 1000, &err) >= 0)
        continue;
    ok(a.done == 500, "a call's tasks are answered as far as they exist");
    hec_call_extend(ca, 1000);
    ok(squares_finish(p, &a, &err) && squares_finish(p, &b, &err), "a call may grow");
    ok(squares_right(&a) && squares_right(&b), "calls are not mixed up");
    hec_call_close(ca);
    hec_call_close(cb);
    hec_pool_destroy(p, HEC_POOL_FINISH);
    squares_fini(&a);
    squares_fini(&b);
}

static void big_results(bool inherited)
{
    unsigned char deeds[64];
    squares s;
    hec_call *c = NULL;
    hec_error err = {0};
    hec_pool *p;

    memset(deeds, BIG, sizeof deeds);
    squares_init(&s, sizeof deeds, deeds);
    p = make(2, inherited ? &s : NULL);
    if (!inherited)
        hec_call_open(p, &squares_ops, &s, s.n, &c, &err);
    ok(squares_finish(p, &s, &err) && squares_right(&s), "large results arrive (%s) %s",
       inherited ? "inherited" : "sent", err.text);
    ok(s.views[63].size == BIG_BYTES && ((unsigned char *)s.views[63].data)[BIG_BYTES - 1] == 0x5a,
       "a view shows all bytes of its block");
    memset(s.views[5].data, 1, BIG_BYTES);
    ok(((unsigned char *)s.views[6].data)[100] == 0x5a, "a view may be written to, others are not");
    ok(hec_pool_memory(p) >= 64 * BIG_BYTES, "memory in use is counted");
    for (int i = 0; i < 60; i++)
        hec_view_release(&s.views[i]);
    hec_pool_destroy(p, HEC_POOL_FINISH);
    ok(((unsigned char *)s.views[62].data)[BIG_BYTES - 1] == 0x5a, "a view outlives its pool");
    squares_fini(&s);
}

static void close_while_running(void)
{
    unsigned char deeds[200];
    squares s, t;
    hec_call *c = NULL, *d = NULL;
    hec_error err = {0};
    hec_pool *p = make(2, NULL);

    memset(deeds, SLEEP_1MS, sizeof deeds);
    squares_init(&s, sizeof deeds, deeds);
    squares_init(&t, 100, NULL);
    hec_call_open(p, &squares_ops, &s, s.n, &c, &err);
    while (s.done < 10 && hec_pool_step(p, 1000, &err) >= 0)
        continue;
    hec_call_close(c);
    hec_call_open(p, &squares_ops, &t, t.n, &d, &err);
    ok(squares_finish(p, &t, &err) && squares_right(&t), "a call after one that was closed midway");
    ok(s.done < 150, "a closed call's tasks are dropped (%llu of 200 had run)",
       (unsigned long long)s.done);
    hec_pool_destroy(p, HEC_POOL_FINISH);
    squares_fini(&s);
    squares_fini(&t);
}

static void bad_options(void)
{
    hec_runner runner = squares_runner(NULL);
    hec_pool_options o = {.workers = 0, .runner = &runner};
    hec_error err = {0};
    hec_pool *p = NULL;

    ok(hec_pool_create(&o, &p, &err) == HEC_EINVAL && !p, "no workers is refused: %s", err.text);
    o.workers = 5000;
    ok(hec_pool_create(&o, &p, &err) == HEC_EINVAL && !p, "5000 workers are refused: %s", err.text);
}

int main(void)
{
    inherited_call(1, 1);
    inherited_call(2, 100000);
    inherited_call(64, 1000);
    sent_call(1, 1, 100);
    sent_call(2, 100000, 2);
    sent_call(64, 1000, 2);
    two_calls_and_growth();
    big_results(true);
    big_results(false);
    close_while_running();
    bad_options();
    ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "no child is left");
    return done_testing();
}
