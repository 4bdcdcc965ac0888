/* SPDX-License-Identifier: MIT
 *
 * Rows of input: values, files, pipes, and their combinations.
 */
#include "map_input.h"
#include "tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A word as argv has it. */
#define W(s) ((char[]){s})

static char folder[] = "/tmp/hec-input-XXXXXX";

static const char *file(const char *name, const char *bytes, size_t n)
{
    static char paths[8][64];
    static int at;
    char *path = paths[at++ % 8];
    int fd;

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
        printf("Bail out! cannot write %s\n", path);
    close(fd);
    return path;
}

/* Every row as text: columns with commas, rows with blanks; or the error. Static storage. */
static const char *all(map_input_options o)
{
    static char out[1024];
    map_input *in = NULL;
    hec_error err = {0};
    map_row row;
    size_t used = 0;
    int r;

    out[0] = '\0';
    r = map_input_create(&o, &in, &err);
    if (r == 0)
        r = map_input_begin(in, &err);
    while (r >= 0 && (r = map_input_next(in, &row, &err)) == MAP_ROW)
        for (size_t i = 0; i < row.n; i++)
            used += (size_t)snprintf(out + used, sizeof out - used, "%s%s",
                                     i      ? ","
                                     : used ? " "
                                            : "",
                                     row.values[i]);
    if (r < 0)
        snprintf(out, sizeof out, "error: %s", err.text);
    map_input_destroy(in);
    return out;
}

static void combinations(void)
{
    char *abc[] = {W("a"), W("b"), W("c")}, *two[] = {W("1"), W("2")}, *xy[] = {W("x"), W("y")};
    map_source s[3] = {{.values = abc, .n_values = 3},
                       {.values = two, .n_values = 2},
                       {.values = xy, .n_values = 2}};

    is_str(all((map_input_options){.sources = s, .n = 1}), "a b c", "one source");
    is_str(all((map_input_options){.sources = s, .n = 2}), "a,1 a,2 b,1 b,2 c,1 c,2",
           "two are combined, the last one first");
    is_str(all((map_input_options){.sources = s + 1, .n = 2}), "1,x 1,y 2,x 2,y", "any two");
    s[1].linked = true;
    is_str(all((map_input_options){.sources = s, .n = 2}), "a,1 b,2",
           "linked they go along, as far as the shorter one");
    is_str(all((map_input_options){.sources = s, .n = 3}), "a,1,x a,1,y b,2,x b,2,y",
           "and are combined with a third");
    s[1].n_values = 0;
    is_str(all((map_input_options){.sources = s, .n = 2}), "", "with nothing there is nothing");
    s[1].linked = false;
    is_str(all((map_input_options){.sources = s, .n = 2}), "", "in combination neither");
}

static void files(void)
{
    map_source s[2] = {{.file = file("a", "1\n\n 3 \n4", 8)}};
    map_input_options o = {.sources = s, .n = 1};

    is_str(all(o), "1   3  4", "lines of a file, empty ones too, the last one unfinished");
    s[0].file = file("b", "1\n2\0003\0", 6);
    o.null = true;
    is_str(all(o), "1\n2 3", "records that end with a NUL");
    o.null = false;
    is_str(strstr(all(o), "line 2 of"), strstr(all(o), "line 2"), "a NUL in a line");
    ok(strstr(all(o), "has a NUL byte, which no argument can have") != NULL, "is an error");
    s[0].file = file("c", "", 0);
    is_str(all(o), "", "an empty file");
    s[0].file = "/nowhere/at/all";
    is_str(all(o), "error: cannot open '/nowhere/at/all': No such file or directory",
           "a file that is not there");
    s[0].file = folder;
    ok(strstr(all(o), "Is a directory") != NULL, "a folder is no file");
}

static void columns(void)
{
    map_source s[1] = {{.file = file("t", "x\ty\n1\t2\n3\t\n\n5\t6\t7\n", 18)}};
    map_input_options o = {.sources = s, .n = 1, .colsep = "\\t"};

    is_str(all(o), "x,y 1,2 3,  5,6,7", "columns between tabs, as many as there are");
    o.header = true;
    is_str(all(o), "1,2 3,  5,6,7", "the first line may be names");
    s[0].file = file("u", "a  b c\n", 7);
    o = (map_input_options){.sources = s, .n = 1, .colsep = " +"};
    is_str(all(o), "a,b,c", "a regular expression");
    o.colsep = "x*";
    is_str(all(o), "a  b c", "one that matches nothing separates nothing");
    o.colsep = "(";
    ok(strncmp(all(o), "error: --colsep '(': ", 21) == 0, "one that is none is an error");
    s[0].file = file("v", "", 0);
    o = (map_input_options){.sources = s, .n = 1, .header = true};
    ok(strstr(all(o), "there is no first line to name columns") != NULL, "no header either");
}

static void pipes(void)
{
    map_source s[1];
    map_input *in = NULL;
    map_row row = {0};
    char path[64];
    int fd;

    snprintf(path, sizeof path, "%s/pipe", folder);
    ok(mkfifo(path, 0600) == 0, "a pipe");
    fd = open(path, O_RDWR); /* so that opening it to read does not wait */
    s[0] = (map_source){.file = path};
    ok(map_input_create(&(map_input_options){.sources = s, .n = 1}, &in, NULL) == 0 &&
           map_input_begin(in, NULL) == 0 && map_input_next(in, &row, NULL) == MAP_LATER,
       "one that has nothing yet is not waited for");
    ok(write(fd, "on", 2) == 2 && map_input_next(in, &row, NULL) == MAP_LATER, "half a line");
    ok(write(fd, "e\ntwo\n", 6) == 6 && map_input_next(in, &row, NULL) == MAP_ROW, "the rest");
    if (row.values)
        is_str(row.values[0], "one", "makes a whole one");
    ok(map_input_next(in, &row, NULL) == MAP_ROW && row.line == 2, "and another");
    ok(map_input_total(in, true) == 0, "how many there will be nobody knows");
    map_input_destroy(in);
    close(fd);
}

static void totals(void)
{
    char *abc[] = {W("a"), W("b"), W("c")};
    map_source s[2] = {{.file = file("n", "1\n2\n3", 5)}, {.values = abc, .n_values = 3}};
    map_input_options o = {.sources = s, .n = 2};
    map_input *in = NULL;
    map_row row;

    ok(map_input_create(&o, &in, NULL) == 0 && map_input_begin(in, NULL) == 0, "a file and values");
    ok(map_input_total(in, false) == 0, "how many lines a file has is not looked up");
    ok(map_input_total(in, true) == 9, "unless asked for");
    while (map_input_next(in, &row, NULL) == MAP_ROW)
        continue;
    ok(map_input_total(in, false) == 9, "at the end it is known");
    map_input_destroy(in);
}

/* A million lines take no more memory than a few. */
static void many_lines(void)
{
    map_source s[1] = {{.file = file("many", "", 0)}};
    map_input_options o = {.sources = s, .n = 1};
    map_input *in = NULL;
    map_row row;
    uint64_t n = 0;
    FILE *f = fopen(s[0].file, "w");

    for (int i = 0; f && i < 1000000; i++)
        fprintf(f, "line number %d\n", i);
    if (f)
        fclose(f);
    ok(map_input_create(&o, &in, NULL) == 0 && map_input_begin(in, NULL) == 0, "a million lines");
    while (map_input_next(in, &row, NULL) == MAP_ROW)
        n++;
    ok(n == 1000000 && row.line == 1000000, "are read");
    map_input_destroy(in);
}

int main(void)
{
    char command[64];

    if (!mkdtemp(folder))
        return 1;
    combinations();
    files();
    columns();
    pipes();
    totals();
    many_lines();
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) ? 1 : done_testing();
}
