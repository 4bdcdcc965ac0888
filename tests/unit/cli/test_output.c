/* SPDX-License-Identifier: MIT
 *
 * What tasks write: in memory, in the temporary file, by task and by line, in order.
 */
#include "map_output.h"
#include "tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void nothing(void *ctx)
{
    (void)ctx;
}

static bool never(void *ctx)
{
    (void)ctx;
    return false;
}

static map_output *shown_by;
static int over_n;

static void over(void *ctx, map_said *s)
{
    (void)ctx;
    over_n++;
    map_said_fini(s, shown_by);
}

static map_output begin(enum map_output_mode mode, bool keep_order)
{
    map_output o = {
        .mode = mode, .keep_order = keep_order, .before = nothing, .give_up = never, .over = over};

    map_output_init(&o, NULL);
    over_n = 0;
    return o;
}

/* Standard output goes to a file while this is open. */
static int redirect(void)
{
    char name[] = "/tmp/hec-output-XXXXXX";
    int fd = mkstemp(name), saved = dup(1);

    unlink(name);
    fflush(stdout);
    dup2(fd, 1);
    close(fd);
    return saved;
}

/* What was written so far; and back. Static storage. */
static const char *written(int saved)
{
    static char text[4096];
    ssize_t n = pread(1, text, sizeof text - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    dup2(saved, 1);
    close(saved);
    return text;
}

static void say(map_output *o, map_said *s, const char *text)
{
    map_output_data(o, s, 1, text, strlen(text), NULL);
}

static void groups(void)
{
    map_output o = begin(OUTPUT_GROUP, false);
    map_said a, b;
    int saved = redirect();

    shown_by = &o;
    map_said_init(&a, 1);
    map_said_init(&b, 2);
    say(&o, &a, "a1\n");
    say(&o, &b, "b1\n");
    say(&o, &a, "a2");
    map_output_end(&o, &b, NULL);
    map_output_end(&o, &a, NULL);
    is_str(written(saved), "b1\na1\na2", "by task, in the order of their ends, byte for byte");
    ok(over_n == 2, "each is given back");
    map_output_fini(&o);
}

static void in_order(void)
{
    map_output o = begin(OUTPUT_GROUP, true);
    map_said s[4];
    int saved = redirect();

    shown_by = &o;
    for (uint64_t i = 0; i < 4; i++) {
        map_said_init(&s[i], i + 1);
        say(&o, &s[i], (const char *[]){"1\n", "2\n", "3\n", "4\n"}[i]);
    }
    map_output_end(&o, &s[2], NULL);
    map_output_end(&o, &s[0], NULL);
    map_output_end(&o, &s[1], NULL);
    map_output_end(&o, &s[3], NULL);
    ok(strncmp(written(saved), "1\n2\n3\n", 6) == 0, "in the order of the inputs");
    ok(over_n == 4, "all are given back");
    ok(!map_output_full(&o, 5) && map_output_full(&o, 5 + OUTPUT_WINDOW),
       "nobody may be too far ahead");
    map_output_fini(&o);
}

static void gaps(void)
{
    map_output o = begin(OUTPUT_GROUP, true);
    map_said s[2];
    int saved = redirect();

    shown_by = &o;
    map_said_init(&s[0], 3);
    map_said_init(&s[1], 2);
    say(&o, &s[0], "3\n");
    say(&o, &s[1], "2\n");
    map_output_end(&o, &s[0], NULL);
    map_output_end(&o, &s[1], NULL);
    map_output_finish(&o, NULL);
    is_str(written(saved), "2\n3\n", "at the end what is held is shown, whatever is missing");
    map_output_fini(&o);
}

static void lines(void)
{
    map_output o = begin(OUTPUT_LINES, false);
    map_said a, b;
    int saved = redirect();

    shown_by = &o;
    map_said_init(&a, 1);
    map_said_init(&b, 2);
    a.tag = "A";
    b.tag = "B";
    say(&o, &a, "one\ntw");
    say(&o, &b, "x\n");
    say(&o, &a, "o\nthree");
    map_output_end(&o, &a, NULL);
    map_output_end(&o, &b, NULL);
    is_str(written(saved), "A\tone\nB\tx\nA\ttwo\nA\tthree\n",
           "lines as they are complete, tagged, never mixed, and the last one ended");
    map_output_fini(&o);
}

static int collect(void *ctx, const char *bytes, size_t n)
{
    return hec__strbuf_add(ctx, bytes, n);
}

static void large(void)
{
    map_store store;
    map_spool s;
    hec__strbuf got, want;
    const char *view = NULL;
    struct stat st;

    map_store_init(&store);
    map_spool_init(&s);
    hec__strbuf_init(&got);
    hec__strbuf_init(&want);
    for (int i = 0; i < 40000; i++) {
        char text[32];
        int n = snprintf(text, sizeof text, "%d\n", i * 7919);

        map_spool_add(&s, &store, text, (size_t)n, NULL);
        hec__strbuf_add(&want, text, (size_t)n);
    }
    ok(s.size == want.len && s.lines == want.len, "%zu bytes are kept", want.len);
    ok(s.tail.len < SPOOL_CHUNK && store.memory < SPOOL_CHUNK,
       "less than a chunk of them in memory");
    ok(map_spool_view(&s, &store, &view, NULL) == 0 && memcmp(view, want.data, want.len) == 0,
       "they can be had as one piece");
    map_spool_unview(&s, view);
    ok(map_spool_pass(&s, &store, 100001, collect, &got, NULL) == 0 && got.len == 100001,
       "or passed on, so many");
    map_spool_add(&s, &store, "end", 3, NULL);
    hec__strbuf_adds(&want, "end");
    ok(map_spool_to_file(&s, &store, NULL) == 0 && store.memory == 0,
       "all of it put into the file");
    ok(map_spool_pass(&s, &store, s.size, collect, &got, NULL) == 0, "and passed on from there");
    ok(got.len == want.len && memcmp(got.data, want.data, want.len) == 0, "unchanged");
    ok(fstat(store.fd, &st) == 0 && st.st_size == 0, "the file is empty then");
    map_spool_fini(&s, &store);
    map_store_fini(&store);
    hec__strbuf_fini(&got);
    hec__strbuf_fini(&want);
}

static void no_room(void)
{
    map_store store;
    map_spool s;
    hec_error err = {0};
    char block[SPOOL_CHUNK] = "";

    setenv("TMPDIR", "/nowhere/at/all", 1);
    map_store_init(&store);
    map_spool_init(&s);
    ok(map_spool_add(&s, &store, block, sizeof block, &err) == HEC_EIO &&
           strstr(err.text, "cannot make a temporary file in '/nowhere/at/all'") != NULL,
       "no temporary file: %s", err.text);
    map_spool_fini(&s, &store);
    map_store_fini(&store);
    unsetenv("TMPDIR");
}

int main(void)
{
    groups();
    in_order();
    gaps();
    lines();
    large();
    no_room();
    return done_testing();
}
