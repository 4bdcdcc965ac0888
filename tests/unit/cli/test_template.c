/* SPDX-License-Identifier: MIT
 *
 * Placeholders of hec map.
 */
#include "map_template.h"
#include "tap.h"

#include <stdlib.h>

static const char *const names[] = {"lr", "deep.er"};

/* What one word becomes, the words in brackets; or the error. Static storage. */
static const char *make(const char *word, const char *const *values, size_t n, bool shell)
{
    static char out[4096];
    char *words[] = {strdup(word)};
    map_template_options o = {.words = words, .n_words = 1, .n_columns = n, .shell = shell};
    map_template *t = NULL;
    map_words w = {0};
    map_row row = {.values = values, .n = n, .line = 7, .where = "'x'"};
    hec_error err = {0};
    size_t used = 0;

    o.names = names;
    o.n_names = n == 2 ? 2 : 0;
    out[0] = '\0';
    if (map_template_create(&o, &t, &err) < 0 || map_template_expand(t, &row, 12, 3, &w, &err) < 0)
        snprintf(out, sizeof out, "%s", err.text);
    else
        for (size_t i = shell ? 2 : 0; w.argv[i]; i++)
            used += (size_t)snprintf(out + used, sizeof out - used, "[%s]", w.argv[i]);
    map_words_fini(&w);
    map_template_destroy(t);
    free(words[0]);
    return out;
}

static const char *one(const char *word, const char *value)
{
    return make(word, &value, 1, false);
}

static const char *line(const char *word, const char *value)
{
    return make(word, &value, 1, true);
}

static void parts(void)
{
    is_str(one("{}", "a/b.c"), "[a/b.c]", "{} is the input");
    is_str(one("{.}", "a.d/b.c.gz"), "[a.d/b.c]", "{.} has no extension");
    is_str(one("{.}", "a.d/b"), "[a.d/b]", "a folder's is none");
    is_str(one("{.}", "b."), "[b]", "a dot alone goes too");
    is_str(one("{/}", "a/b/c.d"), "[c.d]", "{/} has no folder");
    is_str(one("{/}", "a/b/"), "[]", "of a folder nothing is left");
    is_str(one("{//}", "a/b/c.d"), "[a/b]", "{//} is the folder");
    is_str(one("{//}", "c.d"), "[.]", "which may be this one");
    is_str(one("{//}", "/c.d"), "[/]", "or the root");
    is_str(one("{//}", "a//b/"), "[a]", "slashes more or less do not count");
    is_str(one("{/.}", "a/b.c/d.e"), "[d]", "{/.} has neither");
    is_str(one("x{}y{}", "1"), "[x1y1]", "within a word, and twice");
    is_str(one("{#}-{%}-{}", "v"), "[12-3-v]", "{#} is the task, {%%} the place");
    is_str(one("{#}", "v"), "[12][v]", "those two are no input: it comes at the end");
    is_str(one("cmd", "a b"), "[cmd][a b]", "as it does without any placeholder");
}

static void literal(void)
{
    is_str(one("{ print $1 }", "v"), "[{ print $1 }][v]", "other braces mean themselves");
    is_str(one("{{}}", "v"), "[{v}]", "braces around a placeholder too");
    is_str(one("{x", "v"), "[{x][v]", "and one that is not closed");
    is_str(one("a{2,3}", "v"), "[a{2,3}][v]", "and a repetition of a regular expression");
    is_str(one("{0}", "v"), "[{0}][v]", "there is no column 0");
    is_str(one("{}", "$(x) `y` 'z' \"\n;"), "[$(x) `y` 'z' \"\n;]", "an input is never read");
    is_str(one("{}", "{#}"), "[{#}]", "not for placeholders either");
}

static void columns(void)
{
    const char *two[] = {"0.1", "d/e.f"};

    is_str(make("{1}:{2}", two, 2, false), "[0.1:d/e.f]", "columns by number");
    is_str(make("{-1}", two, 2, false), "[d/e.f]", "from the end");
    is_str(make("{2/.}", two, 2, false), "[e]", "a part of one");
    is_str(make("{lr} {deep.er//}", two, 2, false), "[0.1 d]", "by name, also with a dot in it");
    is_str(make("{}", two, 2, false), "[0.1][d/e.f]", "{} alone is a word for each");
    is_str(make("x{}", two, 2, false), "[x0.1 d/e.f]", "within a word they have a blank between");
    is_str(make("cmd", two, 2, false), "[cmd][0.1][d/e.f]", "all of them are added");
    is_str(make("{3}", two, 2, false), "'{3}': there is no such input, only 2",
           "a column that there is not is an error");
    is_str(make("{-3}", two, 2, false), "'{-3}': there is no such input, only 2",
           "from the end too");
}

static void ragged(void)
{
    const char *two[] = {"a", "b"};
    char *words[] = {(char[]){"{3}"}};
    map_template_options o = {.words = words, .n_words = 1};
    map_template *t = NULL;
    map_words w = {0};
    map_row row = {.values = two, .n = 2, .line = 7, .where = "'x'"};
    hec_error err = {0};

    ok(map_template_create(&o, &t, &err) == 0, "how many columns there are may depend on the row");
    ok(map_template_expand(t, &row, 1, 1, &w, &err) == HEC_EINVAL, "one that lacks some");
    is_str(err.text, "line 7 of 'x' has 2 columns, and {3} is asked for", "is named by its line");
    map_words_fini(&w);
    map_template_destroy(t);
}

static void shell(void)
{
    is_str(line("echo {} | wc", "a b"), "[echo 'a b' | wc]", "an input is quoted for the shell");
    is_str(line("echo {}", "it's"), "[echo 'it'\\''s']", "quotes too");
    is_str(line("echo {}", ""), "[echo '']", "and nothing at all");
    is_str(line("echo {.}", "x.gz"), "[echo x]", "what needs no quotes has none");
}

static void quoting(void)
{
    const char *const argv[] = {"a b", "", "x\ny", "it's", NULL};
    hec__strbuf out;

    hec__strbuf_init(&out);
    map_quote_all(&out, argv, true);
    is_str(out.data, "'a b' '' $'x\\ny' 'it'\\''s'", "a command is shown in one line");
    hec__strbuf_fini(&out);
}

int main(void)
{
    parts();
    literal();
    columns();
    ragged();
    shell();
    quoting();
    return done_testing();
}
