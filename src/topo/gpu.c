/* SPDX-License-Identifier: MIT
 *
 * Which GPUs may be used. The variable that the GPU's own library obeys comes first, since what it
 * hides cannot be used; then what Slurm says it granted; then what device files there are.
 */
#include "topo/topo.h"

#include "sys/file.h"

#include <string.h>

#define DEVICES_MAX 64 /* of one machine; today's have 16 */

static int add_gpu(hec_topology *t, hec__slice id, const char *kind, hec_error *err)
{
    hec_gpu *grown = hec__arena_grow(&t->arena, t->gpus, t->n_gpus, &t->cap_gpus, sizeof *t->gpus);
    char *copy = hec__arena_copy(&t->arena, id.s, id.n);

    if (!grown || !copy)
        return hec__topology_nomem(err);
    t->gpus = grown;
    t->gpus[t->n_gpus++] = (hec_gpu){copy, kind};
    return 0;
}

static int because(hec_topology *t, const char *name, const char *value, hec_error *err)
{
    t->gpu_reason = hec__arena_printf(&t->arena, "%s=%.200s", name, value);
    if (t->gpu_reason)
        return 0;
    t->gpu_reason = "";
    return hec__topology_nomem(err);
}

static bool is_id(hec__slice a)
{
    uint64_t n;

    return hec__slice_uint(a, 4095, &n) || hec__slice_starts(a, "GPU-") ||
           hec__slice_starts(a, "MIG-");
}

/* CUDA and HIP take the list up to the first entry that is no device: -1 is the usual way to write
 * "none from here". "NoDevFiles" is what Slurm used to set where a job has no GPU. */
static int read_list(hec_topology *t, const char *name, const char *value, const char *kind,
                     hec_error *err)
{
    hec__slice rest = hec__slice_of(value), item;
    int r = because(t, name, value, err);

    while (r >= 0 && hec__slice_until(&rest, ',', &item)) {
        while (item.n && item.s[0] == ' ')
            item = (hec__slice){item.s + 1, item.n - 1};
        if (!is_id(item)) {
            if (!hec__slice_is(item, "-1") && !hec__slice_is(item, "NoDevFiles"))
                r = hec__topology_note(t, err, "%s: '%.*s' is no device, so the list ends there",
                                       name, (int)(item.n < 60 ? item.n : 60), item.s);
            break;
        }
        r = add_gpu(t, item, kind, err);
    }
    return r;
}

/* PREFIX0 to PREFIX63, as far as they exist. */
static int read_devices(hec_topology *t, const char *prefix, int first, const char *kind,
                        hec_error *err)
{
    char path[64];

    for (int i = 0; i < DEVICES_MAX; i++) {
        char id[16];
        int r;

        snprintf(path, sizeof path, "%s%d", prefix, first + i);
        if (!hec__file_exists(t->root, path))
            continue;
        snprintf(id, sizeof id, "%zu", t->n_gpus);
        r = add_gpu(t, hec__slice_of(id), kind, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_files(hec_topology *t, bool amd, hec_error *err)
{
    int r = 0;

    /* Without these there is none, and every pool that is made need not look for 64. */
    if (hec__file_exists(t->root, "/dev/nvidiactl") || hec__file_exists(t->root, "/dev/nvidia0"))
        r = read_devices(t, "/dev/nvidia", 0, "nvidia", err);
    t->gpu_reason = t->n_gpus ? "device files /dev/nvidia*" : "no device files";
    if (r < 0 || t->n_gpus || !amd)
        return r;
    /* Render nodes exist for any graphics card; with /dev/kfd they are AMD's. */
    t->gpu_reason = "device files /dev/kfd and /dev/dri/renderD*";
    return read_devices(t, "/dev/dri/renderD", 128, "amd", err);
}

int hec__topology_read_gpus(hec_topology *t, hec_error *err)
{
    static const struct {
        const char *name, *kind;
    } variables[] = {
        {"CUDA_VISIBLE_DEVICES", "nvidia"}, {"ROCR_VISIBLE_DEVICES", "amd"},
        {"HIP_VISIBLE_DEVICES", "amd"},     {"SLURM_STEP_GPUS", "unknown"},
        {"SLURM_JOB_GPUS", "unknown"},
    };
    bool amd = hec__file_exists(t->root, "/dev/kfd");

    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *value = hec__topology_env_raw(t, variables[i].name);
        const char *kind = variables[i].kind;

        /* An empty list means none, but only to the libraries; Slurm never sets an empty one. */
        if (!value || (!*value && strncmp(variables[i].name, "SLURM", 5) == 0))
            continue;
        /* Slurm sets CUDA's and ROCm's variable alike, whatever the cards are. */
        if (amd && i == 0)
            kind = "amd";
        return read_list(t, variables[i].name, value, kind, err);
    }
    return read_files(t, amd, err);
}
