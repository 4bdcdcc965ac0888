/* SPDX-License-Identifier: MIT
 *
 * Reading small files below a root.
 */
#include "sys/file.h"
#include "tap.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/hec-test-file.XXXXXX";

static void put(const char *name, const void *bytes, size_t n)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", root, name);
    f = fopen(path, "w");
    ok(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0, "%s is written", name);
}

static void test_read(void)
{
    HEC_AUTO_STRBUF b;
    hec_error err = {0};
    bool good = true;

    hec__strbuf_init(&b);
    put("small", "one\ntwo\n", 8);
    ok(hec__file_read(root, "/small", &b, &err) == 0, "a file is read");
    is_str(b.data, "one\ntwo\n", "whole");
    ok(hec__file_read(root, "small", &b, &err) == 0 && b.len == 16, "another is appended");
    ok(hec__file_read(root, "/absent", &b, &err) == HEC_ENOENT && b.len == 16, "one is absent");
    ok(hec__file_read(root, "/small/x", &b, NULL) == HEC_ENOENT, "a file is no directory");
    put("nul", "ab\0cd", 5);
    hec__strbuf_clear(&b);
    ok(hec__file_read(root, "/nul", &b, &err) == 0 && b.len == 2, "a NUL byte ends the text");
    ok(hec__file_read(root, "/", &b, &err) == HEC_EIO && b.len == 2, "a directory cannot be read");
    ok(strstr(err.text, root) != NULL, "the error names the file");
    hec__strbuf_clear(&b);
    for (int i = 0; i < 3 && good; i++)
        good = hec__file_read("", "/proc/self/status", &b, &err) == 0;
    ok(good && strstr(b.data, "VmSize:"), "files of /proc are read, though they say size 0");
}

static void test_too_large(void)
{
    HEC_AUTO_STRBUF b;
    char path[128], longname[5000];
    hec_error err;

    hec__strbuf_init(&b);
    hec__strbuf_adds(&b, "before");
    put("large", "x", 1);
    snprintf(path, sizeof path, "%s/large", root);
    ok(truncate(path, (off_t)HEC__FILE_MAX + 1) == 0, "a file grows too large");
    ok(hec__file_read(root, "/large", &b, &err) == HEC_EFORMAT, "and is refused");
    is_str(b.data, "before", "and the buffer is as it was");
    memset(longname, 'n', sizeof longname - 1);
    longname[sizeof longname - 1] = '\0';
    ok(hec__file_read(root, longname, &b, &err) == HEC_ENOENT, "a name too long is not there");
    ok(!hec__file_exists(root, longname), "nor does it exist");
}

static void test_exists(void)
{
    char path[128];

    ok(hec__file_exists(root, "/small") && hec__file_exists("", "/proc"), "what is there exists");
    ok(!hec__file_exists(root, "/absent"), "and what is not does not");
    snprintf(path, sizeof path, "%s/small", root);
    ok(hec__file_is_dir(root) && !hec__file_is_dir(path), "a directory is one");
}

int main(void)
{
    static const char *const names[] = {"small", "nul", "large"};
    char path[128];

    if (!mkdtemp(root))
        return 1;
    test_read();
    test_too_large();
    test_exists();
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", root, names[i]);
        unlink(path);
    }
    rmdir(root);
    return done_testing();
}
