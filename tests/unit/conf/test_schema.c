/* SPDX-License-Identifier: MIT
 *
 * Schemas: all that they find, and what is none.
 */
#include <hec/config.h>

#include "files.h"
#include "tap.h"

static hec_error err;
static char said[8192];

static void tell(void *ctx, const char *text)
{
    size_t *used = ctx;

    *used += (size_t)snprintf(said + *used, sizeof said - *used, "%s\n", after_folder(text));
}

static uint64_t runs_seen;

/* All problems, one a line; "!TEXT" where it does not come to that. */
static const char *check(const char *path, const char *schema)
{
    size_t used = 0;
    int64_t n;

    said[0] = '\0';
    n = hec_runs_check(&path, 1, schema, tell, &used, &runs_seen, &err);
    if (n < 0)
        snprintf(said, sizeof said, "!%s", after_folder(err.text));
    return said;
}

static const char *schema_of(const char *text)
{
    return file_with("own.yaml", text);
}

static void test_rules(void)
{
    const char *schema = schema_of("lr: {type: float, min: 0, max: 1, required: true}\n"
                                   "depth: {type: int, min: 1}\n"
                                   "opt: {choices: [adam, sgd, 3]}\n"
                                   "flag: {type: [bool, null]}\n");

    is_str(check(file_with("p.csv", "lr,depth,opt,flag\n0.5,1,adam,true\n1,2,3,\n0,,,\n"), schema),
           "", "what is allowed is: an empty field that is not required too");
    ok(runs_seen == 3, "three runs were seen");
    is_str(check(file_with("p.csv", "lr,depth,opt,flag\n-0.5,0,adagrad,1\n2,1.5,3.0,x\n.nan,a,,\n"
                                    ",1,adam,\n"),
                 schema),
           "p.csv:2: row 1: lr is -0.5, less than 0\n"
           "p.csv:2: row 1: depth is 0, less than 1\n"
           "p.csv:2: row 1: opt is adagrad, which is none of its choices\n"
           "p.csv:2: row 1: flag is 1 (an integer), not bool or null\n"
           "p.csv:3: row 2: lr is 2.0, more than 1\n"
           "p.csv:3: row 2: depth is 1.5 (a float), not int\n"
           "p.csv:3: row 2: flag is x (text), not bool or null\n"
           "p.csv:4: row 3: lr is .nan, less than 0\n"
           "p.csv:4: row 3: lr is .nan, more than 1\n"
           "p.csv:4: row 3: depth is a (text), not int\n"
           "p.csv:5: row 4: lr is required, and empty\n",
           "all that is not allowed is found at once");
    is_str(check(file_with("p.yaml", "opt: adam\n---\nlr: 0.1\ndepth: [1]\n"), schema),
           "p.yaml:1: run 1: lr is required\n"
           "p.yaml:4: run 2: depth is a list (a list), not int\n",
           "in YAML too, with the line of the value");
}

static void test_others(void)
{
    is_str(check(file_with("p.yaml", "a: 1\nb: 2\n"), schema_of("a: {}\n")), "",
           "other names are allowed");
    is_str(check(file_with("p.yaml", "a: 1\nb: 2\n"), schema_of("a: {}\n'*': refused\n")),
           "p.yaml:2: run 1: b is not in the schema\n", "unless they are refused");
}

static void test_malformed_files(void)
{
    is_str(check(file_with("p.csv", "a,b\n1\n2,3\n4,5,6\nx,7\n"), schema_of("a: {type: int}\n")),
           "p.csv:2: row 1 has 1 field, the header has 2\n"
           "p.csv:4: row 3 has 3 fields, the header has 2\n"
           "p.csv:5: row 4: a is x (text), not int\n",
           "malformed rows and what is not allowed, all in one go");
    is_str(check(file_with("p.yaml", "a: [\n"), ""),
           "p.yaml:2:1: did not find expected node content while parsing a flow node: \"\"\n",
           "a file that is no YAML");
    is_str(check("/nowhere.csv", NULL), "!cannot read '/nowhere.csv': No such file or directory",
           "one that is not there is no problem of the parameters");
}

static const char *first_run(const char *path, const char *schema)
{
    static char out[256];
    hec_runs *runs = NULL;
    const hec_run *run;
    char *json = NULL;

    if (hec_runs_open(&path, 1, schema, &runs, &err) < 0 || hec_runs_next(runs, &run, &err) < 0 ||
        hec_value_json(run->parameters, &json, &err) < 0)
        snprintf(out, sizeof out, "!%s", after_folder(err.text));
    else
        snprintf(out, sizeof out, "%s", json);
    free(json);
    hec_runs_destroy(runs);
    return out;
}

static void test_types_are_applied(void)
{
    const char *path = file_with("t.csv", "x,version\n1,1.10\n");

    is_str(first_run(path, NULL), "{\"x\":1,\"version\":1.1}", "without a schema");
    file_with("t.schema.yaml", "x: {type: float}\nversion: {type: string}\n");
    is_str(first_run(path, NULL), "{\"x\":1.0,\"version\":\"1.10\"}",
           "the one beside the file: integers become floats, text stays text");
    is_str(first_run(path, ""), "{\"x\":1,\"version\":1.1}", "none if none is wanted");
    is_str(first_run(file_with("t.csv", "x,version\n-1,2\n"),
                     schema_of("x: {min: 0, choices: [1]}\n")),
           "!t.csv:2: row 1: x is -1, less than 0, and 1 more",
           "without hec_runs_check() the first problem is the error");
}

static void no_schema(const char *text, const char *why, const char *name)
{
    is_str(check(file_with("p.yaml", "a: 1\n"), schema_of(text)), why, "%s is no schema", name);
}

static void test_no_schemas(void)
{
    no_schema("[1]\n", "!own.yaml:1:1: a schema is a map of names and their rules: \"[1]\"",
              "a list");
    no_schema("a: {type: real}\n",
              "!own.yaml:1:11: a type is int, float, number, bool, string, null, list or map: "
              "\"a: {type: real}\"",
              "an unknown type");
    no_schema("a: {mn: 1}\n",
              "!own.yaml:1:5: a rule is type, min, max, choices or required: \"a: {mn: 1}\"",
              "an unknown rule");
    no_schema("a: {min: low}\n", "!own.yaml:1:10: min wants a number: \"a: {min: low}\"",
              "a text as an end");
    no_schema("a: {choices: 1}\n",
              "!own.yaml:1:14: choices are a list of values: \"a: {choices: 1}\"",
              "one value as choices");
    no_schema("a: {required: 1}\n",
              "!own.yaml:1:15: required is true or false: \"a: {required: 1}\"",
              "a number as required");
    no_schema("a: int\n",
              "!own.yaml:1:4: the rules of 'a' are a map: {type: float, min: 0}: \"a: int\"",
              "a type alone");
    no_schema("'*': no\n",
              "!own.yaml:1:6: other parameters, \"*\", are refused or allowed: \"'*': no\"",
              "another word for the others");
    no_schema("", "!own.yaml:1: a schema is one document, this has 0", "nothing");
    is_str(check(file_with("p.yaml", "a: 1\n"), "/nowhere.yaml"),
           "!cannot read '/nowhere.yaml': No such file or directory", "nor is what is not there");
}

int main(void)
{
    files_begin();
    test_rules();
    test_others();
    test_malformed_files();
    test_types_are_applied();
    test_no_schemas();
    files_end();
    return done_testing();
}
