/* SPDX-License-Identifier: MIT
 *
 * From a site file and a request to a script, with memory that runs out; and words for the shell.
 */
#include "batch/complete.h"
#include "batch/script.h"

#include "fault.h"
#include "tap.h"

static hec_error err;

static const char site_file[] = "title: t\nscheduler: slurm\nqos_is_partition: true\n"
                                "start: [source x]\nmodules: {known: [a], refused: {b: c}}\n"
                                "defaults: {partition: p, time: 1h}\nmulti_cpu: {account: a}\n"
                                "partitions: {p: {time: 2h, memory: 8G, qos: [q, r]}}\n"
                                "arrays: {last: 9}\nstorage: {$HOME: {quota: 1G}}\n"
                                "notes: {a: b}\n";

static int make(hec_site **site, hec_request **q, char **text)
{
    static const char *const argv[] = {"/bin/prog", "a b"};
    int r = hec__site_parse("s", "s.yaml", site_file, sizeof site_file - 1, site, &err);

    if (r == 0)
        r = hec_request_create(q, &err);
    if (r == 0)
        r = hec_request_set(*q, "array", "0-99", &err);
    if (r == 0)
        r = hec_request_set(*q, "cpus", "8", &err);
    if (r == 0)
        r = hec_request_command(*q, argv, 2, &err);
    return r == 0 ? hec_script_write(*q, *site, 10, text, &err) : r;
}

static void test_completion(void)
{
    HEC_AUTO(hec_site) site = NULL;
    HEC_AUTO(hec_request) q = NULL;
    HEC_AUTO_STR text = NULL;

    ok(make(&site, &q, &text) == 0, "a script");
    if (!q || !site)
        return;
    is_str(q->partition, "p", "the site's partition");
    is_str(q->qos, "q", "a QoS that it allows");
    is_str(q->account, "a", "what holds for many CPUs");
    is_str(q->name, "prog", "the program's name");
    ok(q->memory == (uint64_t)8 << 30, "memory: the CPUs' share, at most the partition's");
    ok(q->time_s == 3600 && q->warn_s == 60, "time, and a warning");
    ok(hec__array_parts(q, site) == 10 && hec__array_part(q, site, 10).last == 9, "ten jobs");
}

static void test_memory_runs_out(void)
{
    for (long n = 1;; n++) {
        hec_site *site = NULL;
        hec_request *q = NULL;
        char *text = NULL, *shown = NULL, *json = NULL;
        int r;

        fault_arm(n);
        r = make(&site, &q, &text);
        if (r == 0)
            r = hec_site_text(site, &shown, &err);
        if (r == 0)
            r = hec_site_json(site, &json, &err);
        hec_site_destroy(site);
        hec_request_destroy(q);
        free(text);
        free(shown);
        free(json);
        if (!fault_disarm())
            break;
        ok(r == HEC_ENOMEM, "allocation %ld fails: it is said (%d)", n, r);
    }
}

static void test_words(void)
{
    static const struct {
        const char *word, *quoted;
    } all[] = {{"abc", "abc"},
               {"", "''"},
               {"a b", "'a b'"},
               {"it's", "'it'\\''s'"},
               {"~", "'~'"},
               {"=x", "'=x'"},
               {"a=b", "a=b"},
               {"a\nb", "$'a\\012b'"},
               {"\t'\\", "$'\\011\\'\\\\'"},
               {"$x", "'$x'"}};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        HEC_AUTO_STRBUF out;

        hec__strbuf_init(&out);
        hec__shell_word(&out, all[i].word);
        is_str(out.data, all[i].quoted, "word %zu", i);
    }
}

int main(void)
{
    test_completion();
    test_memory_runs_out();
    test_words();
    return done_testing();
}
