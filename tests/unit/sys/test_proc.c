/* SPDX-License-Identifier: MIT
 *
 * Other processes: their memory, their children, their end. And writing without waiting.
 */
#include "tap.h"

#include "sys/offer.h"
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MB ((size_t)1 << 20)

static _Atomic int *pids; /* [3], shared */

static void nap_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* The thread sanitizer writes beside what the program writes. */
#if defined(__SANITIZE_THREAD__)
#define OWN_MAX (400 * MB)
#else
#define OWN_MAX (60 * MB)
#endif

static void memory(void)
{
    int fd = hec__memory_open();
    hec__memory before = {0}, after = {0};
    char *own, *shared;

    ok(fd >= 0 && hec__memory_read(fd, &before) && before.rss >= before.own && before.own > 0,
       "this process's memory can be read");
    own = mmap(NULL, 40 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    shared = mmap(NULL, 40 * MB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memset(own, 1, 40 * MB);
    memset(shared, 1, 40 * MB);
    ok(hec__memory_read(fd, &after) && after.own - before.own >= 39 * MB &&
           after.own - before.own <= OWN_MAX && after.rss - before.rss >= 78 * MB,
       "what is shared is not its own");
    ok(after.data - before.data >= 40 * MB && after.data - before.data < 80 * MB,
       "nor does it count as data");
    munmap(own, 40 * MB);
    munmap(shared, 40 * MB);
    close(fd);
    ok(!hec__memory_read(-1, &after), "where it cannot be read that is said");
    ok(hec__tree_own(0x7ffffff0) == 0, "a process that is not has none");
}

/* A child, its child, and that one's: each with a megabyte more of its own. */
static void be_generation(int n) __attribute__((noreturn));

static void be_generation(int n)
{
    char *p = mmap(NULL, 10 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    while (n < 2 && fork() == 0)
        n++;
    memset(p, 1, 10 * MB);
    atomic_store(&pids[n], (int)getpid());
    for (;;)
        pause();
}

static bool is_gone(pid_t pid)
{
    for (int i = 0; i < 1000 && kill(pid, 0) == 0; i++)
        nap_ms(10);
    return kill(pid, 0) < 0 && errno == ESRCH;
}

static void trees(void)
{
    pid_t pid;
    int status = 0;

    fflush(stdout);
    pid = fork();
    if (pid == 0)
        be_generation(0);
    while (!atomic_load(&pids[0]) || !atomic_load(&pids[1]) || !atomic_load(&pids[2]))
        nap_ms(5);
    ok(hec__tree_own(pid) >= 30 * MB, "the memory of a process and of all that come from it");
    ok(kill(atomic_load(&pids[2]), 0) == 0, "they live");
    hec__tree_kill(pid);
    ok(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
       "a process is killed");
    ok(is_gone(atomic_load(&pids[1])) && is_gone(atomic_load(&pids[2])),
       "with its children and theirs");
}

static void offers(void)
{
    char block[65536] = "";
    int ends[2], socks[2];
    ssize_t n;

    signal(SIGPIPE, SIG_DFL);
    ok(pipe2(ends, O_CLOEXEC) == 0, "a pipe");
    while ((n = hec__offer(ends[1], block, sizeof block)) > 0)
        continue;
    ok(n == 0, "one that is full takes nothing, and nobody waits");
    ok((fcntl(ends[1], F_GETFL) & O_NONBLOCK) == 0, "its flags are as they were");
    ok(read(ends[0], block, 65536) == 65536 && hec__offer(ends[1], "x", 1) == 1,
       "when there is room it does");
    close(ends[0]);
    ok(hec__offer(ends[1], "x", 1) == -1, "one that nobody reads is an error, and no signal");
    close(ends[1]);
    ok(hec__offer(ends[1], "x", 1) == -1, "so is a closed one");
    ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks) == 0, "sockets");
    while ((n = hec__offer(socks[1], block, sizeof block)) > 0)
        continue;
    ok(n == 0, "the same of a socket");
    close(socks[0]);
    ok(hec__offer(socks[1], "x", 1) == -1, "that nobody reads");
    close(socks[1]);
}

int main(void)
{
    alarm(50);
    pids = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memory();
    trees();
    offers();
    return done_testing();
}
