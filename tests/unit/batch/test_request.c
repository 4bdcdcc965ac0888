/* SPDX-License-Identifier: MIT
 *
 * Options of a job: what they mean, and that a wrong one changes nothing.
 */
#include "batch/request.h"

#include "fault.h"
#include "tap.h"

#include <inttypes.h>

static hec_error err;

static hec_request *create(void)
{
    hec_request *q = NULL;

    if (hec_request_create(&q, &err) < 0)
        exit(99);
    return q;
}

/* Whether nothing at all differs, padding included: both come from one copy. */
static bool same(const hec_request *a, const hec_request *b)
{
    const unsigned char *x = (const unsigned char *)a, *y = (const unsigned char *)b;
    size_t i = 0;

    while (i < sizeof *a && x[i] == y[i])
        i++;
    return i == sizeof *a;
}

/* "" where the option can be set to this, else why not. */
static const char *why(const char *name, const char *value)
{
    HEC_AUTO(hec_request) q = create();
    hec_request before = *q;
    int r = hec_request_set(q, name, value, &err);

    if (r == 0)
        return "";
    before.arena = q->arena; /* memory may have been taken */
    if (r != HEC_EINVAL || err.code != r || !same(&before, q))
        return "not refused as it should be";
    return err.text;
}

static void test_amounts(void)
{
    HEC_AUTO(hec_request) q = create();

    ok(q->nodes == 1 && q->cpus == 1 && q->gpus == 0, "without options one node, one CPU");
    ok(hec_request_set(q, "cpus", "16", &err) == 0 && q->cpus == 16, "CPUs");
    ok(hec_request_set(q, "memory", "1.5G", &err) == 0 && q->memory == (uint64_t)1536 << 20,
       "memory in powers of 1024");
    ok(hec_request_set(q, "time", "2-12:00:00", &err) == 0 && q->time_s == 216000, "days");
    ok(hec_request_set(q, "gpus", "a100:2", &err) == 0 && q->gpus == 2, "GPUs");
    is_str(q->gpu_type, "a100", "of a type");
    ok(hec_request_set(q, "gpus", "1", &err) == 0 && !q->gpu_type, "the last value counts");
    ok(hec_request_set(q, "queue", "x", &err) == 0 && hec__request_has(q, HEC__OPTION_PARTITION),
       "a queue is a partition");
    ok(hec__request_default(q, "partition", "y", &err) == 0, "a default");
    is_str(q->partition, "x", "does not replace what was given");
    ok(hec__request_default(q, "account", "a", &err) == 0, "another");
    is_str(q->account, "a", "is taken where nothing was given");
    ok(!(q->given & 1u << HEC__OPTION_ACCOUNT), "and is known to be none of the user's");
}

static void test_refused(void)
{
    is_str(why("cpus", "1.5"), "cpus: '1.5' is not a whole number from 1 to 100000", "half a CPU");
    is_str(why("cpus", "99999999999999999999"),
           "cpus: '99999999999999999999' is not a whole number from 1 to 100000", "too many");
    is_str(why("memory", "2000T"), "memory: '2000T' is more than 1024T", "too much memory");
    is_str(why("time", "0s"), "time: '0s' is not between a second and 366 days", "no time");
    is_str(why("time", "soon"), "time: 'soon' is not a duration; write 90s, 15m, 1h30m or HH:MM:SS",
           "no duration");
    is_str(why("name", "-x"), "name: '-x' is no name: it begins with a dash", "a dash");
    is_str(why("name", ""), "name: it is empty", "nothing");
    is_str(why("gpus", "a b:1"),
           "gpus: 'a b' is no name: letters, digits and . _ + - may be in one",
           "a type with a blank");
    is_str(why("constraint", "a\"b"),
           "constraint: 'a\"b' has a \" in it, which no directive can carry", "a quote");
    is_str(why("module", "a;b"), "module: 'a;b' is not the name of a module", "a module");
    is_str(why("setup", "a\nb"), "setup: 'a\nb' is not one line of shell", "two lines");
    is_str(why("env", "1A=x"),
           "env: '1A=x' sets no variable; write NAME=VALUE, the name of letters, digits and _",
           "a variable");
    is_str(why("launch", "twice"),
           "launch: 'twice' is none of once, node (on each node) and mpi (a rank for each CPU)",
           "a way to start");
    is_str(why("exclusive", "perhaps"), "exclusive: 'perhaps' is neither true nor false", "a flag");
    is_str(why("after", "ok:"), "after: 'ok:' names no job; write 1234 or any:1234", "no job");
    is_str(why("mail", "end:"),
           "mail: 'end:' has no address; write me@example.org or begin,end:me@example.org",
           "no address");
    is_str(why("speed", "1"), "'speed' is no option of a job", "no option");
}

static uint64_t elements(const char *spec)
{
    HEC_AUTO(hec_request) q = create();

    return hec_request_set(q, "array", spec, &err) == 0 ? hec__request_elements(q) : 0;
}

static void test_arrays(void)
{
    static const char *const bad[] = {
        "",      "a",  "1-",  "-1",   "1-5:", "1-5:0", "5-1",  "1,,2", "1,2,",       "3,1",
        "1-3,3", "1%", "1%0", "1%2x", "1 2",  "1:2",   "1--2", "0x1",  "4000000000", "0-99999999"};

    ok(elements("7") == 1 && elements("0-9") == 10 && elements("1-10:3") == 4 &&
           elements("1-10:20") == 1 && elements("1,5,7-9%2") == 5,
       "elements of arrays");
    ok(elements("0-9999999") == 10000000, "ten million");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ok(elements(bad[i]) == 0 && err.code == HEC_EINVAL, "'%s' is no array", bad[i]);
}

static void test_after_and_mail(void)
{
    HEC_AUTO(hec_request) q = create();

    ok(hec_request_set(q, "after", "12", &err) == 0 &&
           hec_request_set(q, "after", "any:1[].s", &err) == 0,
       "two jobs to wait for");
    ok(q->n_after == 2 && q->after[0].how == HEC__AFTER_OK && q->after[1].how == HEC__AFTER_ANY,
       "one to end well");
    is_str(q->after[1].job, "1[].s", "and an id as PBS has them");
    ok(hec_request_set(q, "mail", "me@x.org", &err) == 0 &&
           q->mail_on == (HEC__MAIL_END | HEC__MAIL_FAIL),
       "mail at the end");
    ok(hec_request_set(q, "mail", "begin:me@x.org", &err) == 0 && q->mail_on == HEC__MAIL_BEGIN,
       "at the beginning");
    ok(hec_request_set(q, "warn", "sigusr2@5m", &err) == 0 && q->warn_s == 300, "a warning");
    is_str(q->warn_signal, "USR2", "by another signal");
    ok(hec_request_set(q, "warn", "none", &err) == 0 && q->warn_s == 0, "none");
}

static int set_all(hec_request *q)
{
    static const char *const argv[] = {"prog", "arg"};
    static const struct {
        const char *name, *value;
    } all[] = {{"gpus", "a:1"},      {"account", "a"}, {"array", "1,3,5,7,9,11,13,15,17,19"},
               {"after", "1"},       {"mail", "m@x"},  {"module", "m"},
               {"setup", "s"},       {"env", "A=1"},   {"raw", "-x"},
               {"constraint", "c|d"}};
    int r = 0;

    for (size_t i = 0; i < sizeof all / sizeof *all && r == 0; i++)
        r = hec_request_set(q, all[i].name, all[i].value, &err);
    return r == 0 ? hec_request_command(q, argv, 2, &err) : r;
}

static void test_memory_runs_out(void)
{
    for (long n = 1;; n++) {
        hec_request *q = NULL;
        int r;

        fault_arm(n);
        r = hec_request_create(&q, &err);
        if (r == 0)
            r = set_all(q);
        hec_request_destroy(q);
        if (!fault_disarm())
            break;
        ok(r == HEC_ENOMEM, "allocation %ld fails: it is said", n);
    }
}

int main(void)
{
    test_amounts();
    test_refused();
    test_arrays();
    test_after_and_mail();
    test_memory_runs_out();
    return done_testing();
}
