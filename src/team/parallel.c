/* SPDX-License-Identifier: MIT */
#include "team/team.h"

#include "base/error.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

static void fill(hec__loop *l, hec_parallel_body *body, void *ctx,
                 const hec_parallel_options *options)
{
    l->body = body;
    l->ctx = ctx;
    l->check = options->check;
}

/* The same loop in one thread: the same blocks, checks and errors. */
static int run_alone(uint64_t n, hec_parallel_body *body, void *ctx,
                     const hec_parallel_options *options, hec_error *err)
{
    /* Aligned by hand: GCC before 13 forgets more than 32 bytes under the address sanitizer. */
    unsigned char memory[sizeof(hec__share) + sizeof(hec__loop) + alignof(hec__loop)];
    uintptr_t at = ((uintptr_t)memory + alignof(hec__loop) - 1) & ~(alignof(hec__loop) - 1);
    hec__share *share = (hec__share *)at;
    hec__loop *l = (hec__loop *)(at + sizeof(hec__share));

    memset(memory, 0, sizeof memory);
    fill(l, body, ctx, options);
    hec__loop_init(l, n, options->grain, share, 1);
    hec__team_run_alone(l);
    return hec__loop_result(l, err);
}

int hec_parallel_for(uint64_t n, hec_parallel_body *body, void *ctx,
                     const hec_parallel_options *options, hec_error *err)
{
    static const hec_parallel_options zeros;
    int threads, r;
    hec__job *job;

    options = options ? options : &zeros;
    if (options->threads > HEC_PARALLEL_THREADS_MAX)
        return hec__fail(err, HEC_EINVAL, 0, "a loop has at most %d threads, not %u",
                         HEC_PARALLEL_THREADS_MAX, options->threads);
    threads = options->threads ? (int)options->threads : hec__team_cpus(err);
    if (threads < 0 || n == 0)
        return threads < 0 ? threads : 0;
    threads = (int)hec__loop_width(n, options->grain, (uint32_t)threads);
    job = threads > 1 && !hec__team_inside() ? hec__team_open((uint32_t)threads) : NULL;
    if (!job)
        return run_alone(n, body, ctx, options, err);
    fill(hec__team_loop(job), body, ctx, options);
    hec__loop_init(hec__team_loop(job), n, options->grain, hec__team_shares(job),
                   (uint32_t)threads);
    hec__team_run(job);
    r = hec__loop_result(hec__team_loop(job), err);
    hec__team_close(job);
    return r;
}
