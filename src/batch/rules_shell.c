/* SPDX-License-Identifier: MIT
 *
 * Rules about lines of shell: words are looked at, not meaning. What a scheduler suffers from is
 * visible that way, and nothing is run to find out.
 */
#include "batch/rules.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#define WORD_BYTES 128

/* Where a word of this kind of text can be told from the next. */
static bool is_end(char c)
{
    return !c || strchr(" \t;|&()<>`\"'\n", c);
}

/* The next word of a line, without its quotes; false at the end. */
static bool next_word(const char **p, char *word, size_t size)
{
    size_t n = 0;

    while (**p && is_end(**p))
        ++*p;
    if (!**p || **p == '#')
        return false;
    for (; !is_end(**p); ++*p)
        if (n + 1 < size)
            word[n++] = **p;
    word[n] = '\0';
    return true;
}

static bool is_one_of(const char *word, const char *const *all, size_t n)
{
    const char *slash = strrchr(word, '/'), *name = slash ? slash + 1 : word;

    for (size_t i = 0; i < n; i++)
        if (strcmp(name, all[i]) == 0)
            return true;
    return false;
}

static bool is_query(const char *word)
{
    static const char *const all[] = {"squeue", "sacct", "sinfo", "qstat", "bjobs", "qacct"};

    return is_one_of(word, all, sizeof all / sizeof *all);
}

/* NAME=VALUE of a library of threads. */
static void note_threads(hec__shell_check *s, const char *word, uint32_t line)
{
    static const char *const all[] = {"OMP_NUM_THREADS",      "MKL_NUM_THREADS",
                                      "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS",
                                      "NUMBA_NUM_THREADS",    "RAYON_NUM_THREADS"};
    const char *equals = strchr(word, '=');

    for (size_t i = 0; equals && i < sizeof all / sizeof *all; i++) {
        uint64_t n = strtoul(equals + 1, NULL, 10);

        if (strlen(all[i]) != (size_t)(equals - word) ||
            strncmp(word, all[i], (size_t)(equals - word)) != 0 || n <= s->threads)
            continue;
        s->threads = n;
        s->variable = all[i];
        s->threads_line = line;
    }
}

static void check_word(hec__shell_check *s, const char *word, const char *before, uint32_t line)
{
    hec__check *c = s->check;

    if (strcmp(word, "do") == 0)
        s->loops++;
    else if (strcmp(word, "done") == 0 && s->loops)
        s->loops--;
    else if (strcmp(word, "srun") == 0) {
        s->starts++;
        if (s->loops)
            hec__object(c, "many-steps", HEC__SERIOUS, line,
                        "srun in a loop: each is a step that the scheduler has to start; run the "
                        "tasks with one, srun hec map");
    } else if (is_query(word) && (s->loops || strcmp(before, "watch") == 0)) {
        hec__object(c, "polling", HEC__SERIOUS, line,
                    "%s again and again: schedulers become slow of it; let mail or --after tell",
                    word);
    } else if (strcmp(word, "module") == 0 && !s->ready) {
        s->ready = true; /* said once */
        hec__object(c, "module-start", HEC__SERIOUS, line, "'module' is not there yet: %s%s",
                    c->site->login_shell ? "begin the script with #!/bin/bash -l"
                                         : "put this line before it: ",
                    c->site->login_shell ? "" : c->site->start.all[0]);
    } else {
        note_threads(s, word, line);
    }
}

/* Whether the text has the pattern, not as part of a longer word. */
static bool has(const char *text, const char *pattern)
{
    for (const char *p = text; (p = strstr(p, pattern)); p++) {
        char before = p == text ? ' ' : p[-1], after = p[strlen(pattern)];

        if (!isalnum((unsigned char)before) && !strchr("_.}-", before) &&
            !isalnum((unsigned char)after) && after != '_')
            return true;
    }
    return false;
}

static void check_text(hec__shell_check *s, const char *text, uint32_t line)
{
    hec__check *c = s->check;
    const hec__pairs *avoid = &c->site->avoid;

    for (size_t i = 0; i < avoid->n; i++)
        if (has(text, avoid->all[i].key))
            hec__object(c, "avoid", HEC__ADVICE, line, "'%s': %s", avoid->all[i].key,
                        avoid->all[i].value);
    if (has(text, "jupyter") && (strstr(text, "--ip=0.0.0.0") || strstr(text, "--ip=*") ||
                                 strstr(text, "--ip 0.0.0.0") || strstr(text, "--port")))
        hec__object(c, "open-port", HEC__SERIOUS, line,
                    "a port of a node is open to everybody on the cluster; let the server listen "
                    "on a Unix socket or on 127.0.0.1, on a port that it chooses");
}

void hec__check_shell(hec__shell_check *s, const char *text, uint32_t line)
{
    const char *p = text + strspn(text, " \t");
    char word[WORD_BYTES], before[WORD_BYTES] = "";

    if (*p == '#')
        return;
    for (size_t i = 0; i < s->check->site->start.n; i++)
        if (strstr(text, s->check->site->start.all[i]) || strstr(text, ". /etc/profile"))
            s->ready = true;
    check_text(s, p, line);
    while (next_word(&p, word, sizeof word)) {
        check_word(s, word, before, line);
        if (word[0] != '-' && !isdigit((unsigned char)word[0]))
            memcpy(before, word, sizeof before);
    }
}

void hec__check_shell_end(hec__shell_check *s, uint32_t cpus)
{
    if (s->starts > 1 && !s->loops)
        hec__object(s->check, "many-steps", HEC__ADVICE, 0,
                    "%" PRIu32 " starts by srun; one for each job is enough for most", s->starts);
    if (cpus && s->threads > cpus)
        hec__object(s->check, "threads", HEC__SERIOUS, s->threads_line,
                    "%s=%" PRIu64 ", and the job has %" PRIu32
                    " CPU%s on a node: its threads would crowd out each other and others",
                    s->variable, s->threads, cpus, cpus == 1 ? "" : "s");
}
