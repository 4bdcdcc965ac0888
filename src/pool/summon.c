/* SPDX-License-Identifier: MIT */
#include "pool/summon.h"

#include "base/error.h"
#include "pool/worker.h"
#include "sys/crash.h"
#include "sys/shm.h"
#include "sys/zygote.h"

#include <hec/zygote.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

/* The descriptors that go along. */
enum { CONTROL, DATA, ARRAYS, BELL, START, FOLDER, WARDEN, REPORTS, STDOUT, STDERR, NFDS };

typedef struct calling {
    uint32_t magic, number, nworkers;
    int32_t cpus;
    uint64_t store_bytes, arrays_size, warm_max;
    uint64_t environment, data; /* bytes of the two in the file START, one after the other */
    uint64_t has_stdout, has_stderr, reports; /* whether there is such a descriptor */
    uint64_t has_affinity;
    cpu_set_t affinity; /* of this process: it may have changed since the zygote was started */
} calling;

static_assert(sizeof(calling) <= HEC__ZYGOTE_WHAT, "a worker can be told all of this");
static_assert(NFDS <= HEC__ZYGOTE_FDS, "and be given these");

/* ---- the pool's process ---- */

/* The variables, one after the other, each ended by a NUL. NULL when out of memory. */
static char *copy_environment(size_t *ret_size)
{
    size_t size = 1, at = 0;
    char *text;

    for (char **e = environ; e && *e; e++)
        size += strlen(*e) + 1;
    text = malloc(size);
    if (!text)
        return NULL;
    for (char **e = environ; e && *e; e++) {
        size_t n = strlen(*e) + 1;

        if (n > size - at)
            break; /* it grows at this moment: another thread's doing */
        memcpy(text + at, *e, n);
        at += n;
    }
    *ret_size = at;
    return text;
}

static int write_start(hec_pool *p, const hec_pool_options *o, const char *environment,
                       hec_error *err)
{
    uint64_t size = hec__page_round(p->start_environment + o->start_size + 1);
    void *to;
    int r = hec__shm_create("hec-start", size, &p->start_fd, err);

    if (r < 0)
        return r;
    r = hec__shm_map(p->start_fd, 0, size, HEC__SHM_SHARED, &to, err);
    if (r < 0)
        return r;
    memcpy(to, environment, p->start_environment);
    if (o->start_size)
        memcpy((char *)to + p->start_environment, o->start_data, o->start_size);
    munmap(to, size);
    return 0;
}

int hec__summons_prepare(hec_pool *p, const hec_pool_options *o, hec_error *err)
{
    size_t size = 0;
    char *environment = copy_environment(&size);
    int r;

    if (!environment)
        return hec__fail(err, HEC_ENOMEM, 0, "cannot create a pool");
    p->start_environment = size;
    p->start_data = o->start_size;
    r = write_start(p, o, environment, err);
    free(environment);
    if (r < 0)
        return r;
    p->folder_fd = hec__above_stdio(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (p->folder_fd < 0)
        return hec__fail(err, HEC_ESYS, errno, "cannot open the current folder");
    return 0;
}

void hec__summons_fini(hec_pool *p)
{
    if (p->start_fd >= 0)
        close(p->start_fd);
    if (p->folder_fd >= 0)
        close(p->folder_fd);
    p->start_fd = p->folder_fd = -1;
}

int hec__summon(hec_pool *p, uint32_t k, const hec__worker_start *start, hec__child *ret,
                hec_error *err)
{
    const hec__segment *s = p->segment;
    int fds[NFDS] = {[CONTROL] = s->control_fd,    [DATA] = s->data_fd,   [ARRAYS] = s->arrays_fd,
                     [BELL] = p->watch.bell,       [START] = p->start_fd, [FOLDER] = p->folder_fd,
                     [WARDEN] = start->warden.bell};
    calling c = {.magic = HEC__MAGIC,
                 .number = k,
                 .nworkers = p->nworkers,
                 .cpus = p->cpus,
                 .store_bytes = s->store_bytes,
                 .arrays_size = s->arrays_size,
                 .warm_max = p->warm_max,
                 .environment = p->start_environment,
                 .data = p->start_data,
                 .has_stdout = fcntl(STDOUT_FILENO, F_GETFD) >= 0,
                 .has_stderr = start->stderr_fd >= 0 || fcntl(STDERR_FILENO, F_GETFD) >= 0,
                 .reports = start->reports_fd >= 0};

    /* What is not there has to be something that is. */
    fds[REPORTS] = c.reports ? start->reports_fd : p->watch.bell;
    fds[STDOUT] = c.has_stdout ? STDOUT_FILENO : p->watch.bell;
    fds[STDERR] = !c.has_stderr           ? p->watch.bell
                  : start->stderr_fd >= 0 ? start->stderr_fd
                                          : STDERR_FILENO;

    c.has_affinity = sched_getaffinity(0, sizeof c.affinity, &c.affinity) == 0;
    return hec__zygote_fork(p->zygote, &c, sizeof c, fds, NFDS, ret, err);
}

/* ---- the worker ---- */

/* What the zygote has of its start is as old as that. The memory stays: putenv() keeps pointers. */
static void take_environment(char *text, uint64_t size)
{
    clearenv();
    for (char *end = text + size; text < end; text += strlen(text) + 1)
        putenv(text);
}

/* Where the pool's process writes to now, which need not be where the zygote does. */
static void take_stdout(int fd, bool is_there)
{
    if (is_there)
        dup2(fd, STDOUT_FILENO);
    else
        close(STDOUT_FILENO);
    close(fd);
}

static void be_worker(const hec__summons *s, const hec_runner *runner,
                      void (*prepare)(void *, const void *, size_t)) __attribute__((noreturn));

static void be_worker(const hec__summons *s, const hec_runner *runner,
                      void (*prepare)(void *, const void *, size_t))
{
    hec__worker_start start = {.runner = *runner, .available = hec__pool_available};
    hec__segment like = {0}, *segment = NULL;
    void *text = NULL;
    calling c;

    memcpy(&c, s->what, sizeof c);
    if (s->size != sizeof c || s->nfds != NFDS || c.magic != HEC__MAGIC)
        _exit(HEC__WORKER_NO_MEMORY);
    like.control_fd = s->fds[CONTROL];
    like.data_fd = s->fds[DATA];
    like.arrays_fd = s->fds[ARRAYS];
    like.nworkers = c.nworkers;
    like.store_bytes = c.store_bytes;
    like.arrays_size = c.arrays_size;
    if (hec__segment_attach(&like, &segment, NULL) < 0 ||
        hec__segment_map_ring(segment, c.number, false, &start.tasks, NULL) < 0 ||
        hec__segment_map_ring(segment, c.number, true, &start.results, NULL) < 0 ||
        hec__shm_map(s->fds[START], 0, hec__page_round(c.environment + c.data + 1),
                     HEC__SHM_PRIVATE, &text, NULL) < 0)
        _exit(HEC__WORKER_NO_MEMORY);
    take_environment(text, c.environment);
    if (fchdir(s->fds[FOLDER]) < 0)
        _exit(HEC__WORKER_NO_FOLDER);
    if (c.has_affinity)
        sched_setaffinity(0, sizeof c.affinity, &c.affinity);
    close(s->fds[START]);
    close(s->fds[FOLDER]);
    start.number = c.number;
    start.cpus = c.cpus;
    start.segment = segment;
    start.watch = (hec__watch){.epoll = -1, .bell = s->fds[BELL]};
    start.warden = (hec__watch){.epoll = -1, .bell = s->fds[WARDEN]};
    start.reports_fd = c.reports ? s->fds[REPORTS] : -1;
    start.stderr_fd = c.has_stderr ? s->fds[STDERR] : -1;
    take_stdout(s->fds[STDOUT], c.has_stdout);
    start.warm_max = c.warm_max;
    start.prepare = prepare;
    start.data = (char *)text + c.environment;
    start.data_size = c.data;
    hec__worker_main(&start);
}

int hec_zygote_serve(const hec_runner *runner,
                     void (*prepare)(void *ctx, const void *data, size_t size), hec_error *err)
{
    hec__summons summons;
    int r;

    hec__crash_prime();
    r = hec__zygote_serve(runner->before_fork, runner->after_fork, runner->ctx, &summons, err);

    if (r == 1)
        be_worker(&summons, runner, prepare);
    return r;
}
