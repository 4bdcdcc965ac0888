/* SPDX-License-Identifier: MIT
 *
 * A site as the room sees it. All texts lie in the file that was read; what a site file does not
 * say is 0 or NULL, which means "not known" and never "none". A live cluster's answers may be
 * written over the numbers.
 */
#ifndef HEC_BATCH_SITE_H
#define HEC_BATCH_SITE_H

#include "base/arena.h"
#include "base/cleanup.h"
#include "batch/request.h"

#include <hec/batch.h>
#include <hec/config.h>

#include <stdbool.h>

enum hec__scheduler {
    HEC__SLURM,
    HEC__SGE,
    HEC__PBS, /* OpenPBS, PBS Pro */
    HEC__TORQUE,
    HEC__LSF,
    HEC__LOCAL,
    HEC__N_SCHEDULERS,
};

/* "account: torch_pr_..." and why; also options and their defaults. */
typedef struct hec__pair {
    const char *key, *value;
} hec__pair;

typedef struct hec__pairs {
    const hec__pair *all;
    size_t n;
} hec__pairs;

/* Which partitions have GPUs: those that say so; of others it is not known. */
enum hec__has_gpus { HEC__GPUS_UNKNOWN, HEC__GPUS_NONE, HEC__GPUS_SOME };

typedef struct hec__partition {
    const char *name;
    uint64_t time_s, default_time_s;      /* at most; if none is asked */
    uint64_t memory;                      /* bytes of one node */
    uint32_t nodes, cpus, gpus, all_gpus; /* at most: of a job, of a node, of a node, of a user */
    uint32_t jobs;                        /* of one user, queued and running */
    enum hec__has_gpus has_gpus;
    hec__texts qos; /* which may be used with it; empty: not known */
    const char *note;
} hec__partition;

/* A quality of service, as a live cluster tells of it. */
typedef struct hec__qos {
    const char *name;
    uint64_t time_s; /* at most; 0: no limit of its own */
} hec__qos;

/* A place for files; all are texts for people, `name` is "$HOME" or a word. */
typedef struct hec__storage {
    const char *name, *path, *quota, *backup, *purge, *note;
} hec__storage;

struct hec_site {
    hec__arena arena;
    hec_yaml *yaml; /* what most texts below are pieces of */
    const char *name, *title;
    const char *path; /* NULL: hec brings it along */
    enum hec__scheduler scheduler;
    const char *retired; /* since when; NULL: it is live */
    const char *checked; /* the date of the newest source */
    const char *cluster; /* Slurm: to be named to every command */
    hec__texts sources, hosts;
    bool login_shell; /* #!/bin/bash -l */
    bool qos_is_partition;
    hec__texts start;             /* lines before the first module */
    const char *module_command;   /* "module load" */
    hec__texts modules;           /* some that there are */
    hec__pairs refused_modules;   /* name: why */
    hec__pairs defaults;          /* option: value */
    hec__pairs multi_cpu;         /* the same, for jobs of more than one CPU */
    hec__pairs multi_node;        /* of several nodes */
    hec__pairs with_gpus;         /* of nodes with GPUs */
    hec__pairs required, refused; /* option: why */
    hec__pairs avoid;             /* what should be in no command or set-up line: why */
    uint64_t memory_per_cpu;      /* bytes to ask for where the user asks for none */
    bool memory_of_whole_nodes;   /* the site sets the memory of exclusive jobs itself */
    hec__partition *partitions;
    size_t n_partitions;
    bool other_partitions; /* there are more than these */
    hec__qos *qos;         /* all that there are; none: not known */
    size_t n_qos;
    hec__storage *storage;
    size_t n_storage;
    hec__pairs notes;                      /* topic: text, for people */
    uint64_t max_memory;                   /* of all running jobs of a user together */
    uint32_t max_cpus, max_gpus, max_jobs; /* the same; jobs: also queued ones */
    uint32_t max_script;                   /* bytes */
    uint32_t ask_s;                        /* seconds between two questions of a user, at least */
    uint32_t array_first;                  /* the smallest index */
    uint32_t array_last;                   /* the largest; 0: not known */
    uint32_t array_size;                   /* elements of one array; 0: not known */
    uint32_t array_throttle;               /* if none is asked */
    bool array_no_mail;                    /* arrays with mail are refused */
    const char *gpu_option;                /* what GPUs are asked by: "--gres", "ngpus" */
    bool gpu_type_is_constraint;           /* a type of GPU is asked for as a feature of the node */
    hec__texts gpu_types;                  /* empty: not known */
    const char *launch_node, *launch_mpi;  /* what a command is started by */
    const char *memory_option;             /* Grid Engine: "h_vmem", for each slot */
    const char *parallel_node, *parallel_nodes; /* Grid Engine: parallel environments */
    bool memory_per_slot;                       /* LSF: rusage[mem] counts for each slot */
};

HEC_AUTO_DEFINE(hec_site, hec_site_destroy)

/* Reads a site file from memory; `name` is what the site is called, `path` stands for the file in
 * messages. Errors as hec_site_open(). */
int hec__site_parse(const char *name, const char *path, const char *bytes, size_t size,
                    hec_site **ret_site, hec_error *err);

/* Told of each site file of this user and of this machine: the site's name, and the path. */
void hec__site_files(void (*told)(void *ctx, const char *name, const char *path), void *ctx);

/* NULL where there is none of this name. */
const hec__partition *hec__site_partition(const hec_site *site, const char *name);

/* "slurm". Static storage. */
const char *hec__scheduler_name(enum hec__scheduler scheduler);

/* What a directive of its begins with: "#SBATCH"; NULL of HEC__LOCAL. Static storage. */
const char *hec__scheduler_prefix(enum hec__scheduler scheduler);

/* The value of a key; NULL where there is none. */
const char *hec__pairs_get(const hec__pairs *pairs, const char *key);

/* The sites that hec brings along, by name; the table ends with a NULL name. */
typedef struct hec__shipped_site {
    const char *name;
    const char *bytes;
    size_t size;
} hec__shipped_site;

extern const hec__shipped_site hec__shipped_sites[];

#endif
