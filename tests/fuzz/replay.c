/* SPDX-License-Identifier: MIT
 *
 * Feeds every file of a folder to a fuzz target: the part of fuzzing that every test run can do.
 * By hand, for as long as one likes:
 *
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -DHEC_STATIC \
 *         -Iinclude -Isrc tests/fuzz/fuzz_hostlist.c src/base/{arena,error,strbuf}.c \
 *         src/topo/{text,hostlist,cgroup}.c -o /tmp/fuzz && /tmp/fuzz
 * tests/fuzz/corpora/hostlist
 */
#include "corpus.h"
#include "tap.h"

static void say(const char *name, int good)
{
    ok(good, "%s", name);
}

int main(int argc, char **argv)
{
    int fed = argc == 2 ? corpus_feed(argv[1], say) : 0;

    ok(fed > 0, "%d files", fed);
    return done_testing();
}
