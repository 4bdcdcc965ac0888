/* SPDX-License-Identifier: MIT
 *
 * Hostile bytes as a frame from another node: it is read or refused, and what is read can be
 * written again and is the same bytes. The size in its head is made right, so that what lies behind
 * it is reached.
 *
 * Without a fuzzer it is a test: sound frames with a few bytes changed, and noise. With one:
 * clang -fsanitize=fuzzer,address -DHEC_FUZZER … tests/fuzz/fuzz_wire.c libhec.a
 */
#include "base/little.h"
#include "corpus.h"
#include "task/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 16 };

static int taken; /* whether the last input was a frame */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hec__frame f = {0};
    hec__strbuf again;
    unsigned char *bytes;

    taken = 0;
    if (size < HEC__WIRE_HEAD || size > MOST)
        return 0;
    bytes = malloc(size);
    if (!bytes)
        abort();
    memcpy(bytes, data, size);
    hec__put32(bytes, (uint32_t)(size - HEC__WIRE_HEAD));
    hec__strbuf_init(&again);
    if (hec__wire_get(bytes, size, &f, NULL) == 0) {
        taken = 1;
        if (hec__wire_put(&again, &f, NULL) < 0)
            abort();
        /* The text of an error is cut where it is longer than errors are. */
        if (f.error.code == 0 && f.type != HEC__WIRE_END && f.type != HEC__WIRE_TROUBLE &&
            (again.len != size || memcmp(again.data, bytes, size) != 0))
            abort();
    }
    hec__wire_fini(&f);
    hec__strbuf_fini(&again);
    free(bytes);
    return 0;
}

#ifndef HEC_FUZZER
static size_t make(unsigned char *to)
{
    static const char *const argv[] = {"program", "argument", "", NULL};
    static const char *const env[] = {"A=b", "C", NULL};
    hec__frame f = {.type = (uint32_t)(1 + corpus_any() % HEC__WIRE_TROUBLE),
                    .task = corpus_any(),
                    .release = "1",
                    .name = "node",
                    .host = "host",
                    .stream = 1,
                    .bytes = "some output",
                    .size = corpus_any() % 12,
                    .argv = (char **)argv,
                    .env = (char **)env,
                    .cwd = corpus_any() % 2 ? "/" : NULL,
                    .end = {.verdict = HEC_TASK_DONE},
                    .error = {.code = HEC_ESYS, .text = "an error"}};
    hec__strbuf b;
    size_t n;

    hec__strbuf_init(&b);
    if (hec__wire_put(&b, &f, NULL) < 0)
        abort();
    n = b.len;
    memcpy(to, b.data, n);
    hec__strbuf_fini(&b);
    return n;
}

int main(int argc, char **argv)
{
    static unsigned char bytes[MOST];
    int wrong = 0, some = 0, none = 0, files = argc > 1 ? corpus_feed(argv[1], NULL) : 0;

    for (int round = 0; round < 2000; round++) {
        LLVMFuzzerTestOneInput(bytes, make(bytes));
        wrong += !taken;
    }
    printf("%sok 1 - frames that are right are read\n", wrong ? "not " : "");
    for (int round = 0; round < 100000; round++) {
        size_t n = make(bytes);

        for (uint64_t i = 1 + corpus_any() % 4; i > 0; i--)
            bytes[4 + corpus_any() % (n - 4)] =
                (unsigned char)(corpus_any() % 2 ? corpus_any() : 0);
        if (corpus_any() % 5 == 0)
            n = HEC__WIRE_HEAD + corpus_any() % (n - HEC__WIRE_HEAD + 1);
        LLVMFuzzerTestOneInput(bytes, n);
        some += taken;
        none += !taken;
    }
    printf("ok 2 - 100000 with wrong bytes harm nobody\n");
    printf("%sok 3 - some of each kind: %d were read, %d were not\n",
           some > 1000 && none > 1000 ? "" : "not ", some, none);
    printf("%sok 4 - %d files of what was found before\n1..4\n", argc > 1 && !files ? "not " : "",
           files);
    return wrong == 0 && some > 1000 && none > 1000 && (argc < 2 || files) ? 0 : 1;
}
#endif
