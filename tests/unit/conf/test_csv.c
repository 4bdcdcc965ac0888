/* SPDX-License-Identifier: MIT
 *
 * RFC 4180, section by section, and what lies beside it. The same answer must come wherever the
 * buffer of the file ends: so each text is read behind padding of every length around that too.
 */
#include <hec/config.h>

#include "fault.h"
#include "files.h"
#include "tap.h"

#include <sys/resource.h>

enum { BUFFER = 65536 };

static hec_error err;

/* All records as text: fields in [], a record a line; or "(refused)". */
static const char *show(const char *path, char delimiter, bool skip_first)
{
    static char out[300000];
    const hec_csv_field *fields;
    hec_csv *csv = NULL;
    size_t n, used = 0;
    int r;

    err = (hec_error){0};
    out[0] = '\0';
    if (hec_csv_open(path, delimiter, &csv, &err) < 0)
        return "(not opened)";
    if (skip_first && hec_csv_next(csv, &fields, &n, &err) != 1)
        used = (size_t)snprintf(out, sizeof out, "(no padding)");
    while ((r = hec_csv_next(csv, &fields, &n, &err)) == 1) {
        for (size_t i = 0; i < n; i++)
            used += (size_t)snprintf(out + used, sizeof out - used, "[%s%s]",
                                     fields[i].quoted ? "'" : "", fields[i].text);
        used += (size_t)snprintf(out + used, sizeof out - used, "\n");
    }
    hec_csv_destroy(csv);
    return r < 0 ? "(refused)" : out;
}

static const char *read_text(const char *text)
{
    return show(file_with("t.csv", text), ',', false);
}

/* The text at the end of a first buffer, moved byte by byte over its end. */
static bool same_everywhere(const char *text, const char *want)
{
    static char bytes[BUFFER + 256];
    size_t n = strlen(text);
    bool same = true;

    for (size_t shift = 0; shift <= n + 1 && same; shift++) {
        size_t pad = BUFFER - shift;
        const char *path;

        memset(bytes, 'p', pad);
        bytes[pad - 1] = '\n';
        memcpy(bytes + pad, text, n); /* NOLINT(bugprone-not-null-terminated-result) */
        path = file_of("pad.csv", bytes, pad + n);
        files_n--; /* the name is used again */
        same = strcmp(show(path, ',', true), want) == 0;
        unlink(path);
    }
    return same;
}

static void records(const char *text, const char *want, const char *name)
{
    is_str(read_text(text), want, "%s", name);
    ok(same_everywhere(text, want), "  wherever the buffer ends");
}

static void test_rfc(void)
{
    records("aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n", "[aaa][bbb][ccc]\n[zzz][yyy][xxx]\n",
            "2.1: records end with CR LF");
    records("aaa,bbb\r\nzzz,yyy", "[aaa][bbb]\n[zzz][yyy]\n", "2.2: the last one need not");
    records("a, b ,\tc\n", "[a][ b ][\tc]\n", "2.4: blanks are part of a field");
    records("\"aaa\",\"bbb\"\r\nzzz,yyy\n", "['aaa]['bbb]\n[zzz][yyy]\n", "2.5: quotes");
    records("\"a\r\nb\",\"c,d\"\n1,2\n", "['a\r\nb]['c,d]\n[1][2]\n",
            "2.6: line breaks and delimiters within quotes");
    records("\"a\"\"b\",\"\"\"\"\n", "['a\"b]['\"]\n", "2.7: quotes within quotes");
}

static void test_beside(void)
{
    records("a,b\n1,2\n", "[a][b]\n[1][2]\n", "LF");
    records("a,b\r1,2\r", "[a][b]\n[1][2]\n", "CR");
    records("a\r\n\r\n\nb\n\r\n", "[a]\n[b]\n", "lines of nothing are skipped");
    records(",\n,,\na,\n", "[][]\n[][][]\n[a][]\n", "empty fields");
    records("\"\"\n\"\",\n", "[']\n['][]\n", "empty quotes");
    records("\"a\nb\"", "['a\nb]\n", "quotes at the end of the file");
    records("a,", "[a][]\n", "a delimiter at the end of the file");
    records("a,\"b\"\"", "(refused)", "a pair that begins at the end");
    is_str(read_text(""), "", "nothing");
    is_str(read_text("\n\r\n"), "", "nothing but line breaks");
    is_str(read_text("\xEF\xBB\xBF"
                     "a,b\n"),
           "[a][b]\n", "a byte order mark");
    is_str(read_text("\xEF\xBB\xBF"), "", "and only that");
    is_str(read_text("\xEF\xBB\xBF\"a\"\n"), "['a]\n", "and before a quote");
    is_str(show(file_with("t.tsv", "a\tb,c\n\"d\te\"\tf\n"), '\t', false), "[a][b,c]\n['d\te][f]\n",
           "another delimiter");
    is_str(read_text("\xC3\xA4,\xE2\x82\xAC\n"), "[\xC3\xA4][\xE2\x82\xAC]\n", "UTF-8");
}

static void refused(const char *text, const char *why, const char *name)
{
    is_str(read_text(text), "(refused)", "%s is refused", name);
    is_str(after_folder(err.text), why, "it says where");
}

static void test_refused(void)
{
    refused("a\nb,c\"d\n", "t.csv:2: a quote within a field: quote all of it, and double this one",
            "a quote within a field");
    refused("a\n\"b\"c\n", "t.csv:2: something after the quote that ends a field",
            "a letter after a quote");
    refused("a\n\"x\ny\"\nb,\"c\nd,e\nf\n", "t.csv:4: the quote that opens here is never closed",
            "a quote without its end");
    refused("a,b\n1,\xFF\n", "t.csv:2: a byte that is not UTF-8 (ff) in this record", "bad UTF-8");
    refused("\"\xE2\x82\",x\n", "t.csv:1: a byte that is not UTF-8 (e2) in this record",
            "half a character");
    refused("\xFF\xFE"
            "a",
            "t.csv:1: this is UTF-16, save it as UTF-8", "UTF-16");
    is_str(show(file_of("nul.csv", "a\nb\0c\n", 6), ',', false), "(refused)", "a NUL is refused");
    is_str(after_folder(err.text), "nul.csv:2: a NUL byte", "it says where");
    is_str(show(file_of("nul2.csv", "a\n\"b\0c\"\n", 8), ',', false), "(refused)", "in quotes too");
}

static void test_lines(void)
{
    const char *path = file_with("lines.csv", "a\n\n\"x\r\ny\rz\n\"\r\nb\r\r\nc\n\n\nd");
    static const uint64_t want[] = {1, 3, 7, 9, 12};
    const hec_csv_field *fields;
    hec_csv *csv = NULL;
    bool right = hec_csv_open(path, ',', &csv, &err) == 0;
    size_t n;

    for (size_t i = 0; right && i < sizeof want / sizeof *want; i++) {
        right = hec_csv_next(csv, &fields, &n, &err) == 1 && hec_csv_line(csv) == want[i];
        if (!right)
            printf("# record %zu is on line %llu\n", i, (unsigned long long)hec_csv_line(csv));
    }
    ok(right && hec_csv_next(csv, &fields, &n, &err) == 0, "each record knows its line");
    hec_csv_destroy(csv);
}

static void test_after_an_error(void)
{
    const hec_csv_field *fields;
    hec_csv *csv = NULL;
    size_t n = 7;

    ok(hec_csv_open(file_with("e.csv", "\"a\"b\nc\n"), ',', &csv, &err) == 0 &&
           hec_csv_next(csv, &fields, &n, &err) == HEC_EFORMAT && n == 7,
       "an error touches no output");
    ok(hec_csv_next(csv, &fields, &n, &err) == HEC_ECLOSED, "after it every call fails");
    hec_csv_destroy(csv);
    csv = NULL;
    ok(hec_csv_open("/nowhere/x.csv", ',', &csv, &err) == HEC_ENOENT && !csv, "no such file");
    ok(hec_csv_open(files_folder, ',', &csv, &err) == 0 &&
           hec_csv_next(csv, &fields, &n, &err) == HEC_EIO,
       "a folder is no file");
    hec_csv_destroy(csv);
    csv = NULL;
    ok(hec_csv_open("x.csv", '"', &csv, &err) == HEC_EINVAL &&
           hec_csv_open("x.csv", '\n', &csv, &err) == HEC_EINVAL && !csv,
       "a quote or a line break separates nothing");
}

static long peak_kib(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* A MiB or so of records of many lengths; how many bytes and records it has. */
static size_t make_block(char *block, size_t size, uint64_t *ret_records)
{
    size_t used = 0;

    *ret_records = 0;
    while (size - used > 4096) {
        int len = (int)(*ret_records * 37 % 2000);

        used += (size_t)snprintf(block + used, size - used, "\"%0*d\"\"\n,\",%0*d\r\n", len + 1, 7,
                                 len / 3 + 1, 5);
        ++*ret_records;
    }
    return used;
}

static void test_memory_is_constant(void)
{
    enum { BLOCKS = 48 };
    static char block[1 << 20];
    const char *path = file_with("big.csv", "");
    const hec_csv_field *fields;
    hec_csv *csv = NULL;
    uint64_t in_block, records = 0;
    size_t n, size = make_block(block, sizeof block, &in_block);
    FILE *f = fopen(path, "w");
    bool written = f != NULL;
    long before;

    for (int i = 0; i < BLOCKS && written; i++)
        written = fwrite(block, 1, size, f) == size;
    ok(written && fclose(f) == 0, "a file of %zu MiB", BLOCKS * size >> 20);
    before = peak_kib();
    ok(hec_csv_open(path, ',', &csv, &err) == 0, "is opened");
    while (csv && hec_csv_next(csv, &fields, &n, &err) == 1)
        records += n == 2;
    ok(records == BLOCKS * in_block, "all %llu records were read", (unsigned long long)records);
    /* The sanitizers and valgrind keep what was freed for a while. */
    ok(peak_kib() - before < 8192, "with %ld KiB of memory", peak_kib() - before);
    hec_csv_destroy(csv);
}

static void test_huge_record(void)
{
    static char bytes[17 << 20];
    const char *path;

    memset(bytes, 'x', sizeof bytes);
    bytes[0] = '"';
    path = file_of("huge.csv", bytes, sizeof bytes);
    is_str(show(path, ',', false), "(refused)", "a quote that swallows the file is refused");
    is_str(after_folder(err.text),
           "huge.csv:1: the quote that opens here is not closed within 16 MiB", "in time");
}

static void test_no_memory(void)
{
    const char *path = file_with("m.csv", "a,b\n\"1\",2\n");
    bool refused = true;

    for (long n = 1;; n++) {
        const hec_csv_field *fields;
        hec_csv *csv = NULL;
        hec_error e = {0};
        size_t count;
        int r;

        fault_arm(n);
        r = hec_csv_open(path, ',', &csv, &e);
        while (r >= 0 && (r = hec_csv_next(csv, &fields, &count, &e)) == 1)
            continue;
        hec_csv_destroy(csv);
        if (!fault_disarm())
            break;
        /* fopen() allocates as well, and says so by errno. */
        refused = refused && (r == HEC_ENOMEM || (r == HEC_EIO && e.sys == 12));
    }
    ok(refused, "each allocation may fail");
}

int main(void)
{
    files_begin();
    test_rfc();
    test_beside();
    test_refused();
    test_lines();
    test_after_an_error();
    test_memory_is_constant();
    test_huge_record();
    test_no_memory();
    files_end();
    return done_testing();
}
