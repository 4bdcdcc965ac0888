/* SPDX-License-Identifier: MIT
 *
 * Where runs lie and what they are called.
 */
#include "base/error.h"
#include "run/run.h"
#include "sys/shm.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#define OTHERS (S_IWGRP | S_IWOTH)
#define WORD   24 /* bytes of the name in an id, at most */

int64_t hec__run_now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int hec__run_folder(const char *path, int *ret_fd, hec_error *err)
{
    HEC_AUTO_FD fd = hec__above_stdio(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat st;

    if (fd < 0)
        return hec__fail(err,
                         errno == ENOENT || errno == ENOTDIR ? HEC_ENOENT
                         : errno == EACCES                   ? HEC_EPERM
                                                             : HEC_EIO,
                         errno, "cannot open the folder '%.160s'", path);
    if (fstat(fd, &st) < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot look at the folder '%.160s'", path);
    if (st.st_uid != geteuid())
        return hec__fail(err, HEC_EPERM, 0,
                         "the folder '%.120s' belongs to another user (%u), who could change what "
                         "is run: use one of your own",
                         path, (unsigned)st.st_uid);
    if (st.st_mode & OTHERS)
        return hec__fail(err, HEC_EPERM, 0,
                         "others can write to the folder '%.90s' (mode %04o), and what is in a run "
                         "is run: if you trust it, chmod go-w",
                         path, (unsigned)st.st_mode & 07777);
    *ret_fd = fd;
    fd = -1;
    return 0;
}

/* The path of the home of runs, whether there is one or not. */
static int home_path(char **ret_path, hec_error *err)
{
    const char *set = getenv("HEC_RUNS"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    HEC_AUTO_STRBUF b;

    hec__strbuf_init(&b);
    if (set && *set == '/')
        hec__strbuf_adds(&b, set);
    else if (set && *set)
        return hec__fail(err, HEC_EINVAL, 0, "HEC_RUNS is '%.120s', which is no absolute path",
                         set);
    else if (data && *data == '/')
        hec__strbuf_addf(&b, "%s/hec/runs", data);
    else if (home && *home == '/')
        hec__strbuf_addf(&b, "%s/.local/share/hec/runs", home);
    else
        return hec__fail(err, HEC_ENOENT, 0,
                         "there is no place for runs: neither HOME nor HEC_RUNS is set");
    *ret_path = hec__strbuf_detach(&b);
    return *ret_path ? 0 : hec__fail(err, HEC_ENOMEM, 0, "no memory for a path");
}

/* Makes a folder and those around it. */
static int make_folders(char *path, hec_error *err)
{
    for (char *p = path + 1;; p++) {
        char at = *p;

        if (at != '/' && at != '\0')
            continue;
        *p = '\0';
        if (mkdir(path, 0700) < 0 && errno != EEXIST && (at == '\0' || errno != EROFS))
            return hec__fail(err, errno == EACCES ? HEC_EPERM : HEC_EIO, errno,
                             "cannot make the folder '%.160s'", path);
        *p = at;
        if (at == '\0')
            return 0;
    }
}

int hec__run_home(bool make, char **ret_path, hec_error *err)
{
    HEC_AUTO_STR path = NULL;
    HEC_AUTO_FD fd = -1;
    hec_error why = {0};
    int r = home_path(&path, err);

    if (r < 0)
        return r;
    r = hec__run_folder(path, &fd, &why);
    if (r == HEC_ENOENT && make) {
        r = make_folders(path, err);
        if (r < 0)
            return r;
        r = hec__run_folder(path, &fd, &why);
    }
    /* One that is not there yet has no runs in it, which is no failure of whoever only looks. */
    if (r < 0 && !(r == HEC_ENOENT && !make)) {
        if (err)
            *err = why;
        return r;
    }
    *ret_path = HEC_STEAL(&path);
    return 0;
}

/* ---- ids ---- */

bool hec__run_is_id(const char *text)
{
    size_t n = strlen(text);

    if (n == 0 || n >= HEC__RUN_ID_MAX || !isalnum((unsigned char)*text))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("-_.", text[i]))
            return false;
    return true;
}

/* What of a name is fit for an id: of a path the last part, small letters, digits and dashes. */
static void add_word(const char *name, char word[WORD + 1])
{
    const char *slash = strrchr(name, '/');
    size_t n = 0;

    if (slash && slash[1])
        name = slash + 1;
    for (; *name && n < WORD; name++) {
        if (isalnum((unsigned char)*name))
            word[n++] = (char)tolower((unsigned char)*name);
        else if (n && word[n - 1] != '-')
            word[n++] = '-';
    }
    while (n && word[n - 1] == '-')
        n--;
    word[n] = '\0';
}

void hec__run_new_id(const char *name, int64_t now_ms, char buf[HEC__RUN_ID_MAX])
{
    time_t seconds = (time_t)(now_ms / 1000);
    char word[WORD + 1], when[32];
    unsigned short chance;
    struct tm tm = {0};

    if (getrandom(&chance, sizeof chance, GRND_NONBLOCK) != sizeof chance)
        chance = (unsigned short)(now_ms * 40503 ^ getpid());
    gmtime_r(&seconds, &tm);
    strftime(when, sizeof when, "%Y%m%d-%H%M", &tm);
    add_word(name, word);
    snprintf(buf, HEC__RUN_ID_MAX, "%.20s-%s%s%04x", when, word, *word ? "-" : "", chance);
}
