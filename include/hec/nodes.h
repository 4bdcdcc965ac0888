/* SPDX-License-Identifier: MIT
 *
 * Commands on many nodes: an engine of commands (hec/command.h) whose places are on the nodes of a
 * batch job. One launch of the program hec-mpi for all of them, one process of it on each node;
 * there an *agent* runs the commands by an engine of its own, as it would on one machine.
 *
 * What such an engine does otherwise:
 *   - A command runs on one of the nodes, in the environment that this process had when the engine
 *     was created, but for what a node has of its own (GPUs, its name), and with HEC_NODES=1. This
 *     process's folder, programs and files have to be where they are here.
 *   - Input is HEC_STREAM_NULL; output is HEC_STREAM_NULL, HEC_STREAM_DATA or HEC_STREAM_INHERIT,
 *     which comes to this process's own streams.
 *   - hec_commands_width() counts what may be under way: some short commands wait at the nodes, so
 *     that these do not wait for us.
 *   - A node that is lost ends its commands: HEC_TASK_LOST, and error says which node. The others
 *     go on. With the last node hec_commands_step() fails, HEC_ECLOSED.
 *   - In a forked child the engine is nobody's.
 */
#ifndef HEC_NODES_H
#define HEC_NODES_H

#include <hec/command.h>
#include <hec/topology.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What hec-mpi and this library have to agree on; `hec-mpi --about` tells its own. */
#define HEC_MPI_PROTOCOL 1u

typedef struct hec_nodes_options {
    const char *const *launcher; /* what starts a program on the nodes, once on each: "srun",
                                  * "--ntasks-per-node=1" …; NULL at the end */
    const char *const *env;      /* changes to its environment, as of a command; NULL: none */
    const char *program;         /* hec-mpi */
    const char *agent;           /* the program hec, on all nodes */
    uint32_t nodes;              /* how many have to come; 0: any number */
    const hec_node *granted;     /* what is known of the nodes, by name: more CPUs are not used */
    size_t n_granted;
    /* How many commands may run at a time on a node that has so many CPUs. NULL: as many. */
    uint32_t (*width)(void *ctx, uint32_t cpus);
    uint32_t grace_ms;   /* as in hec_commands_options */
    uint32_t start_ms;   /* so long the launch may take; 0: 2 minutes */
    uint32_t silence_ms; /* a node of which nothing was heard for so long is lost; 0: 1 minute */
    const hec_command_ops *ops; /* copied */
    void *ctx;
} hec_nodes_options;

/* Launches, and waits until all nodes are there. On success *ret_commands is the caller's, as of
 * hec_commands_create(). HEC_ENOENT: there is no launcher. HEC_EINTR: a signal came. HEC_ECLOSED:
 * the launch came to nothing; the text has the last of what was said there. HEC_EFORMAT: hec-mpi,
 * or the hec of a node, is of another version. HEC_ENOMEM, HEC_ESYS. */
HEC_API int hec_nodes_create(const hec_nodes_options *options, hec_commands **ret_commands,
                             hec_error *err);

/* The nodes of an engine, those that were lost included, with the CPUs that are used there; 0 and
 * NULL of an engine of this node. Valid as long as the engine. */
HEC_API size_t hec_nodes_list(const hec_commands *commands, const hec_node **ret_nodes);

/* How many of them were lost. */
HEC_API uint32_t hec_nodes_lost(const hec_commands *commands);

/* What happened to the first of them; "" where none was lost. Valid as long as the engine. */
HEC_API const char *hec_nodes_why(const hec_commands *commands);

/* The last that the launcher and what it started have said, at most 2000 bytes, for when nodes are
 * lost; "" where that is nothing. The caller's, to end with free(); NULL without memory. */
HEC_API char *hec_nodes_said(const hec_commands *commands);

/* Where an abstract socket of this machine can be reached: as text, the same for two processes if
 * and only if they reach the same. At least 80 bytes. HEC_ESYS. */
HEC_API int hec_nodes_here(char *buf, size_t size, hec_error *err);

/* The agent: runs commands for whoever is at the other end of the descriptor, until that end is
 * closed. Changes the environment, folder and umask of this process. 0, or why it could not go on,
 * which the other side was told too. */
HEC_API int hec_nodes_agent(int fd, hec_error *err);

#ifdef __cplusplus
}
#endif
#endif
