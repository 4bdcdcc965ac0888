/* SPDX-License-Identifier: MIT
 *
 * Runs as CSV and as YAML: what comes back is what was written.
 */
#include <hec/config.h>

#include "fault.h"
#include "files.h"
#include "tap.h"

static hec_error err;

typedef int writer(const char *const *, size_t, FILE *, hec_error *);

static const char *written(writer *write, const char *path)
{
    static char *text;
    size_t size;
    FILE *out;
    int r;

    free(text);
    out = open_memstream(&text, &size);
    r = write(&path, 1, out, &err);
    fclose(out);
    return r < 0 ? after_folder(err.text) : text;
}

static const char *csv_of(const char *text)
{
    return written(hec_runs_write_csv, file_with("p.yaml", text));
}

static const char *yaml_of(const char *text)
{
    return written(hec_runs_write_yaml, file_with("p.csv", text));
}

static void test_csv(void)
{
    is_str(csv_of("lr: 1e-3\nn: 3\non: true\nx: null\ny: ''\nname: 'a,\"b\"'\nf: 2.0\ni: .inf\n"),
           "lr,n,on,x,y,name,f,i\n0.001,3,true,,\"\",\"a,\"\"b\"\"\",2.0,.inf\n", "a row");
    is_str(csv_of("- {a: 1, b: 2}\n- {b: 3, c: 4}\n"), "a,b,c\n1,2,\n,3,4\n",
           "runs of different names");
    is_str(csv_of("grid: {a: [1, 2]}\nb: \"x\\ny\"\n"), "a,b\n1,\"x\ny\"\n2,\"x\ny\"\n",
           "a grid, and a line break");
    is_str(csv_of("a: null\n"), "a\nnull\n", "an empty row is not a line of nothing");
    is_str(csv_of("a: 1\nnet: {layers: 2}\n"),
           "p.yaml:2: 'net' is a map, which does not fit into a field of a CSV",
           "a map is refused by its name");
    is_str(csv_of("sizes: [1, 2]\n"),
           "p.yaml:1: 'sizes' is a list, which does not fit into a field of a CSV", "a list too");
    is_str(csv_of("v: '1.10'\n"),
           "p.yaml:1: 'v' is the text '1.10', which a CSV would give back as something else",
           "and a text that would come back as a number");
    is_str(csv_of("{}\n"), "there is no parameter, so no table", "no parameter, no table");
}

static void test_yaml(void)
{
    is_str(
        yaml_of("a,b,c,d\n1,x,,\"\"\n0.5,no,true,\"p, q\"\n"),
        "- a: 1\n  b: x\n  c: null\n  d: \"\"\n- a: 0.5\n  b: \"no\"\n  c: true\n  d: \"p, q\"\n",
        "a list of maps");
    is_str(yaml_of("\"<<\",true,a: b\n1,2,3\n"), "- \"<<\": 1\n  \"true\": 2\n  \"a: b\": 3\n",
           "names that mean something are quoted");
    is_str(
        written(hec_runs_write_yaml,
                file_with("p.yaml", "a: {b: [1, {c: 'x: y'}], 2: z}\nbig: 99999999999999999999\n")),
        "- a: {b: [1, {c: \"x: y\"}], 2: z}\n  big: 99999999999999999999\n", "nested values");
}

/* The ids of all runs of a file, one after the other. */
static void ids_of(const char *path, char *out, size_t size)
{
    hec_runs *runs = NULL;
    const hec_run *run;
    size_t used = 0;

    out[0] = '\0';
    if (hec_runs_open(&path, 1, NULL, &runs, &err) < 0)
        return;
    while (hec_runs_next(runs, &run, &err) == 1)
        used += (size_t)snprintf(out + used, size - used, "%s ", run->id);
    hec_runs_destroy(runs);
}

/* Texts of all kinds, and numbers, there and back through both. */
static void test_round_trip(void)
{
    static const char text[] =
        "- {t: \"\\x01\\t\\r\\n\\\"\\\\ \\x7f\", n: 0.1, m: -0.0, i: -9223372036854775808}\n"
        "- {t: \"\\x85\\u2028\\u2029\\ufeff\\ufffd\\xa0\", n: 1e300, m: 5e-324, i: 3}\n"
        "- {t: \"- x\", n: .nan, m: -.inf, i: 123456789012345678901234567890}\n"
        "- {t: \"'a': #b \", n: 1e-7, m: 1e16, i: 0}\n"
        "- {t: \"\\xe4\\u20ac\\U0001F600\", n: 0.3333333333333333, m: 100.0, i: -1}\n"
        "- {t: \"yes\", n: null, m: true, i: \"\"}\n";
    static char before[2048], after[2048];
    const char *as_yaml, *as_csv;

    ids_of(file_with("r.yaml", text), before, sizeof before);
    ok(strlen(before) == (size_t)6 * 33, "six runs");
    as_csv = file_with("r2.csv", written(hec_runs_write_csv, file_with("r.yaml", text)));
    ids_of(as_csv, after, sizeof after);
    is_str(after, before, "by CSV the same ids");
    as_yaml = file_with("r3.yaml", written(hec_runs_write_yaml, as_csv));
    ids_of(as_yaml, after, sizeof after);
    is_str(after, before, "and from there by YAML");
}

static void test_save(void)
{
    const char *good = file_with("p.yaml", "a: 1\n"), *bad = file_with("q.yaml", "a: [1]\n");
    const char *to = file_with("to.csv", "before"), *there;
    char text[32] = "", path[3200];
    FILE *f;

    ok(hec_runs_save(hec_runs_write_csv, &bad, 1, to, &err) == HEC_EFORMAT, "a failure");
    f = fopen(to, "r");
    is_str(f ? fgets(text, sizeof text, f) : NULL, "before", "leaves what was there");
    fclose(f);
    ok(hec_runs_save(hec_runs_write_csv, &good, 1, to, &err) == 0, "success");
    f = fopen(to, "r");
    ok(f && fread(text, 1, sizeof text, f) == 4 && memcmp(text, "a\n1\n", 4) == 0, "replaces it");
    fclose(f);
    snprintf(path, sizeof path, "%s.%d-0", to, (int)getpid());
    ok(access(path, F_OK) < 0, "and nothing is left beside it");
    there = file_with(strrchr(path, '/') + 1, "another's");
    ok(hec_runs_save(hec_runs_write_csv, &good, 1, to, &err) == 0 && access(there, F_OK) == 0,
       "a file that has the name of the new one stays");
    ok(hec_runs_save(hec_runs_write_csv, &good, 1, "/nowhere/x.csv", &err) == HEC_EIO &&
           err.sys == 2,
       "a folder that is not there");
}

static void test_failures(void)
{
    const char *path = file_with("p.yaml", "grid: {a: [1, 2]}\nb: text\n");
    FILE *full = fopen("/dev/full", "w");
    bool refused = true;

    if (full) {
        setvbuf(full, NULL, _IONBF, 0);
        ok(hec_runs_write_csv(&path, 1, full, &err) == HEC_EIO && err.sys == 28, "a full disk");
        fclose(full);
    }
    for (long n = 1;; n++) {
        FILE *out = fopen("/dev/null", "w");
        int r;

        setvbuf(out, NULL, _IONBF, 0);
        fault_arm(n);
        r = hec_runs_write_csv(&path, 1, out, &err);
        if (r == 0)
            r = hec_runs_write_yaml(&path, 1, out, &err);
        fclose(out);
        if (!fault_disarm())
            break;
        refused = refused && (r == HEC_ENOMEM || (r == HEC_EIO && err.sys == 12));
    }
    ok(refused, "each allocation may fail");
}

int main(void)
{
    files_begin();
    test_csv();
    test_yaml();
    test_round_trip();
    test_save();
    test_failures();
    files_end();
    return done_testing();
}
