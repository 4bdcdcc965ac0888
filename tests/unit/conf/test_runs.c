/* SPDX-License-Identifier: MIT
 *
 * Runs: what rows and files stand for, their ids and seeds, and what a file is refused for.
 */
#include <hec/config.h>

#include "fault.h"
#include "files.h"
#include "tap.h"

static hec_error err;

/* All runs of some files, one a line: "row parameters". "!TEXT" for an error, after which it goes
 * on. */
static const char *show_all(const char *const *paths, size_t n, const char *schema)
{
    static char out[60000];
    hec_runs *runs = NULL;
    const hec_run *run;
    size_t used = 0;
    int r;

    out[0] = '\0';
    if (hec_runs_open(paths, n, schema, &runs, &err) < 0) {
        snprintf(out, sizeof out, "!%s", after_folder(err.text));
        return out;
    }
    while ((r = hec_runs_next(runs, &run, &err)) != 0) {
        char *json = NULL;

        if (r < 0) {
            used +=
                (size_t)snprintf(out + used, sizeof out - used, "!%s\n", after_folder(err.text));
            continue;
        }
        if (hec_value_json(run->parameters, &json, &err) < 0)
            break;
        used += (size_t)snprintf(out + used, sizeof out - used, "%llu %s\n",
                                 (unsigned long long)run->row, json);
        free(json);
    }
    hec_runs_destroy(runs);
    return out;
}

static const char *show(const char *path)
{
    return show_all(&path, 1, NULL);
}

static const char *yaml(const char *text)
{
    return show(file_with("p.yaml", text));
}

static const char *csv(const char *text)
{
    return show(file_with("p.csv", text));
}

static void test_rows(void)
{
    is_str(csv("lr,on,name,x\n0.1,true,adam,\n1e-3,no,\"a,b\",\"\"\n 7 ,~, b ,0x1f\n"),
           "1 {\"lr\":0.1,\"on\":true,\"name\":\"adam\",\"x\":null}\n"
           "2 {\"lr\":0.001,\"on\":\"no\",\"name\":\"a,b\",\"x\":\"\"}\n"
           "3 {\"lr\":7,\"on\":null,\"name\":\" b \",\"x\":31}\n",
           "a row is a run, its fields mean what they would in YAML");
    is_str(csv("a\n\"1\"\n\"true\"\n"), "1 {\"a\":1}\n2 {\"a\":true}\n",
           "quotes of a CSV say nothing of types");
    is_str(csv("a,b\n1\n2,3\n4,5,6\n"),
           "!p.csv:2: row 1 has 1 field, the header has 2\n2 {\"a\":2,\"b\":3}\n"
           "!p.csv:4: row 3 has 3 fields, the header has 2\n",
           "ragged rows are refused by number, the others are read");
    is_str(csv("a,b,a\n1,2,3\n"), "!p.csv:1: columns 1 and 3 are both called 'a'\n",
           "two columns of one name are refused");
    is_str(csv("a,,b\n1,2,3\n"), "!p.csv:1: column 2 has no name\n", "one without a name too");
    is_str(csv(""), "!p.csv:1: there is no header, the file is empty\n", "and no header");
    is_str(csv("a,b\n"), "", "a header alone is no run");
    is_str(csv("a\n1\n\"x\n2\n"),
           "1 {\"a\":1}\n!p.csv:3: the quote that opens here is never closed\n",
           "what cannot be gone on from ends the file");
    is_str(show(file_with("p.tsv", "a\tb\n1,5\tx\n")), "1 {\"a\":\"1,5\",\"b\":\"x\"}\n", "tabs");
}

static void test_documents(void)
{
    is_str(yaml("lr: 0.1\nnet: {layers: [1, 2]}\n"), "1 {\"lr\":0.1,\"net\":{\"layers\":[1,2]}}\n",
           "a file of YAML is a run");
    is_str(yaml("- {a: 1}\n- {a: 2}\n"), "1 {\"a\":1}\n2 {\"a\":2}\n", "a list is several");
    is_str(yaml("a: 1\n---\n- a: 2\n- a: 3\n---\n"), "1 {\"a\":1}\n2 {\"a\":2}\n3 {\"a\":3}\n",
           "so are documents");
    is_str(yaml("- 7\n- {a: 1}\n"),
           "!p.yaml:1:3: a run is a map of parameters, not an integer: \"- 7\"\n1 {\"a\":1}\n",
           "another value is refused");
    is_str(yaml("text\n"), "!p.yaml:1:1: a run is a map of parameters, not text: \"text\"\n",
           "alone too");
    is_str(yaml("1: x\n"),
           "!p.yaml:1:1: the name of a parameter is text: put it in quotes: \"1: x\"\n",
           "a name that is no text is refused");
    is_str(yaml(""), "", "nothing is no run");
}

static void test_grid(void)
{
    is_str(
        yaml("m: x\ngrid:\n  a: [1, 2]\n  b: [p, q]\nz: 0\n"),
        "1 {\"m\":\"x\",\"a\":1,\"b\":\"p\",\"z\":0}\n2 {\"m\":\"x\",\"a\":1,\"b\":\"q\",\"z\":0}\n"
        "3 {\"m\":\"x\",\"a\":2,\"b\":\"p\",\"z\":0}\n4 "
        "{\"m\":\"x\",\"a\":2,\"b\":\"q\",\"z\":0}\n",
        "a grid is all combinations, the last key the fastest");
    is_str(yaml("zip: {a: [1, 2], b: [p, q]}\n"),
           "1 {\"a\":1,\"b\":\"p\"}\n2 {\"a\":2,\"b\":\"q\"}\n", "zip is pairs");
    is_str(yaml("grid: {g: [1, 2]}\nzip: {z: [8, 9]}\n"),
           "1 {\"g\":1,\"z\":8}\n2 {\"g\":1,\"z\":9}\n3 {\"g\":2,\"z\":8}\n4 {\"g\":2,\"z\":9}\n",
           "both are combined");
    is_str(yaml("grid: {nx: 100, ny: 50}\nzip: code\nsample: {mass: 3}\n"),
           "1 {\"grid\":{\"nx\":100,\"ny\":50},\"zip\":\"code\",\"sample\":{\"mass\":3}}\n",
           "what has no list in it is a parameter of that name");
    is_str(yaml("grid: {a: [1], b: 2}\n"),
           "!p.yaml:1:19: grid wants lists, a single value as [x]: \"grid: {a: [1], b: 2}\"\n",
           "a mixture is refused");
    is_str(yaml("grid: {a: []}\n"),
           "!p.yaml:1:11: an empty list in grid: no run at all: \"grid: {a: []}\"\n",
           "so is an empty list");
    is_str(yaml("zip: {a: [1, 2], b: [1]}\n"),
           "!p.yaml:1:21: zip wants lists of one length: this has 1, the first 2: "
           "\"zip: {a: [1, 2], b: [1]}\"\n",
           "lists of two lengths");
    is_str(yaml("a: 1\ngrid: {a: [2]}\n"),
           "!p.yaml:2:8: the parameter 'a' is there twice: \"grid: {a: [2]}\"\n",
           "a parameter in two places");
}

static void test_too_many(void)
{
    char text[2000];
    size_t n = (size_t)snprintf(text, sizeof text, "grid:\n");

    for (int i = 0; i < 16; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "  k%d: [1,2,3,4,5,6,7,8,9,10]\n", i);
    ok(strstr(yaml(text), "!p.yaml:17:8: this makes more than 2^53 runs"),
       "more combinations than can be counted are refused");
}

static const char *const draws =
    "sample:\n  n: 4\n  seed: 7\n  u: {uniform: [2, 4]}\n  l: {loguniform: [1e-6, 1]}\n"
    "  g: {normal: [10, 1]}\n  i: {int: [-3, 3]}\n  c: {choice: [x, y, z]}\n";

static void test_sample(void)
{
    char *first = strdup(yaml(draws)), *more;

    is_str(
        first,
        "1 {\"u\":2.03110814616,\"l\":6.65984228154e-06,\"g\":9.81220955755,\"i\":-2,\"c\":\"z\"}\n"
        "2 {\"u\":3.49068033639,\"l\":0.00234130654068,\"g\":9.63155420344,\"i\":-3,\"c\":\"z\"}\n"
        "3 {\"u\":2.041939157,\"l\":0.000186901287937,\"g\":9.62612110564,\"i\":1,\"c\":\"x\"}\n"
        "4 {\"u\":2.89833461016,\"l\":0.000227655668186,\"g\":9.42664139171,\"i\":0,\"c\":\"z\"}\n",
        "draws are what they were: the same seed, on each machine");
    is_str(yaml(draws), first, "and again");
    more = strdup(yaml("sample:\n  n: 2\n  seed: 7\n  u: {uniform: [2, 4]}\n"));
    ok(more && strncmp(more, first, 18) == 0, "fewer samples, fewer parameters: the same draws");
    free(first);
    free(more);
    ok(strncmp(yaml("sample: {n: 1, seed: 8, u: {uniform: [2, 4]}}\n"), "1 {\"u\":2.0311", 13) != 0,
       "another seed, other draws");
    is_str(yaml("sample: {n: 0, a: {int: [1, 2]}}\n"),
           "!p.yaml:1:13: sample wants n, how many: an integer of 1 or more: "
           "\"sample: {n: 0, a: {int: [1, 2]}}\"\n",
           "no sample is refused");
    is_str(yaml("sample: {a: {int: [1, 2]}}\n"),
           "!p.yaml:1:9: sample wants n, how many: an integer of 1 or more: "
           "\"sample: {a: {int: [1, 2]}}\"\n",
           "so is their number left out");
    is_str(yaml("sample: {n: 1, a: {uniform: [2, 1]}}\n"),
           "!p.yaml:1:29: uniform wants the lower end first: \"sample: {n: 1, a: {uniform: [2, "
           "1]}}\"\n",
           "ends the wrong way round");
    is_str(
        yaml("sample: {n: 1, a: 3}\n"),
        "!p.yaml:1:19: a sample wants one of uniform, loguniform, normal, int, choice: {uniform: "
        "[0, 1]}: \"sample: {n: 1, a: 3}\"\n",
        "and a value that is no way to draw");
}

/* Means and ends of many draws: a wrong distribution would not have them. */
static void test_distributions(void)
{
    const char *path =
        file_with("d.yaml", "sample: {n: 20000, u: {uniform: [2, 4]}, g: {normal: "
                            "[10, 2]}, i: {int: [1, 6]}, l: {loguniform: [1, 100]}}");
    double sum[4] = {0}, square = 0, least = 9, most = 0;
    int faces[7] = {0}, below = 0, n = 0;
    hec_runs *runs = NULL;
    const hec_run *run;

    ok(hec_runs_open(&path, 1, NULL, &runs, &err) == 0, "20000 draws");
    while (hec_runs_next(runs, &run, &err) == 1) {
        const hec_member *m = run->parameters->as.members;
        double u = m[0].value.as.real, g = m[1].value.as.real;

        sum[0] += u;
        sum[1] += g;
        square += (g - 10) * (g - 10);
        least = u < least ? u : least;
        most = u > most ? u : most;
        faces[m[2].value.as.integer]++;
        below += m[3].value.as.real < 10;
        n++;
    }
    hec_runs_destroy(runs);
    ok(n == 20000 && least >= 2 && least < 2.01 && most <= 4 && most > 3.99 && sum[0] / n > 2.98 &&
           sum[0] / n < 3.02,
       "uniform");
    ok(sum[1] / n > 9.95 && sum[1] / n < 10.05 && square / n > 3.8 && square / n < 4.2, "normal");
    ok(faces[0] == 0 && faces[1] > 3100 && faces[6] > 3100 && faces[1] < 3600 && faces[6] < 3600,
       "integers, both ends included");
    ok(below > 9700 && below < 10300, "half of a loguniform lies below its middle");
}

/* The id and the seed of the first run. */
static const char *id_of(const char *path, uint64_t *ret_seed)
{
    static char ids[8][33];
    static int next;
    char *id = ids[next++ % 8];
    hec_runs *runs = NULL;
    const hec_run *run;

    snprintf(id, 33, "?");
    if (hec_runs_open(&path, 1, NULL, &runs, &err) == 0 && hec_runs_next(runs, &run, &err) == 1) {
        snprintf(id, 33, "%s", run->id);
        *ret_seed = run->seed;
    }
    hec_runs_destroy(runs);
    return id;
}

static void test_ids(void)
{
    uint64_t a = 0, b = 0, c = 0;
    const char *id = id_of(file_with("a.csv", "lr,name\n0.1,x\n"), &a);

    is_str(id, "72f803fe7b4a87a9ee489e057f87a06c",
           "an id is what it was; docs/formats/run-id-v1.md");
    ok(strlen(id) == 32 && a < (UINT64_C(1) << 53), "32 digits, and a seed below 2^53");
    is_str(id_of(file_with("b.csv", "name,lr\nx,1e-1\n"), &b), id,
           "whatever the order of the columns, and how a number is written");
    is_str(id_of(file_with("c.yaml", "lr: 0.1\nname: x\n"), &c), id, "and the kind of file");
    ok(a == b && b == c, "the seed follows from it");
    ok(strcmp(id_of(file_with("d.csv", "lr,name\n0.2,x\n"), &b), id) != 0 && a != b,
       "other parameters, another id and seed");
    ok(strcmp(id_of(file_with("e.yaml", "a: 1\n"), &a),
              id_of(file_with("f.yaml", "a: 1.0\n"), &b)) != 0,
       "1 and 1.0 are two parameters");
    ok(strcmp(id_of(file_with("e.yaml", "a: b\n"), &a), id_of(file_with("f.yaml", "b: a\n"), &b)) !=
           0,
       "a name is no value");
    is_str(id_of(file_with("e.yaml", "a: {x: 1, y: 2}\n"), &a),
           id_of(file_with("f.yaml", "a: {y: 2, x: 1}\n"), &b), "the order within maps is none");
    ok(strcmp(id_of(file_with("e.yaml", "a: [1, 2]\n"), &a),
              id_of(file_with("f.yaml", "a: [2, 1]\n"), &b)) != 0,
       "that of lists is one");
}

static void test_files(void)
{
    const char *paths[4] = {file_with("x1.csv", "a\n1\n"), file_with("x2.yaml", "a: 2\n"),
                            file_with("x10.yml", "a: 3\n"), "/nowhere/x.csv"};
    char pattern[3100];
    const char *p = pattern;

    is_str(show_all(paths, 3, NULL), "1 {\"a\":1}\n1 {\"a\":2}\n1 {\"a\":3}\n", "several files");
    file_with("x2.schema.yaml", "a: {type: int}\n");
    snprintf(pattern, sizeof pattern, "%s/x*", files_folder);
    is_str(show(p), "1 {\"a\":1}\n1 {\"a\":3}\n1 {\"a\":2}\n",
           "a pattern is its files, sorted, without schemas");
    is_str(show_all(paths, 4, NULL), "!cannot read '/nowhere/x.csv': No such file or directory",
           "a name that is not there");
    is_str(show("/nowhere/*.csv"), "!no file matches '/nowhere/*.csv'", "a pattern of nothing");
    is_str(show(file_with("odd[1].csv", "a\n4\n")), "1 {\"a\":4}\n",
           "a file whose name looks like a pattern");
    ok(strstr(show(file_with("x.txt", "a")),
              "ends neither with .yaml or .yml nor with .csv or .tsv"),
       "another ending");
}

static void test_no_memory(void)
{
    const char *paths[2] = {file_with("n.csv", "a,b\n1,x\n"),
                            file_with("n.yaml", "grid: {a: [1, 2]}\nb: {c: d}\n")};
    bool refused = true;

    file_with("n.schema.yaml", "a: {type: float, min: 0}\n");
    for (long n = 1;; n++) {
        hec_runs *runs = NULL;
        const hec_run *run;
        hec_error e = {0};
        int r;

        fault_arm(n);
        r = hec_runs_open(paths, 2, NULL, &runs, &e);
        while (r >= 0 && (r = hec_runs_next(runs, &run, &e)) == 1)
            continue;
        hec_runs_destroy(runs);
        if (!fault_disarm()) {
            ok(r == 0, "%ld allocations", n - 1);
            break;
        }
        if (r != HEC_ENOMEM && !((r == HEC_EIO || r == HEC_ENOENT) && e.sys == 12)) {
            refused = false;
            printf("# allocation %ld: %d %s\n", n, r, e.text);
        }
    }
    ok(refused, "each of them may fail");
}

int main(void)
{
    files_begin();
    test_rows();
    test_documents();
    test_grid();
    test_too_many();
    test_sample();
    test_distributions();
    test_ids();
    test_files();
    test_no_memory();
    files_end();
    return done_testing();
}
