/* SPDX-License-Identifier: MIT
 *
 * hec-mpi: streams of bytes between hec and the agents of many nodes, over MPI. One process of it
 * runs on each node. It starts that node's agent, `hec mpi agent`, and carries what that says and
 * is told; what is in it is not its business. The process on the node where hec runs is the
 * *coordinator*: it has a socket to hec, and what comes there for a node it sends on, and back.
 *
 * This file is all of it, and the only one that knows MPI: `hec mpi build` compiles it by the MPI
 * compiler of a site. MPI-3 and POSIX, nothing else. The packets on the socket are described in
 * src/command/far.h.
 *
 * MPI has nothing that a process could sleep on, and most implementations spin while they wait. So
 * nothing here waits in MPI: it is looked at now and then, the more seldom the longer nothing
 * came, and between these looks the process sleeps on its other descriptors. No message is sent
 * before the one before it has been taken: what nobody takes stays with who has made it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mpi.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROTOCOL    1u
#define MAGIC       0x4d434548u
#define HEAD        12u
#define PACKET_MAX  (1u << 20)
#define MESSAGE_MAX ((size_t)256 << 10)
#define HELD_MAX    ((size_t)8 << 20) /* for hec: then nothing more is taken from the nodes */
#define NS_PER_S    1000000000LL
#define LOOK_LEAST  50000LL /* ns between looks at MPI */
#define LOOK_MOST   5000000LL
#define LOOK_SHARE  64 /* of the time in which nothing came */
#define PING_NS     (15 * NS_PER_S)
#define SILENCE_NS  (120 * NS_PER_S)
#define LEAVE_NS    (8 * NS_PER_S)
#define FINALIZE_S  15

enum packet { PACKET_HELLO = 1, PACKET_BYTES, PACKET_CLOSED };
enum tag { TAG_BYTES = 1, TAG_CLOSED, TAG_END, TAG_BYE, TAG_PING };

/* Bytes that wait for somebody. */
typedef struct queue {
    char *data;
    size_t from, to, cap;
} queue;

/* What goes to another process: one message at a time. */
typedef struct peer {
    queue waiting;
    char *moving; /* the message under way */
    MPI_Request request;
    bool end_due, end_sent, bye, ping_due;
} peer;

static struct {
    int rank, size, lead;
    pid_t agent_pid;
    int agent; /* the socket to the agent; -1: it was closed */
    queue to_agent;
    int hec; /* the coordinator's socket to hec; -1: closed */
    queue from_hec, to_hec;
    peer *peers;  /* [size] at the coordinator; one, the coordinator, elsewhere */
    char *buffer; /* [MESSAGE_MAX] */
    int64_t busy_ns, heard_ns, pinged_ns;
    bool agent_over, closed_told;
    char closed[160];
} me = {.agent = -1, .hec = -1};

static int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* MPI ends all processes with one that is ended in this way. */
static _Noreturn void die(const char *what, int sys)
{
    fprintf(stderr, "hec-mpi: %s%s%s\n", what, sys ? ": " : "", sys ? strerror(sys) : "");
    MPI_Abort(MPI_COMM_WORLD, 1);
    _exit(1);
}

/* ---- queues ---- */

static size_t waiting(const queue *q)
{
    return q->to - q->from;
}

static char *make_room(queue *q, size_t n)
{
    if (q->from == q->to)
        q->from = q->to = 0;
    if (q->cap - q->to < n && q->from) {
        memmove(q->data, q->data + q->from, waiting(q));
        q->to -= q->from;
        q->from = 0;
    }
    if (q->cap - q->to < n) {
        size_t cap = q->cap ? q->cap : 4096;
        char *data;

        while (cap - q->to < n)
            cap *= 2;
        data = realloc(q->data, cap);
        if (!data)
            die("no memory", ENOMEM);
        q->data = data;
        q->cap = cap;
    }
    return q->data + q->to;
}

static void add(queue *q, const void *bytes, size_t n)
{
    if (n)
        memcpy(make_room(q, n), bytes, n);
    q->to += n;
}

static void put32(unsigned char *to, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        to[i] = (unsigned char)(v >> 8 * i);
}

static uint32_t get32(const unsigned char *from)
{
    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static void add_packet(queue *q, enum packet kind, uint32_t rank, const void *bytes, size_t n)
{
    unsigned char head[HEAD];

    put32(head, kind);
    put32(head + 4, rank);
    put32(head + 8, (uint32_t)n);
    add(q, head, HEAD);
    add(q, bytes, n);
}

/* Writes what can be written without waiting. Whether something went; *fd is closed and -1 when
 * nobody is there any more. */
static bool drain(queue *q, int *fd)
{
    bool went = false;

    while (*fd >= 0 && waiting(q)) {
        ssize_t n = write(*fd, q->data + q->from, waiting(q));

        if (n > 0) {
            q->from += (size_t)n;
            went = true;
        } else if (errno != EINTR) {
            if (errno != EAGAIN)
                q->from = q->to; /* reading finds the end */
            break;
        }
    }
    return went;
}

/* Reads without waiting. Bytes; 0: nothing; -1: its end. */
static ssize_t fetch(int fd, char *buf, size_t size)
{
    ssize_t n;

    do
        n = read(fd, buf, size);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        return n;
    return n < 0 && errno == EAGAIN ? 0 : -1;
}

/* ---- the agent ---- */

/* Before MPI begins, which does not like its processes to be copied. */
static void start_agent(const char *program)
{
    int ends[2];
    char number[16];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        perror("hec-mpi: socketpair");
        _exit(1);
    }
    me.agent_pid = fork();
    if (me.agent_pid == 0) {
        fcntl(ends[1], F_SETFD, 0);
        snprintf(number, sizeof number, "%d", ends[1]);
        setpgid(0, 0);
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execl(program, "hec", "mpi", "agent", number, (char *)NULL);
        fprintf(stderr, "hec-mpi: cannot start '%s': %s\n", program, strerror(errno));
        _exit(127);
    }
    close(ends[1]);
    me.agent = ends[0];
    fcntl(me.agent, F_SETFL, O_NONBLOCK);
}

/* Waits for its end a while, then ends it. */
static int reap_agent(int64_t until)
{
    int status = 0, tries = 0;
    pid_t got = 0;

    while (me.agent_pid > 0 && (got = waitpid(me.agent_pid, &status, WNOHANG)) == 0) {
        struct timespec nap = {.tv_nsec = tries < 100 ? 200000 : 10000000};

        if (now_ns() > until)
            kill(me.agent_pid, SIGKILL);
        tries++;
        nanosleep(&nap, NULL);
    }
    me.agent_pid = 0;
    return got > 0 ? status : -1;
}

/* The agent has closed its side: what is to be said of it. */
static void agent_is_over(void)
{
    int status;

    close(me.agent);
    me.agent = -1;
    me.agent_over = true;
    me.to_agent.from = me.to_agent.to;
    status = reap_agent(now_ns() + NS_PER_S);
    if (status >= 0 && WIFSIGNALED(status))
        snprintf(me.closed, sizeof me.closed, "its agent was killed by signal %d",
                 WTERMSIG(status));
    else if (status >= 0 && WEXITSTATUS(status) == 127)
        snprintf(me.closed, sizeof me.closed,
                 "its agent, the program hec, cannot be started there");
    else
        snprintf(me.closed, sizeof me.closed, "its agent has ended");
}

/* ---- messages ---- */

/* MPI's own way with errors is to end all: what it returns is success. */
/* Sends the next message to a process, when the one before it was taken. */
static bool push(peer *p, int rank)
{
    int done = 1, tag = TAG_BYTES;
    size_t n = waiting(&p->waiting);
    bool went = false;

    if (p->request != MPI_REQUEST_NULL) {
        MPI_Test(&p->request, &done, MPI_STATUS_IGNORE);
        went = done;
    }
    if (!done)
        return false;
    if (n > MESSAGE_MAX)
        n = MESSAGE_MAX;
    if (n == 0 && me.closed_told && me.rank != me.lead && !p->bye && p->end_due) {
        tag = TAG_BYE;
        p->bye = true;
    } else if (n == 0 && me.agent_over && !me.closed_told && me.rank != me.lead) {
        tag = TAG_CLOSED;
        me.closed_told = true;
        add(&p->waiting, me.closed, strlen(me.closed));
        n = waiting(&p->waiting);
    } else if (n == 0 && me.rank == me.lead && p->end_due && !p->end_sent) {
        tag = TAG_END;
        p->end_sent = true;
    } else if (n == 0 && me.rank == me.lead && p->ping_due) {
        tag = TAG_PING;
        p->ping_due = false;
    } else if (n == 0) {
        return went;
    }
    if (!p->moving && !(p->moving = malloc(MESSAGE_MAX)))
        die("no memory", ENOMEM);
    memcpy(p->moving, n ? p->waiting.data + p->waiting.from : "", n);
    p->waiting.from += n;
    MPI_Issend(p->moving, (int)n, MPI_BYTE, rank, tag, MPI_COMM_WORLD, &p->request);
    return true;
}

/* Takes one message, if one is there: its tag, and bytes in me.buffer; 0: none. */
static int pull(int from, int *ret_rank, size_t *ret_size)
{
    MPI_Status status;
    int there = 0, n = 0;

    MPI_Iprobe(from, MPI_ANY_TAG, MPI_COMM_WORLD, &there, &status);
    if (!there)
        return 0;
    MPI_Get_count(&status, MPI_BYTE, &n);
    if (n < 0 || (size_t)n > MESSAGE_MAX)
        die("a message of no known size", 0);
    MPI_Recv(me.buffer, n, MPI_BYTE, status.MPI_SOURCE, status.MPI_TAG, MPI_COMM_WORLD,
             MPI_STATUS_IGNORE);
    *ret_rank = status.MPI_SOURCE;
    *ret_size = (size_t)n;
    me.heard_ns = now_ns();
    return status.MPI_TAG;
}

/* Sleeps until a descriptor has something, or it is time to look at MPI again. */
static void doze(bool busy, bool alone)
{
    struct pollfd p[2] = {{.fd = me.agent, .events = POLLIN}, {.fd = me.hec, .events = POLLIN}};
    int64_t now = now_ns(), ns;
    struct timespec ts;

    if (busy) {
        me.busy_ns = now;
        return;
    }
    ns = (now - me.busy_ns) / LOOK_SHARE;
    ns = ns < LOOK_LEAST ? LOOK_LEAST : ns > LOOK_MOST ? LOOK_MOST : ns;
    ts = (struct timespec){.tv_sec = alone ? 5 : 0, .tv_nsec = alone ? 0 : (long)ns};
    if (waiting(&me.to_agent))
        p[0].events |= POLLOUT;
    if (waiting(&me.to_hec))
        p[1].events |= POLLOUT;
    /* What cannot be passed on is not read: who has it waits. */
    if (waiting(&me.to_hec) >= HELD_MAX ||
        (me.rank != me.lead && me.peers[0].request != MPI_REQUEST_NULL))
        p[0].events &= ~POLLIN;
    if (!p[0].events)
        p[0].fd = -1;
    ppoll(p, 2, &ts, NULL);
}

/* ---- the coordinator ---- */

static void lead_take(void)
{
    while (waiting(&me.from_hec) >= HEAD) {
        const unsigned char *at = (unsigned char *)me.from_hec.data + me.from_hec.from;
        uint32_t kind = get32(at), rank = get32(at + 4), n = get32(at + 8);

        if (kind != PACKET_BYTES || rank >= (uint32_t)me.size || n > PACKET_MAX)
            die("hec sent what makes no sense", 0);
        if (waiting(&me.from_hec) - HEAD < n)
            break;
        if ((int)rank != me.rank)
            add(&me.peers[rank].waiting, at + HEAD, n);
        else if (!me.agent_over)
            add(&me.to_agent, at + HEAD, n);
        me.from_hec.from += HEAD + n;
    }
}

/* From hec. Returns whether something came; the end closes me.hec. */
static bool lead_read(void)
{
    ssize_t n;

    if (me.hec < 0)
        return false;
    n = fetch(me.hec, make_room(&me.from_hec, MESSAGE_MAX), MESSAGE_MAX);
    if (n < 0) {
        close(me.hec);
        me.hec = -1;
    } else if (n > 0) {
        me.from_hec.to += (size_t)n;
        lead_take();
    }
    return n != 0;
}

static void lead_hear(int tag, int rank, size_t n)
{
    if (tag == TAG_BYE)
        me.peers[rank].bye = true;
    else if (me.hec >= 0)
        add_packet(&me.to_hec, tag == TAG_BYTES ? PACKET_BYTES : PACKET_CLOSED, (uint32_t)rank,
                   me.buffer, n);
}

/* From this node's agent to hec. */
static bool lead_agent(void)
{
    bool went = drain(&me.to_agent, &me.agent);
    ssize_t n;

    if (me.agent < 0 || waiting(&me.to_hec) >= HELD_MAX)
        return went;
    n = fetch(me.agent, me.buffer, MESSAGE_MAX);
    if (n > 0)
        add_packet(&me.to_hec, PACKET_BYTES, (uint32_t)me.rank, me.buffer, (size_t)n);
    if (n < 0) {
        agent_is_over();
        add_packet(&me.to_hec, PACKET_CLOSED, (uint32_t)me.rank, me.closed, strlen(me.closed));
    }
    return went || n != 0;
}

static bool lead_turn(void)
{
    bool busy = lead_read();
    int rank = 0, tag;
    size_t n = 0;

    for (int i = 0; i < me.size; i++)
        if (i != me.rank)
            busy |= push(&me.peers[i], i);
    for (int i = 0; i < 64 && waiting(&me.to_hec) < HELD_MAX; i++) {
        tag = pull(MPI_ANY_SOURCE, &rank, &n);
        if (!tag)
            break;
        lead_hear(tag, rank, n);
        busy = true;
    }
    busy |= lead_agent();
    busy |= drain(&me.to_hec, &me.hec);
    if (now_ns() - me.pinged_ns > PING_NS) {
        me.pinged_ns = now_ns();
        for (int i = 0; i < me.size; i++)
            me.peers[i].ping_due = true;
    }
    return busy;
}

/* Everybody is told to come to the end, and heard until then. */
static void lead_end(void)
{
    int64_t until = now_ns() + LEAVE_NS;
    bool all;

    close(me.agent);
    me.agent = -1;
    for (int i = 0; i < me.size; i++) {
        me.peers[i].waiting.from = me.peers[i].waiting.to;
        me.peers[i].end_due = true;
    }
    do {
        all = true;
        me.to_hec.from = me.to_hec.to;
        doze(lead_turn(), false);
        for (int i = 0; i < me.size; i++)
            all &= i == me.rank || (me.peers[i].bye && me.peers[i].request == MPI_REQUEST_NULL);
    } while (!all && now_ns() < until);
    reap_agent(until);
    if (!all)
        die("not all nodes came to their end", 0);
}

static void connect_to(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t n = strlen(name);
    unsigned char hello[8 + MPI_MAX_LIBRARY_VERSION_STRING];
    char *library = (char *)hello + 8;
    int length = 0;

    if (n > sizeof at.sun_path - 2)
        die("no such socket", 0);
    memcpy(at.sun_path + 1, name, n);
    me.hec = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (me.hec < 0 || connect(me.hec, (struct sockaddr *)&at,
                              (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n)) < 0)
        die("hec cannot be reached", errno);
    fcntl(me.hec, F_SETFL, O_NONBLOCK);
    put32(hello, PROTOCOL);
    put32(hello + 4, (uint32_t)me.size);
    MPI_Get_library_version(library, &length);
    length = (int)strcspn(library, "\n,");
    add_packet(&me.to_hec, PACKET_HELLO, MAGIC, hello, 8 + (size_t)length);
}

static void lead(const char *name)
{
    connect_to(name);
    while (me.hec >= 0)
        doze(lead_turn(), me.size == 1);
    lead_end();
}

/* ---- the others ---- */

static bool follow_turn(void)
{
    peer *p = &me.peers[0];
    bool busy = push(p, me.lead);
    int rank = 0, tag;
    size_t n = 0;

    while ((tag = pull(me.lead, &rank, &n)) != 0) {
        busy = true;
        if (tag == TAG_BYTES && !me.agent_over)
            add(&me.to_agent, me.buffer, n);
        if (tag == TAG_END)
            p->end_due = true;
    }
    busy |= drain(&me.to_agent, &me.agent);
    if (me.agent >= 0 && p->end_due) {
        close(me.agent);
        me.agent = -1;
        p->waiting.from = p->waiting.to;
        reap_agent(now_ns() + LEAVE_NS / 2);
        me.closed_told = true; /* nobody wants to know */
        busy = true;
    }
    if (me.agent >= 0 && !waiting(&p->waiting) && p->request == MPI_REQUEST_NULL) {
        ssize_t got = fetch(me.agent, make_room(&p->waiting, MESSAGE_MAX), MESSAGE_MAX);

        if (got > 0)
            p->waiting.to += (size_t)got;
        if (got < 0)
            agent_is_over();
        busy |= got != 0;
    }
    return busy;
}

static void follow(void)
{
    const peer *p = &me.peers[0];

    while (!p->bye || p->request != MPI_REQUEST_NULL) {
        bool busy = follow_turn();

        if (p->end_due && me.agent_over)
            me.closed_told = true;
        if (now_ns() - me.heard_ns > SILENCE_NS)
            die("nothing was heard of the coordinator", 0);
        doze(busy, false);
    }
}

/* ---- all ---- */

/* Whether hec's socket can be reached from here: hec_nodes_here() says the same. */
static bool is_here(const char *here)
{
    char boot[64] = "", text[128];
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    struct stat st;

    if (f && fgets(boot, sizeof boot, f))
        boot[strcspn(boot, "\n")] = '\0';
    if (f)
        fclose(f);
    if (stat("/proc/self/ns/net", &st) < 0)
        return false;
    snprintf(text, sizeof text, "%s:%ju", boot, (uintmax_t)st.st_ino);
    return strcmp(text, here) == 0;
}

static int about(void)
{
    char library[MPI_MAX_LIBRARY_VERSION_STRING];
    int n = 0;

    MPI_Get_library_version(library, &n);
    library[strcspn(library, "\n,")] = '\0';
    printf("hec-mpi %u\n%s\n", PROTOCOL, library);
    return fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const int ignored[] = {SIGINT, SIGHUP, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE};
    int mine;

    if (argc == 2 && strcmp(argv[1], "--about") == 0)
        return about();
    if (argc != 4) {
        fputs("usage: hec-mpi --about | hec-mpi SOCKET HERE AGENT\nhec map starts it\n", stderr);
        return 2;
    }
    /* hec decides what a signal means; all end with it. */
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    start_agent(argv[3]);
    if (MPI_Init(&argc, &argv) != MPI_SUCCESS)
        return 1;
    MPI_Comm_rank(MPI_COMM_WORLD, &me.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &me.size);
    mine = is_here(argv[2]) ? me.rank : me.size;
    MPI_Allreduce(&mine, &me.lead, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    if (me.lead == me.size)
        die("none of the nodes is the one where hec runs", 0);
    me.peers = calloc(me.rank == me.lead ? (size_t)me.size : 1, sizeof *me.peers);
    me.buffer = malloc(MESSAGE_MAX);
    if (!me.peers || !me.buffer)
        die("no memory", ENOMEM);
    for (int i = 0; i < (me.rank == me.lead ? me.size : 1); i++)
        me.peers[i].request = MPI_REQUEST_NULL;
    me.busy_ns = me.heard_ns = me.pinged_ns = now_ns();
    if (me.rank == me.lead)
        lead(argv[1]);
    else
        follow();
    signal(SIGALRM, SIG_DFL);
    alarm(FINALIZE_S);
    MPI_Finalize();
    return 0;
}
