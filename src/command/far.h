/* SPDX-License-Identifier: MIT
 *
 * What the files of the engine of many nodes share. Its parts, from outside in:
 *
 *   launch.c     starts hec-mpi on the nodes; the socket over which its first process speaks
 *   far_link.c   that socket: packets to and from nodes
 *   far_node.c   what a node says: its frames; what becomes of commands when it is lost
 *   far.c        create, step, destroy: which node gets which command
 *
 * hec-mpi carries a stream of bytes to and from the agent of each node and knows nothing of what is
 * in it (task/wire.h). On the socket a piece of a stream is a packet:
 *
 *     u32 kind | u32 rank | u32 size | bytes        little-endian
 *
 * src/mpi/hec_mpi.c, which is compiled alone by others than we, says the same in its own words.
 */
#ifndef HEC_COMMAND_FAR_H
#define HEC_COMMAND_FAR_H

#include "command/state.h"
#include "task/wire.h"

#include <hec/nodes.h>

#define HEC__PACKET_HEAD 12u
#define HEC__PACKET_MAX  (1u << 20)
#define HEC__MPI_MAGIC   0x4d434548u /* "HECM", the rank of a hello */

enum hec__packet {
    HEC__PACKET_HELLO = 1, /* first, from hec-mpi: u32 protocol | u32 ranks | its MPI, as text */
    HEC__PACKET_BYTES,     /* of a stream */
    HEC__PACKET_CLOSED,    /* from hec-mpi: the agent of this rank has ended; why, as text */
};

/* A program on the nodes, started once for all. */
typedef struct hec__launch {
    hec_commands *engine; /* of this node, with that one command; NULL: none */
    int listener;         /* where its first process is to come to; -1: it has */
    char name[64];        /* of that socket, abstract */
    int said;             /* a file in memory with what was said */
    bool ended;
    char how[96]; /* it ended */
    const char *const *argv, *const *env;
} hec__launch;

typedef struct hec__node {
    hec__strbuf in; /* what came and was not read */
    size_t taken;
    char *name, *host; /* NULL: nothing was heard of it yet */
    uint32_t cpus, width;
    uint32_t under_way; /* commands that it has */
    bool begun, lost, queued, taking;
    int asked;         /* 1: all its commands were to be cancelled, 2: killed */
    uint64_t heard_ns; /* when it said something last */
    uint64_t mean_ns;  /* how long its commands take, about; 0: not known */
} hec__node;

/* A command that a node has. */
typedef struct hec__flight {
    struct hec__flight *next; /* of the same bucket, or of those to be sent again */
    uint64_t task;
    uint32_t node;
    uint8_t kinds[2]; /* of its outputs */
    size_t size;
    char frame[]; /* to be sent to another node, should it come back */
} hec__flight;

typedef struct hec__far {
    hec_command_ops ops;
    void *ctx;
    hec_nodes_options options; /* for the time of hec_nodes_create() */
    pid_t pid;
    hec__launch launch;
    int socket; /* -1: it was closed */
    hec__watch watch;
    int ear;
    hec__strbuf in, out;
    size_t taken, sent;
    hec__node *nodes; /* [n_nodes] */
    hec_node *list;   /* [n_nodes] the same for others */
    uint32_t n_nodes, n_begun, n_lost;
    uint32_t *ring; /* [n_nodes] those that may have room */
    uint32_t ring_first, ring_count;
    hec__flight **buckets;
    uint32_t n_buckets; /* a power of two */
    hec__flight *back;
    uint32_t under_way, width;
    uint64_t next_task, silence_ns, looked_ns;
    int told;
    bool failed;   /* a function of ops did */
    hec_error why; /* the first thing that went wrong at the nodes; code 0: nothing */
} hec__far;

/* launch.c */
int hec__launch_begin(hec__launch *l, const hec_nodes_options *o, hec_error *err);
/* Waits for its first process: a connected socket of this user's. Also ends when the launch does.
 * `until` of the clock. */
int hec__launch_accept(hec__launch *l, uint64_t until_ns, hec_error *err);
/* Hears whether it has ended. */
void hec__launch_look(hec__launch *l);
/* Becomes readable when there is something to be looked at; -1: nothing any more. */
int hec__launch_fd(const hec__launch *l);
/* The last of what was said, up to `most` bytes of whole lines; NULL without memory. */
char *hec__launch_said(const hec__launch *l, size_t most);
/* Waits for its end for so long, then ends it. */
void hec__launch_end(hec__launch *l, uint64_t until_ns);

/* far_link.c */
/* Adds a packet with bytes for a node. */
int hec__far_send(hec__far *f, uint32_t node, const char *bytes, size_t size, hec_error *err);
/* Writes what can be written without waiting. The end of the other side is only noted. */
void hec__far_flush(hec__far *f);
/* Handles all packets that are there in full; before it is known how many nodes there are, none. */
int hec__far_handle(hec__far *f, hec_error *err);
/* Sleeps until there is something, timeout_ms at most; takes and handles what there is. */
int hec__far_wait(hec__far *f, int timeout_ms, hec_error *err);

/* far_node.c */
/* Handles what came from a node. HEC_ECALLBACK. What the node does wrong loses it. */
int hec__node_read(hec__far *f, uint32_t node, hec_error *err);
/* It is not there any more: its commands end. HEC_ECALLBACK. */
int hec__node_lose(hec__far *f, uint32_t node, const hec_error *why, hec_error *err);
/* Has it among those that may have room. */
void hec__node_queue(hec__far *f, uint32_t node);

/* far.c, for commands.c */
int hec__far_step(hec__far *f, int timeout_ms, hec_error *err);
uint32_t hec__far_end(hec__far *f, uint64_t task, bool now);
int hec__far_listen(hec__far *f, int fd);
void hec__far_destroy(hec__far *f);

#endif
