/* SPDX-License-Identifier: MIT
 *
 * What a task finds in its environment: HEC_TASK, HEC_CPUS, OMP_NUM_THREADS; in a run HEC_RESULT;
 * of a plan HEC_PARAMS, a HEC_PARAM_name for each parameter, HEC_SEED, HEC_RUN_ID and HEC_ROW.
 */
#include "map.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void set(map_words *env, const char *name, const char *value)
{
    hec__strbuf_adds(&env->text, name);
    hec__strbuf_addc(&env->text, '=');
    hec__strbuf_adds(&env->text, value);
    hec__strbuf_addc(&env->text, '\0');
    env->n++;
}

static void unset(map_words *env, const char *name)
{
    hec__strbuf_add(&env->text, name, strlen(name) + 1);
    env->n++;
}

static void set_number(map_words *env, const char *name, uint64_t value)
{
    char buf[24];

    snprintf(buf, sizeof buf, "%" PRIu64, value);
    set(env, name, buf);
}

static int write_params(const char *path, const char *json, hec_error *err)
{
    HEC_AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t n = strlen(json), done = 0;

    while (fd >= 0 && done < n) {
        ssize_t w = write(fd, json + done, n - done);

        if (w < 0 && errno != EINTR)
            break;
        done += w > 0 ? (size_t)w : 0;
    }
    if (fd < 0 || done < n)
        return hec__fail(err, HEC_EIO, errno, "cannot write '%.160s'", path);
    return 0;
}

static int set_params(map_run *run, const map_task *t, hec_error *err)
{
    sweep_plan *plan = run->o->plan;
    size_t n = sweep_plan_parameters(plan);
    const char *const *values = t->row.argv;
    const char *path = map_dir_file(run, t, "params");

    for (size_t i = 0; i < n; i++) {
        if (values[i])
            set(&run->env, sweep_plan_env(plan, i), values[i]);
        else
            unset(&run->env, sweep_plan_env(plan, i));
    }
    set(&run->env, "HEC_SEED", values[n + SWEEP_SEED]);
    set(&run->env, "HEC_RUN_ID", values[n + SWEEP_ID]);
    set(&run->env, "HEC_ROW", values[n + SWEEP_ROW]);
    set(&run->env, "HEC_PARAMS", path);
    return write_params(path, values[n + SWEEP_JSON], err);
}

int map_env_make(map_run *run, map_task *t, hec_error *err)
{
    uint32_t share = run->o->cpus / run->o->width;
    map_words *env = &run->env;
    int r = 0;

    if (!env->text.data)
        hec__strbuf_init(&env->text);
    hec__strbuf_clear(&env->text);
    env->n = 0;
    set_number(env, "HEC_TASK", t->seq);
    /* What a command starts by itself shares the cores with the others. */
    set_number(env, "HEC_CPUS", share ? share : 1);
    if (!getenv("OMP_NUM_THREADS"))
        set_number(env, "OMP_NUM_THREADS", share ? share : 1);
    if (run->dir) {
        const char *result = map_dir_file(run, t, "result");

        if (t->attempts)
            unlink(result); /* of an earlier attempt */
        set(env, "HEC_RESULT", result);
    }
    if (run->dir && run->o->plan)
        r = set_params(run, t, err);
    return r < 0 ? r : map_words_point(env, err);
}
