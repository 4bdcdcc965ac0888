/* SPDX-License-Identifier: MIT
 *
 * YAML: what becomes a value, and what is refused, with file, line, column and the line itself.
 */
#include <hec/config.h>

#include "base/cleanup.h"
#include "fault.h"
#include "tap.h"

#include <stdlib.h>
#include <unistd.h>

static hec_error err;

/* The documents of a text as JSON, one a line; "(refused)" with the reason in err. */
static const char *json_of_bytes(const char *text, size_t size)
{
    static char out[65536];
    hec_yaml *yaml = NULL;
    size_t used = 0;

    err = (hec_error){0};
    if (hec_yaml_parse("p.yaml", text, size, &yaml, &err) < 0)
        return "(refused)";
    out[0] = '\0';
    for (size_t i = 0; i < hec_yaml_documents(yaml); i++) {
        char *json = NULL;

        if (hec_value_json(hec_yaml_document(yaml, i), &json, &err) < 0)
            break;
        used += (size_t)snprintf(out + used, sizeof out - used, "%s%s", i ? "\n" : "", json);
        free(json);
    }
    hec_yaml_destroy(yaml);
    return out;
}

static const char *json_of(const char *text)
{
    return json_of_bytes(text, strlen(text));
}

static void refused(const char *text, const char *why, const char *name)
{
    is_str(json_of(text), "(refused)", "%s is refused", name);
    ok(err.code == HEC_EFORMAT, "as malformed");
    is_str(err.text, why, "it says where and why");
}

static void test_values(void)
{
    is_str(json_of("a: 1e-3\nb: no\nc: on\nd: 0o17\ne: .inf\nf: 2001-12-14\ng: ~\nh:\n"),
           "{\"a\":0.001,\"b\":\"no\",\"c\":\"on\",\"d\":15,\"e\":\".inf\",\"f\":\"2001-12-14\","
           "\"g\":null,\"h\":null}",
           "the types of the core schema");
    is_str(json_of("a: '1'\nb: \"true\"\nc: |\n  1\n  2\nd: >-\n  x\n  y\n"),
           "{\"a\":\"1\",\"b\":\"true\",\"c\":\"1\\u000a2\\u000a\",\"d\":\"x y\"}",
           "what is quoted is text");
    is_str(json_of("a: {b: [1, {c: d}], e: []}\n"), "{\"a\":{\"b\":[1,{\"c\":\"d\"}],\"e\":[]}}",
           "nested values");
    is_str(json_of("1: a\n2.5: b\nfalse: c\nnull: d\n'1 ': e\n"),
           "{\"1\":\"a\",\"2.5\":\"b\",\"false\":\"c\",\"null\":\"d\",\"1 \":\"e\"}",
           "keys of other types");
    is_str(json_of("big: 123456789012345678901234567890\n"),
           "{\"big\":123456789012345678901234567890}", "integers of any size");
    is_str(json_of("--- 1\n--- [2]\n...\n"), "1\n[2]", "several documents");
    is_str(json_of(""), "", "and none");
    is_str(json_of("\xEF\xBB\xBF"
                   "a: \xC3\xA4\r\nb: 2\r\n"),
           "{\"a\":\"\xC3\xA4\",\"b\":2}", "a byte order mark and CR LF");
}

static void test_tags(void)
{
    is_str(json_of("a: !!str 1\nb: !!int '7'\nc: !!float 3\nd: !!bool true\ne: !!null ''\n"
                   "f: ! 12\ng: !!seq [1]\nh: !!map {x: 1}\n"),
           "{\"a\":\"1\",\"b\":7,\"c\":3.0,\"d\":true,\"e\":null,\"f\":\"12\",\"g\":[1],"
           "\"h\":{\"x\":1}}",
           "the tags of the core schema");
    refused("a: !!int x\n", "p.yaml:1:4: 'x' is no int: \"a: !!int x\"", "a tag that lies");
    refused("a: 1\nb: !!python/object:os.system {x: 1}\n",
            "p.yaml:2:4: the tag !!python/object:os.system is refused: values are plain data here: "
            "\"b: !!python/object:os.system {x: 1}\"",
            "a tag of Python");
    refused("a: !!python/name:os.system ''\n",
            "p.yaml:1:4: the tag !!python/name:os.system is refused: values are plain data here: "
            "\"a: !!python/name:os.system ''\"",
            "a name of Python");
    refused("!mine [1]\n",
            "p.yaml:1:1: the tag !mine is refused: values are plain data here: \"!mine [1]\"",
            "a tag of one's own");
    refused("a: !!set {x}\n",
            "p.yaml:1:4: the tag !!set is refused: values are plain data here: \"a: !!set {x}\"",
            "a set");
}

static void test_anchors(void)
{
    is_str(json_of("a: &x {b: 1}\nc: *x\nd: [*x, *x]\n"),
           "{\"a\":{\"b\":1},\"c\":{\"b\":1},\"d\":[{\"b\":1},{\"b\":1}]}", "aliases");
    is_str(json_of("a: &x 1\nb: *x\nc: &x 2\nd: *x\n"), "{\"a\":1,\"b\":1,\"c\":2,\"d\":2}",
           "the last anchor of a name counts");
    is_str(json_of("- &a {x: 1, y: 2}\n- {<<: *a, y: 3}\n- {y: 3, <<: *a}\n"),
           "[{\"x\":1,\"y\":2},{\"x\":1,\"y\":3},{\"y\":3,\"x\":1}]",
           "merge: what the map has itself counts, before and after");
    is_str(json_of("- &a {x: 1}\n- &b {x: 2, y: 2}\n- {<<: [*a, *b], z: 3}\n"),
           "[{\"x\":1},{\"x\":2,\"y\":2},{\"x\":1,\"y\":2,\"z\":3}]",
           "of several merged maps the first counts");
    is_str(json_of("'<<': 1\n"), "{\"<<\":1}", "in quotes it is a key like any other");
    refused("a: *x\n", "p.yaml:1:4: no anchor 'x' is above this: \"a: *x\"", "an unknown alias");
    refused("&x a: 1\n---\nb: *x\n", "p.yaml:3:4: no anchor 'x' is above this: \"b: *x\"",
            "an anchor of another document");
    refused("a: &x\n  b: *x\n", "p.yaml:2:6: the anchor 'x' contains itself: \"  b: *x\"",
            "a cycle");
    refused("&x [1, [*x]]\n", "p.yaml:1:9: the anchor 'x' contains itself: \"&x [1, [*x]]\"",
            "a cycle of lists");
    refused("a:\n  <<: 1\n",
            "p.yaml:2:7: << wants a map or a list of maps, not an integer: \"  <<: 1\"",
            "merging a number");
    refused("- &a {x: 1}\n- {<<: *a, <<: *a}\n",
            "p.yaml:2:12: << is there twice: give it a list of maps: \"- {<<: *a, <<: *a}\"",
            "merging twice");
}

static void test_keys(void)
{
    refused("a: 1\nb: 2\na: 3\n",
            "p.yaml:3:1: the key 'a' is there twice, first on line 1: \"a: 3\"", "a key twice");
    refused("{x: {1: a, 0x1: b}}\n",
            "p.yaml:1:12: the key '1' is there twice, first on line 1: \"{x: {1: a, 0x1: b}}\"",
            "one number in two spellings");
    refused("{1: a, 1.0: b}\n",
            "p.yaml:1:8: the key '1.0' is there twice, first on line 1: \"{1: a, 1.0: b}\"",
            "1 and 1.0, which Python takes for one");
    refused("? [1]\n: 2\n", "p.yaml:1:3: a key that is a list: \"? [1]\"", "a list as a key");
    is_str(json_of("{1: a, '1': b}\n"), "{\"1\":\"a\",\"1\":\"b\"}", "1 and '1' are two keys");
}

static void test_syntax(void)
{
    refused("a:\n\tb: 1\n", "p.yaml:2:1: a tab cannot stand here, use blanks: \"\\tb: 1\"",
            "a tab");
    refused("a: [1, 2\n",
            "p.yaml:2:1: did not find expected ',' or ']' while parsing a flow sequence: \"\"",
            "a list without its end");
    refused("a: b: c\n", "p.yaml:1:5: mapping values are not allowed in this context: \"a: b: c\"",
            "a map in a line");
    refused("a: \"x\n",
            "p.yaml:2:1: found unexpected end of stream while scanning a quoted scalar: "
            "\"\"",
            "a text without its end");
    is_str(json_of_bytes("a: \"x\\0y\"\n", 10), "(refused)", "a NUL in a text is refused");
    is_str(err.text, "p.yaml:1:4: a text with a NUL in it: \"a: \"x\\0y\"\"", "and said so");
}

static void test_bytes(void)
{
    refused("a: 1\nb: x\xFFy\n", "p.yaml:2:5: a byte that is not UTF-8 (ff): \"b: x\\xffy\"",
            "bad UTF-8");
    refused("\xC3\xA4: \xC3\xA4\x01\n",
            "p.yaml:1:5: a control character (byte 01): \"\xC3\xA4: \xC3\xA4\\x01\"",
            "a control character");
    is_str(json_of_bytes("a: 1\0\n", 6), "(refused)", "a NUL is refused");
    is_str(err.text, "p.yaml:1:5: a control character (byte 00): \"a: 1\\x00\"", "as a byte");
    is_str(json_of_bytes("\xFF\xFE"
                         "a\0",
                         4),
           "(refused)", "UTF-16 is refused");
    is_str(err.text, "p.yaml:1:1: this is UTF-16, save it as UTF-8: \"\\xff\\xfea\\x00\"",
           "with advice");
}

static void test_long_lines(void)
{
    char text[2000];
    size_t n = 0;

    n += (size_t)snprintf(text, sizeof text, "{");
    for (int i = 0; i < 100; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "key%d: %d, ", i, i);
    snprintf(text + n, sizeof text - n, "key7: 0, end: 1}\n");
    is_str(json_of(text), "(refused)", "a long line");
    is_str(strchr(err.text, ' '),
           " the key 'key7' is there twice, first on line 1: \"..., key98: 98, key99: 99, "
           "key7: 0, end: 1}\"",
           "is shown around the place");
    ok(strlen(err.text) < sizeof err.text - 1, "and fits");
}

/* Lists within each other, to a depth. */
static const char *nested(int depth)
{
    static char text[512];

    memset(text, '[', (size_t)depth);
    memset(text + depth, ']', (size_t)depth);
    text[2 * depth] = '\0';
    return json_of(text);
}

static void test_limits(void)
{
    char bomb[1024];
    size_t n = (size_t)snprintf(bomb, sizeof bomb, "a: &a0 [x,x,x,x,x,x,x,x,x,x]\n");

    for (int i = 1; i < 12; i++)
        n += (size_t)snprintf(bomb + n, sizeof bomb - n,
                              "%c: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n",
                              'a' + i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1,
                              i - 1, i - 1);
    is_str(json_of(bomb), "(refused)", "billion laughs are refused");
    ok(strstr(err.text, "p.yaml:6:") && strstr(err.text, "more than 1000000 values"),
       "at the alias that is too much");
    ok(strcmp(nested(64), "(refused)") != 0, "64 levels");
    is_str(nested(65), "(refused)", "65 are too many");
    ok(strncmp(err.text, "p.yaml:1:65: more than 64 levels", 32) == 0, "at the one too many");
}

static void test_files(void)
{
    const char *folder = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
    char path[4096];
    hec_yaml *yaml = NULL;
    FILE *f;

    snprintf(path, sizeof path, "%s/hec-yaml-%d.yaml", folder, (int)getpid());
    ok(hec_yaml_read(path, &yaml, &err) == HEC_ENOENT && !yaml, "a file that is not there");
    f = fopen(path, "w");
    ok(f && fputs("a: 1\n", f) >= 0 && fclose(f) == 0, "a file");
    ok(hec_yaml_read(path, &yaml, &err) == 0 && hec_yaml_documents(yaml) == 1, "is read");
    ok(hec_value_get(hec_yaml_document(yaml, 0), "a")->as.integer == 1, "a value by its name");
    ok(!hec_value_get(hec_yaml_document(yaml, 0), "b"), "and none");
    hec_yaml_destroy(yaml);
    yaml = NULL;
    ok(truncate(path, (64 << 20) + 1) == 0 && hec_yaml_read(path, &yaml, &err) == HEC_EFORMAT &&
           strstr(err.text, "more than 64 MiB"),
       "one that is too large");
    unlink(path);
    ok(hec_yaml_read(folder, &yaml, &err) == HEC_EIO && !yaml, "a folder is no file");
}

static void test_memory(void)
{
    static const char text[] = "a: &x {b: [1, 2], c: text}\n"
                               "d: {<<: *x, e: 99999999999999999999}\nf: !!float 1\n";
    bool refused = true;

    for (long n = 1;; n++) {
        hec_yaml *yaml = NULL;
        hec_error e = {0};
        int r;

        fault_arm(n);
        r = hec_yaml_parse("p.yaml", text, sizeof text - 1, &yaml, &e);
        if (!fault_disarm()) {
            ok(r == 0 && n > 5, "%ld allocations", n - 1);
            hec_yaml_destroy(yaml);
            break;
        }
        refused = refused && r == HEC_ENOMEM && e.code == HEC_ENOMEM && !yaml;
    }
    ok(refused, "each of them may fail");
}

int main(void)
{
    test_values();
    test_tags();
    test_anchors();
    test_keys();
    test_syntax();
    test_bytes();
    test_long_lines();
    test_limits();
    test_files();
    test_memory();
    return done_testing();
}
