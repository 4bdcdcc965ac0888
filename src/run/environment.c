/* SPDX-License-Identifier: MIT
 *
 * What a command depends on beside its code: the program itself, the packages of the Python around
 * it, the modules that are loaded. Looked at in a millisecond or so, and no command is run: names
 * of packages have their versions in them, and a module's name has its.
 */
#include "base/error.h"
#include "base/hash.h"
#include "run/run.h"
#include "sys/file.h"

#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define HASHED_MAX ((off_t)16 << 20) /* of a larger program size and time stand for the content */

static void add_line(hec__strbuf *out, const char *what, const char *text, size_t n)
{
    hec__strbuf_addf(out, "%s ", what);
    for (size_t i = 0; i < n; i++)
        hec__strbuf_addc(out, (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i]);
    hec__strbuf_addc(out, '\n');
}

/* ---- the program ---- */

/* The path by which it is found, links and all; false where there is none. */
static bool find_program(const char *program, const char *folder, char *buf, size_t size)
{
    const char *path = getenv("PATH");

    if (*program == '/')
        return (size_t)snprintf(buf, size, "%s", program) < size && access(buf, X_OK) == 0;
    if (strchr(program, '/'))
        return (size_t)snprintf(buf, size, "%s/%s", folder ? folder : ".", program) < size &&
               access(buf, X_OK) == 0;
    while (path && *path) {
        size_t n = strcspn(path, ":");

        if (n && (size_t)snprintf(buf, size, "%.*s/%s", (int)n, path, program) < size &&
            access(buf, X_OK) == 0)
            return true;
        path += n + (path[n] == ':');
    }
    return false;
}

static void add_program(const char *path, hec__strbuf *out)
{
    HEC_AUTO_STR real = realpath(path, NULL);
    HEC_AUTO_STRBUF content, line;
    struct stat st;

    hec__strbuf_init(&content);
    hec__strbuf_init(&line);
    if (!real || stat(real, &st) < 0)
        return;
    hec__strbuf_addf(&line, "%s ", real);
    if (st.st_size <= HASHED_MAX && hec__file_read("", real, &content, NULL) == 0 && content.data)
        hec__strbuf_addf(&line, "%016llx",
                         (unsigned long long)hec__hash64(content.data, content.len, 0));
    else
        hec__strbuf_addf(&line, "%lld bytes of %lld", (long long)st.st_size,
                         (long long)st.st_mtim.tv_sec);
    if (!line.failed)
        add_line(out, "program", line.data, line.len);
}

/* ---- packages ---- */

/* The names of what a pattern finds, without folder and ending; glob() sorts. */
static void add_names(const char *pattern, const char *end, hec__strbuf *out)
{
    glob_t found;

    if (glob(pattern, 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *name = strrchr(found.gl_pathv[i], '/') + 1;

        add_line(out, "package", name, strlen(name) - strlen(end));
    }
    globfree(&found);
}

static void add_packages(const char *prefix, hec__strbuf *out)
{
    char pattern[PATH_MAX + 64];

    add_line(out, "prefix", prefix, strlen(prefix));
    snprintf(pattern, sizeof pattern, "%s/lib/python*/site-packages/*.dist-info", prefix);
    add_names(pattern, ".dist-info", out);
    snprintf(pattern, sizeof pattern, "%s/conda-meta/*.json", prefix);
    add_names(pattern, ".json", out);
}

/* The environment of Python that is active, or that the program is in; else, of a Python, that of
 * the user. */
static void add_python(const char *program, hec__strbuf *out)
{
    static const char *const variables[] = {"VIRTUAL_ENV", "CONDA_PREFIX"};
    const char *home = getenv("HOME"), *slash = program ? strrchr(program, '/') : NULL;
    char prefix[PATH_MAX], path[PATH_MAX + 16];
    bool found = false;

    for (int i = 0; i < 2; i++) {
        const char *set = getenv(variables[i]);

        if (set && *set == '/') {
            add_packages(set, out);
            found = true;
        }
    }
    if (!slash)
        return;
    snprintf(prefix, sizeof prefix, "%.*s", (int)(slash - program), program);
    if (strrchr(prefix, '/'))
        *strrchr(prefix, '/') = '\0';
    snprintf(path, sizeof path, "%s/pyvenv.cfg", prefix);
    if (!found && hec__file_exists("", path)) {
        add_packages(prefix, out);
        found = true;
    }
    if (!found && home && strncmp(slash + 1, "python", 6) == 0) {
        snprintf(prefix, sizeof prefix, "%s/.local", home);
        add_packages(prefix, out);
    }
}

static void add_modules(hec__strbuf *out)
{
    const char *all = getenv("LOADEDMODULES");

    while (all && *all) {
        size_t n = strcspn(all, ":");

        if (n)
            add_line(out, "module", all, n);
        all += n + (all[n] == ':');
    }
}

int hec_environment(const char *program, const char *folder, char **ret_text, hec_error *err)
{
    char path[PATH_MAX];
    HEC_AUTO_STRBUF out;
    bool found = program && find_program(program, folder, path, sizeof path);
    char *text;

    hec__strbuf_init(&out);
    if (found)
        add_program(path, &out);
    add_python(found ? path : NULL, &out);
    add_modules(&out);
    hec__strbuf_adds(&out, "");
    text = out.failed ? NULL : out.data ? hec__strbuf_detach(&out) : strdup("");
    if (!text)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for what the environment is");
    *ret_text = text;
    return 0;
}

void hec__environment_hash(const char *text, char buf[HEC__ENVIRONMENT_HASH])
{
    unsigned char hash[HEC__HASH128_SIZE];

    hec__hash128(text, strlen(text), hash);
    for (size_t i = 0; i < sizeof hash; i++)
        snprintf(buf + 2 * i, 3, "%02x", hash[i]);
}
