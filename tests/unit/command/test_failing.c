/* SPDX-License-Identifier: MIT
 *
 * Every allocation and system call of the engine fails once, or from then on: a named error, a
 * refused command, or success; and nothing is left: no process, no descriptor, no memory (the leak
 * checker sees that).
 */
#include "crowd.h"
#include "fault.h"
#include "fault_sys.h"
#include "tap.h"

#include <stdio.h>
#include <string.h>

static void fill_crowd(crowd *c)
{
    static const char *const env[] = {"HEC_X=1", NULL};

    *c = (crowd){0};
    for (int i = 0; i < 4; i++)
        crowd_add(c, "echo $HEC_X; exit 3")->env = env;
    c->commands[1].in = (hec_input){HEC_STREAM_MEMORY, 0, "abc", 3};
}

/* Each command has run in full, or was refused with a reason; or the whole has failed with one. */
static bool is_right(const crowd *c, int r, const hec_error *err, int *ret_refused)
{
    if (r < 0)
        return (r == HEC_ENOMEM || r == HEC_ESYS) && err->text[0];
    for (int i = 0; i < 4; i++) {
        const crowd_end *e = &c->ends[i];

        if (e->times != 1)
            return false;
        if (e->end.verdict == HEC_TASK_REFUSED) {
            (*ret_refused)++;
            if (!e->why.text[0])
                return false;
        } else if (e->end.exit_status != 3 ||
                   (e->end.out.total == e->end.out.size && e->end.out.size != 2)) {
            return false;
        }
    }
    return true;
}

typedef void arm_fn(long n, int which, bool on);

static void arm_allocation(long n, int which, bool on)
{
    (void)which;
    (void)on;
    fault_arm(n);
}

static void arm_call(long n, int which, bool on)
{
    fault_sys_arm((enum fault_call)which, n, on);
}

static void failing(const char *what, arm_fn *arm, bool (*disarm)(void), int which, bool on)
{
    int before = crowd_descriptors(), bad = 0, errors = 0, refused = 0;
    bool fired = true;
    long n;

    for (n = 1; fired && n < 500; n++) {
        crowd c;
        hec_error err = {0};
        int r;

        fill_crowd(&c);
        arm(n, which, on);
        r = crowd_run(&c, 2, &err);
        fired = disarm();
        errors += r < 0;
        if (!is_right(&c, r, &err, &refused) || !crowd_no_children() ||
            crowd_descriptors() != before) {
            bad++;
            printf("# %s %ld: %d %s\n", what, n, r, err.text);
            before = crowd_descriptors();
        }
        crowd_fini(&c);
    }
    ok(bad == 0 && n > 2, "%s fails%s at %ld places: %d errors, %d commands refused", what,
       on ? " from then on" : "", n - 2, errors, refused);
}

int main(void)
{
    static const enum fault_call calls[] = {FAULT_mmap64,  FAULT_epoll_create1, FAULT_epoll_ctl,
                                            FAULT_eventfd, FAULT_pipe2,         FAULT_memfd_create};

    failing("an allocation", arm_allocation, fault_disarm, 0, false);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        for (int on = 0; on < 2; on++)
            failing(fault_call_names[calls[i]], arm_call, fault_sys_disarm, (int)calls[i], on);
    return done_testing();
}
