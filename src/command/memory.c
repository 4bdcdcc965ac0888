/* SPDX-License-Identifier: MIT
 *
 * The memory of commands: a limit that is kept by looking, and deaths for want of it, which the
 * kernel counts.
 */
#include "command/state.h"

#include "sys/clock.h"
#include "sys/proc.h"
#include "topo/oom.h"

#include <signal.h>
#include <string.h>

/* What a process can fill in a nanosecond, in bytes, several threads of it together: so much of
 * what is left can be gone by then. And how often to look, at most and at least. */
#define FILL_BYTES   8u
#define LOOK_MIN_NS  UINT64_C(2000000)
#define LOOK_MAX_NS  UINT64_C(100000000)
#define SHELL_KILLED (128 + SIGKILL)
/* A kill that was counted, and that no end of a command has answered to, is somebody else's after
 * this time. */
#define OOM_NS UINT64_C(1000000000)

void hec__place_weigh(hec__place *p, uint64_t now)
{
    uint64_t own = hec__tree_own(p->pid), ns;

    if (own > p->peak)
        p->peak = own;
    if (own > p->memory_limit) {
        p->weigh_ns = HEC__NEVER;
        hec__place_kill(p, HEC_TASK_OVER_MEMORY);
        return;
    }
    ns = (p->memory_limit - own) / FILL_BYTES;
    p->weigh_ns = now + (ns < LOOK_MIN_NS ? LOOK_MIN_NS : ns > LOOK_MAX_NS ? LOOK_MAX_NS : ns);
}

void hec__oom_begin(hec_commands *c, const hec_topology *t)
{
    c->oom_file = strdup(hec__oom_file(t));
    hec__oom_look(c, hec__now_ns());
}

void hec__oom_look(hec_commands *c, uint64_t now)
{
    if (!c->oom_file || (c->oom_looked_ns && now - c->oom_looked_ns < OOM_NS))
        return;
    c->oom_looked_ns = now;
    hec__oom_read("", c->oom_file, &c->oom_kills);
}

bool hec__oom_killed(hec_commands *c, const hec_command_end *end)
{
    uint64_t kills;
    bool more;

    if ((end->signal != SIGKILL && end->exit_status != SHELL_KILLED) || !c->oom_file ||
        !hec__oom_read("", c->oom_file, &kills))
        return false;
    more = kills > c->oom_kills;
    /* Several may have been killed for one another; each end takes one of the counts. */
    c->oom_kills = more ? c->oom_kills + 1 : kills;
    c->oom_looked_ns = hec__now_ns();
    return more;
}
