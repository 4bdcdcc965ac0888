/* SPDX-License-Identifier: MIT
 *
 * JSON, as values. libyaml reads most of it, but neither surrogate pairs nor an escaped slash,
 * which other programs write; and where hec is built without YAML, results are to be read all the
 * same.
 *
 * Going down is not done by calls: the levels are a list of what is open.
 */
#include "conf/yaml.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "conf/scalar.h"
#include "conf/value.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define MEMBERS_MAX 10000u /* of a map; each is compared with those before it */

HEC_AUTO_DEFINE(hec_yaml, hec_yaml_destroy)

/* A list or a map that is not closed yet. */
typedef struct level {
    bool is_map;
    hec_member *members; /* [n]; of a list the values of these count */
    size_t n, cap;
} level;

typedef struct reader {
    hec_yaml *yaml;
    const char *s; /* what comes next; a NUL is at the end */
    level levels[HEC__VALUE_DEPTH];
    size_t depth;
    hec__strbuf text;
    hec_error *err;
} reader;

static int fail_at(reader *p, const char *at, const char *what)
{
    const hec__source *source = &p->yaml->source;

    return hec__fail_at(p->err, source, hec__place_of(source, (size_t)(at - source->bytes)), "%s",
                        what);
}

static int no_memory(reader *p)
{
    return hec__fail(p->err, HEC_ENOMEM, 0, "no memory for '%.100s'", p->yaml->source.name);
}

static void skip_blanks(reader *p)
{
    p->s += strspn(p->s, " \t\r\n");
}

/* ---- strings ---- */

/* Four hexadecimal digits; -1: they are none. */
static int32_t hex4(const char *s)
{
    int32_t v = 0;

    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef", *at;

        at = s[i] ? strchr(digits, s[i] >= 'A' && s[i] <= 'F' ? s[i] + 32 : s[i]) : NULL;
        if (!at)
            return -1;
        v = v * 16 + (int32_t)(at - digits);
    }
    return v;
}

static void add_utf8(hec__strbuf *out, uint32_t c)
{
    if (c < 0x80) {
        hec__strbuf_addc(out, (char)c);
    } else if (c < 0x800) {
        hec__strbuf_addc(out, (char)(0xC0 | c >> 6));
    } else if (c < 0x10000) {
        hec__strbuf_addc(out, (char)(0xE0 | c >> 12));
        hec__strbuf_addc(out, (char)(0x80 | (c >> 6 & 0x3F)));
    } else {
        hec__strbuf_addc(out, (char)(0xF0 | c >> 18));
        hec__strbuf_addc(out, (char)(0x80 | (c >> 12 & 0x3F)));
        hec__strbuf_addc(out, (char)(0x80 | (c >> 6 & 0x3F)));
    }
    if (c >= 0x80)
        hec__strbuf_addc(out, (char)(0x80 | (c & 0x3F)));
}

/* p->s is behind "\u". */
static int read_unicode(reader *p)
{
    int32_t c = hex4(p->s), low;

    if (c < 0)
        return fail_at(p, p->s - 2, "an escape \\u without four hexadecimal digits");
    if (c == 0)
        return fail_at(p, p->s - 2, "a string with a NUL");
    p->s += 4;
    if (c >= 0xD800 && c < 0xDC00 && p->s[0] == '\\' && p->s[1] == 'u') {
        low = hex4(p->s + 2);
        if (low >= 0xDC00 && low < 0xE000) {
            p->s += 6;
            add_utf8(&p->text, 0x10000 + ((uint32_t)(c - 0xD800) << 10) + (uint32_t)(low - 0xDC00));
            return 0;
        }
    }
    /* Half of a pair is no character. */
    add_utf8(&p->text, c >= 0xD800 && c < 0xE000 ? 0xFFFD : (uint32_t)c);
    return 0;
}

static int read_escape(reader *p)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *at = *p->s ? strchr(from, *p->s) : NULL;

    p->s++;
    if (p->s[-1] == 'u')
        return read_unicode(p);
    if (!at)
        return fail_at(p, p->s - 2, "an escape that JSON does not have");
    hec__strbuf_addc(&p->text, to[at - from]);
    return 0;
}

/* p->s is at the quote. */
static int read_string(reader *p, hec_value *v)
{
    const char *begin = p->s++;
    int r = 0;

    hec__strbuf_clear(&p->text);
    while (r == 0 && *p->s != '"') {
        size_t n = 0;

        while ((unsigned char)p->s[n] >= 0x20 && p->s[n] != '"' && p->s[n] != '\\')
            n++;
        hec__strbuf_add(&p->text, p->s, n);
        p->s += n;
        if (*p->s == '\\') {
            p->s++;
            r = read_escape(p);
        } else if (*p->s != '"') {
            return *p->s ? fail_at(p, p->s, "a control character within a string")
                         : fail_at(p, begin, "a string that is not closed");
        }
    }
    if (r < 0)
        return r;
    p->s++;
    v->kind = HEC_VALUE_TEXT;
    v->count = p->text.len;
    v->as.text =
        p->text.failed ? NULL : hec__arena_copy(&p->yaml->arena, p->text.data, p->text.len);
    return v->as.text ? 0 : no_memory(p);
}

/* ---- words and numbers ---- */

/* -? (0 | [1-9][0-9]*) (\.[0-9]+)? ([eE][-+]?[0-9]+)?; 0: none. */
static size_t number_size(const char *s)
{
    size_t i = *s == '-', digits = strspn(s + i, "0123456789"), more;

    if (digits == 0 || (digits > 1 && s[i] == '0'))
        return 0;
    i += digits;
    if (s[i] == '.') {
        more = strspn(s + i + 1, "0123456789");
        if (more == 0)
            return 0;
        i += 1 + more;
    }
    if (s[i] == 'e' || s[i] == 'E') {
        size_t sign = s[i + 1] == '-' || s[i + 1] == '+';

        more = strspn(s + i + 1 + sign, "0123456789");
        if (more == 0)
            return 0;
        i += 1 + sign + more;
    }
    return i;
}

static int read_word(reader *p, hec_value *v)
{
    static const struct {
        const char *word;
        hec_value value;
    } words[] = {{"null", {.kind = HEC_VALUE_NULL}},
                 {"true", {.kind = HEC_VALUE_BOOL, .as.boolean = 1}},
                 {"false", {.kind = HEC_VALUE_BOOL}},
                 {"NaN", {.kind = HEC_VALUE_REAL, .as.real = NAN}},
                 {"Infinity", {.kind = HEC_VALUE_REAL, .as.real = INFINITY}},
                 {"-Infinity", {.kind = HEC_VALUE_REAL, .as.real = -INFINITY}}};
    size_t n = number_size(p->s);
    char *copy;
    int r;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t size = strlen(words[i].word);

        if (strncmp(p->s, words[i].word, size) == 0) {
            v->kind = words[i].value.kind;
            v->as = words[i].value.as;
            p->s += size;
            return 0;
        }
    }
    if (n == 0)
        return fail_at(p, p->s, *p->s ? "this is no JSON" : "it ends in the middle");
    copy = hec__arena_copy(&p->yaml->arena, p->s, n);
    if (!copy)
        return no_memory(p);
    r = hec__scalar_resolve(&p->yaml->arena, copy, n, v, p->err);
    if (r == HEC_EFORMAT)
        return fail_at(p, p->s, "an integer of more than 1000 digits");
    p->s += n;
    return r;
}

/* ---- lists and maps ---- */

static int open_level(reader *p)
{
    if (p->depth == HEC__VALUE_DEPTH)
        return fail_at(p, p->s, "more than 64 levels");
    p->levels[p->depth++] = (level){.is_map = *p->s == '{'};
    p->s++;
    skip_blanks(p);
    return 0;
}

/* The innermost level as a value. */
static int close_level(reader *p, hec_value *v)
{
    level *l = &p->levels[--p->depth];
    hec_value *items;

    p->s++;
    v->count = l->n;
    v->kind = l->is_map ? HEC_VALUE_MAP : HEC_VALUE_LIST;
    if (l->is_map) {
        v->as.members = l->members;
        return 0;
    }
    items = hec__arena_alloc(&p->yaml->arena, (l->n ? l->n : 1) * sizeof *items);
    if (!items)
        return no_memory(p);
    for (size_t i = 0; i < l->n; i++)
        items[i] = l->members[i].value;
    v->as.items = items;
    return 0;
}

static int read_key(reader *p, hec_value *key)
{
    level *l = &p->levels[p->depth - 1];
    const char *at = p->s;
    int r = *p->s == '"' ? read_string(p, key) : fail_at(p, p->s, "here a key in quotes has to be");

    for (size_t i = 0; r == 0 && key->as.text && i < l->n; i++)
        if (strcmp(l->members[i].key.as.text, key->as.text) == 0)
            return fail_at(p, at, "a key that is there twice");
    if (r == 0 && l->n == MEMBERS_MAX)
        r = fail_at(p, at, "a map of more than 10000 members");
    if (r < 0)
        return r;
    skip_blanks(p);
    if (*p->s != ':')
        return fail_at(p, p->s, "here a colon has to be");
    p->s++;
    skip_blanks(p);
    return 0;
}

/* Puts a value into the innermost level. */
static int add(reader *p, const hec_value *key, const hec_value *value)
{
    level *l = &p->levels[p->depth - 1];

    if (l->n == l->cap || !l->members) {
        hec_member *grown =
            hec__arena_grow(&p->yaml->arena, l->members, l->n, &l->cap, sizeof *l->members);

        if (!grown)
            return no_memory(p);
        l->members = grown;
    }
    l->members[l->n++] = (hec_member){*key, *value};
    return 0;
}

static bool ends_here(const reader *p)
{
    return *p->s == (p->levels[p->depth - 1].is_map ? '}' : ']');
}

/* A value of the innermost level is there, or it has none: closes all that close here. 1: another
 * value follows, 0: all is closed, and *v is it. */
static int go_on(reader *p, hec_value *v, hec_value keys[], bool have)
{
    int r = 0;

    while (p->depth) {
        if (have) {
            r = add(p, &keys[p->depth - 1], v);
            skip_blanks(p);
        }
        if (r < 0)
            return r;
        if (have && *p->s == ',') {
            p->s++;
            skip_blanks(p);
            return 1;
        }
        if (!ends_here(p))
            return have ? fail_at(p, p->s,
                                  *p->s ? "here a comma or the end has to be"
                                        : "it ends in the middle")
                        : 1;
        *v = (hec_value){0};
        r = close_level(p, v);
        if (r < 0)
            return r;
        have = true;
    }
    return 0;
}

static int read_all(reader *p, hec_value *v)
{
    hec_value keys[HEC__VALUE_DEPTH];
    int r = 1;

    memset(keys, 0, sizeof keys);
    skip_blanks(p);
    while (r == 1) {
        bool opens;

        *v = (hec_value){0};
        r = p->depth && p->levels[p->depth - 1].is_map ? read_key(p, &keys[p->depth - 1]) : 0;
        if (r < 0)
            return r;
        opens = *p->s == '{' || *p->s == '[';
        r = opens ? open_level(p) : *p->s == '"' ? read_string(p, v) : read_word(p, v);
        if (r == 0)
            r = go_on(p, v, keys, !opens);
    }
    if (r < 0)
        return r;
    skip_blanks(p);
    return *p->s ? fail_at(p, p->s, "something follows the value") : 0;
}

int hec_json_parse(const char *name, const char *bytes, size_t size, struct hec_yaml **ret_json,
                   hec_error *err)
{
    HEC_AUTO(hec_yaml) yaml = NULL;
    reader p = {.err = err};
    size_t good = hec__utf8_valid(bytes, size);
    int r = hec__yaml_create(name, bytes, size, &yaml, err);

    if (r < 0)
        return r;
    assert(yaml);
    p.yaml = yaml;
    p.s = yaml->source.bytes;
    if (good < size || memchr(bytes, '\0', size))
        return fail_at(&p, p.s + (good < size ? good : strlen(p.s)),
                       good < size ? "a byte that is not UTF-8" : "a NUL");
    yaml->documents = hec__arena_alloc(&yaml->arena, sizeof *yaml->documents);
    if (!yaml->documents)
        return no_memory(&p);
    hec__strbuf_init(&p.text);
    r = read_all(&p, yaml->documents);
    hec__strbuf_fini(&p.text);
    if (r < 0)
        return r;
    yaml->n = yaml->cap = 1;
    *ret_json = HEC_STEAL(&yaml);
    return 0;
}
