/* SPDX-License-Identifier: MIT
 *
 * The zygote's end of the socket.
 */
#include "sys/zygote.h"

#include "base/error.h"
#include "sys/letter.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define HELLO_MS 60000

/* The children that have not been asked for yet. */
typedef struct brood {
    hec__child *children;
    int n, cap;
} brood;

static hec__child *find(brood *b, pid_t pid)
{
    for (int i = 0; i < b->n; i++)
        if (b->children[i].pid == pid)
            return &b->children[i];
    return NULL;
}

static bool make_room(brood *b)
{
    int cap = b->cap ? 2 * b->cap : 16;
    hec__child *more;

    if (b->n < b->cap)
        return true;
    more = realloc(b->children, (size_t)cap * sizeof *more);
    if (!more)
        return false;
    b->children = more;
    b->cap = cap;
    return true;
}

static void forget(brood *b, hec__child *child)
{
    hec__child_forget(child);
    *child = b->children[--b->n];
}

/* Returns 1 in the child. In the zygote the answer is filled, and *ret_fd goes with it. */
static int fork_one(brood *b, hec__letter *answer, int *ret_fd)
{
    hec__child child;
    hec_error err = {0};
    int r;

    if (!make_room(b)) {
        answer->value = ENOMEM;
        return 0;
    }
    r = hec__child_fork(&child, &err);
    if (r == 1)
        return 1;
    if (r < 0) {
        answer->value = err.sys ? err.sys : EAGAIN;
        return 0;
    }
    answer->pid = child.pid;
    answer->value = child.is_pidfd;
    *ret_fd = child.fd;
    b->children[b->n++] = child;
    return 0;
}

/* Questions about a child that was forked before. One that is not known was our predecessor's: the
 * kernel killed it when that died. */
static void answer_about(brood *b, const hec__letter *question, hec__letter *answer)
{
    hec__child *child = find(b, question->pid);
    hec__spent spent = {0};
    int status;

    if (question->kind == HEC__LETTER_KILL) {
        if (child)
            hec__child_kill(child, question->value);
    } else if (question->kind == HEC__LETTER_LOOK) {
        answer->value = !child || hec__child_ended(child);
    } else if (question->kind == HEC__LETTER_REAP && !child) {
        answer->pid = question->pid;
        answer->value = SIGKILL;
    } else if (question->kind == HEC__LETTER_REAP) {
        if (hec__child_reap_spent(child, question->value, &status, &spent)) {
            answer->pid = question->pid;
            answer->value = status;
            answer->size = sizeof spent;
            memcpy(answer->what, &spent, sizeof spent);
            forget(b, child);
        }
    }
}

static int be_greeted(hec_error *err)
{
    hec__letter hello, ready = {.kind = HEC__LETTER_READY};

    if (hec__letter_receive(HEC__ZYGOTE_FD, &hello, NULL, NULL, HELLO_MS) != 1 ||
        hello.kind != HEC__LETTER_HELLO)
        return hec__fail(err, HEC_ESYS, 0, "this is not a zygote: nobody says hello");
    hec__child_bind(hello.pid, hello.value);
    if (hec__letter_send(HEC__ZYGOTE_FD, &ready, NULL, 0) < 0)
        return hec__fail(err, HEC_ESYS, errno, "the process that started this zygote is gone");
    return 0;
}

/* Returns 1 in a child. Closes, in the zygote, the descriptors that came with the letter. */
static int answer_one(brood *b, const hec__letter *question, const int *fds, int nfds,
                      void (*before)(void *), void (*after)(void *), void *ctx)
{
    hec__letter answer = {.kind = HEC__LETTER_ANSWER};
    int fd = -1;

    if (question->kind == HEC__LETTER_FORK) {
        if (before)
            before(ctx);
        if (fork_one(b, &answer, &fd) == 1)
            return 1;
        if (after)
            after(ctx);
    } else {
        answer_about(b, question, &answer);
    }
    for (int i = 0; i < nfds; i++)
        close(fds[i]);
    return hec__letter_send(HEC__ZYGOTE_FD, &answer, &fd, fd >= 0) < 0 ? HEC_ESYS : 0;
}

int hec__zygote_serve(void (*before)(void *ctx), void (*after)(void *ctx), void *ctx,
                      hec__summons *ret, hec_error *err)
{
    hec__letter question;
    brood b = {0};
    int r = be_greeted(err);

    if (r < 0)
        return r;
    for (;;) {
        r = hec__letter_receive(HEC__ZYGOTE_FD, &question, ret->fds, &ret->nfds, -1);
        if (r <= 0)
            break;
        r = answer_one(&b, &question, ret->fds, ret->nfds, before, after, ctx);
        if (r == 1) {
            close(HEC__ZYGOTE_FD); /* who reads there must hear when the zygote itself ends */
            memcpy(ret->what, question.what, question.size);
            ret->size = question.size;
            break;
        }
        if (r < 0)
            break;
    }
    free(b.children);
    return r == 1 ? 1 : 0;
}
