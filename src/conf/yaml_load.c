/* SPDX-License-Identifier: MIT
 *
 * From libyaml's events to values. The only file that sees libyaml, which knows YAML 1.1: of it we
 * take the grammar, and what a scalar means is said by the core schema of 1.2, here.
 *
 * An alias is a copy of one hec_value, which shares what lies below it. So a few lines can stand
 * for billions of values: `weight` counts what the tree would be if it were written out, and who
 * goes beyond the limit is told before anybody does.
 */
#include "conf/yaml.h"

#include "base/error.h"
#include "conf/names.h"
#include "conf/scalar.h"
#include "conf/value.h"

#include <stdbool.h>
#include <string.h>

#ifdef HEC_HAVE_YAML

#include <yaml.h>

#define TAG_PREFIX "tag:yaml.org,2002:"

typedef struct anchor {
    hec_value value;
    uint64_t weight;
    bool open; /* we are within it */
} anchor;

typedef struct loader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one at which we are */
    bool has_event;
    const hec__source *source;
    hec__arena *arena;
    hec__names names; /* of anchors: the number of each */
    anchor *anchors;
    size_t cap;
    uint64_t weight, aliased;
    hec__strbuf key; /* the bytes of one key */
    hec_error *err;
} loader;

typedef struct members {
    hec_member *all;
    size_t n, cap;
} members;

static int no_memory(loader *l)
{
    return hec__fail(l->err, HEC_ENOMEM, 0, "no memory for '%.100s'", l->source->name);
}

static hec__place place_of(yaml_mark_t mark)
{
    return (hec__place){(uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

/* The byte at a mark, which counts characters; '\0' at the end. */
static char byte_at(const hec__source *source, yaml_mark_t mark)
{
    size_t i = 0;

    for (size_t seen = 0; i < source->size; i++) {
        if (((unsigned char)source->bytes[i] & 0xC0) != 0x80 && seen++ == mark.index)
            return source->bytes[i];
    }
    return '\0';
}

static int parser_failed(loader *l)
{
    const yaml_parser_t *p = &l->parser;
    const char *problem = p->problem ? p->problem : "not understood";

    if (p->error == YAML_MEMORY_ERROR)
        return no_memory(l);
    if (p->error == YAML_READER_ERROR)
        return hec__fail_at(l->err, l->source, hec__place_of(l->source, p->problem_offset), "%s",
                            problem);
    if (byte_at(l->source, p->problem_mark) == '\t')
        return hec__fail_at(l->err, l->source, place_of(p->problem_mark),
                            "a tab cannot stand here, use blanks");
    return hec__fail_at(l->err, l->source, place_of(p->problem_mark), "%s%s%s", problem,
                        p->context ? " " : "", p->context ? p->context : "");
}

static int next(loader *l)
{
    if (l->has_event)
        yaml_event_delete(&l->event);
    l->has_event = yaml_parser_parse(&l->parser, &l->event) == 1;
    return l->has_event ? 0 : parser_failed(l);
}

static int load_node(loader *l, int depth, hec_value *ret);

/* ---- anchors ---- */

/* Notes an anchor whose node begins; *ret_index is SIZE_MAX where it has none. */
static int open_anchor(loader *l, const yaml_char_t *name, size_t *ret_index)
{
    const char *copy;
    anchor *grown;
    int r;

    *ret_index = SIZE_MAX;
    if (!name)
        return 0;
    copy = hec__arena_copy(l->arena, (const char *)name, strlen((const char *)name));
    grown = hec__arena_grow(l->arena, l->anchors, l->names.n, &l->cap, sizeof *l->anchors);
    if (!copy || !grown)
        return no_memory(l);
    l->anchors = grown;
    r = hec__names_add(&l->names, copy, strlen(copy), ret_index, l->err);
    if (r < 0)
        return r;
    l->anchors[*ret_index] = (anchor){.open = true};
    return 0;
}

static void close_anchor(loader *l, size_t index, const hec_value *value, uint64_t before)
{
    if (index != SIZE_MAX)
        l->anchors[index] = (anchor){*value, l->weight - before, false};
}

static int load_alias(loader *l, hec_value *ret)
{
    const char *name = (const char *)l->event.data.alias.anchor;
    hec__place place = place_of(l->event.start_mark);
    ptrdiff_t i = hec__names_find(&l->names, name, strlen(name));

    if (i < 0)
        return hec__fail_at(l->err, l->source, place, "no anchor '%.40s' is above this", name);
    if (l->anchors[i].open)
        return hec__fail_at(l->err, l->source, place, "the anchor '%.40s' contains itself", name);
    l->weight += l->anchors[i].weight;
    l->aliased += l->anchors[i].weight;
    if (l->aliased > HEC__YAML_ALIASED)
        return hec__fail_at(l->err, l->source, place,
                            "with this alias, aliases stand for more than %u values",
                            HEC__YAML_ALIASED);
    *ret = l->anchors[i].value;
    ret->line = place.line;
    ret->column = place.column;
    return 0;
}

/* ---- scalars ---- */

/* What follows "!!" in a tag of YAML's own; NULL where it is another's. */
static const char *own_tag(const char *tag)
{
    size_t n = sizeof TAG_PREFIX - 1;

    return strncmp(tag, TAG_PREFIX, n) == 0 ? tag + n : NULL;
}

static int refuse_tag(loader *l, const char *tag, const hec_value *value)
{
    const char *own = own_tag(tag);

    return hec__fail_at_value(l->err, l->source, value,
                              "the tag %s%.60s is refused: values are plain data here",
                              own ? "!!" : "", own ? own : tag);
}

static int resolve(loader *l, hec_value *value)
{
    int r = hec__scalar_resolve(l->arena, value->as.text, value->count, value, l->err);

    /* It says "an integer of more than 1000 digits", and does not know where. */
    if (r == HEC_EFORMAT)
        return hec__fail_at_value(l->err, l->source, value, "an integer of more than 1000 digits");
    return r;
}

/* A scalar that says what it is. */
static int apply_tag(loader *l, const char *tag, hec_value *value)
{
    static const struct {
        const char *name;
        enum hec_value_kind kind;
    } types[] = {{"null", HEC_VALUE_NULL},
                 {"bool", HEC_VALUE_BOOL},
                 {"int", HEC_VALUE_INT},
                 {"int", HEC_VALUE_BIG},
                 {"float", HEC_VALUE_REAL}};
    const char *own = own_tag(tag), *text = value->as.text;
    bool known = false;
    int r;

    if (own && strcmp(own, "str") == 0)
        return 0;
    for (size_t i = 0; own && i < sizeof types / sizeof *types; i++)
        known = known || strcmp(own, types[i].name) == 0;
    if (!known)
        return refuse_tag(l, tag, value);
    r = resolve(l, value);
    if (r < 0)
        return r;
    if (strcmp(own, "float") == 0 && hec__value_is_number(value)) {
        value->as.real = hec__value_number(value);
        value->kind = HEC_VALUE_REAL;
        value->count = 0;
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(own, types[i].name) == 0 && (int32_t)types[i].kind == value->kind)
            return 0;
    return hec__fail_at_value(l->err, l->source, value, "'%.60s' is no %s", text, own);
}

static int load_scalar(loader *l, hec_value *ret)
{
    const char *text = (const char *)l->event.data.scalar.value;
    const char *tag = (const char *)l->event.data.scalar.tag;
    size_t n = l->event.data.scalar.length;

    l->weight += 1 + n / 16;
    if (memchr(text, '\0', n))
        return hec__fail_at_value(l->err, l->source, ret, "a text with a NUL in it");
    ret->kind = HEC_VALUE_TEXT;
    ret->count = n;
    ret->as.text = hec__arena_copy(l->arena, text, n);
    if (!ret->as.text)
        return no_memory(l);
    if (tag && strcmp(tag, "!") != 0)
        return apply_tag(l, tag, ret);
    return !tag && l->event.data.scalar.plain_implicit ? resolve(l, ret) : 0;
}

/* ---- lists and maps ---- */

static int check_collection(loader *l, const yaml_char_t *tag, const char *wanted, int depth,
                            const hec_value *value)
{
    const char *own = tag ? own_tag((const char *)tag) : NULL;

    l->weight++;
    if (depth > HEC__VALUE_DEPTH)
        return hec__fail_at_value(l->err, l->source, value, "more than %d levels",
                                  HEC__VALUE_DEPTH);
    if (!tag || strcmp((const char *)tag, "!") == 0 || (own && strcmp(own, wanted) == 0))
        return 0;
    return refuse_tag(l, (const char *)tag, value);
}

static int load_list(loader *l, int depth, hec_value *ret)
{
    hec_value *items = NULL;
    size_t n = 0, cap = 0;
    int r = check_collection(l, l->event.data.sequence_start.tag, "seq", depth, ret);

    while (r == 0) {
        hec_value *grown;

        r = next(l);
        if (r < 0 || l->event.type == YAML_SEQUENCE_END_EVENT)
            break;
        grown = hec__arena_grow(l->arena, items, n, &cap, sizeof *items);
        if (!grown)
            return no_memory(l);
        items = grown;
        r = load_node(l, depth, &items[n]);
        n++;
    }
    if (r < 0)
        return r;
    ret->kind = HEC_VALUE_LIST;
    ret->count = n;
    ret->as.items = items;
    return 0;
}

static int append(loader *l, members *m, const hec_member *member)
{
    hec_member *grown = hec__arena_grow(l->arena, m->all, m->n, &m->cap, sizeof *m->all);

    if (!grown)
        return no_memory(l);
    m->all = grown;
    m->all[m->n++] = *member;
    return 0;
}

/* Adds a key to those that a map has: 1, or 0 where it has it; then *ret_index is which. */
static int add_key(loader *l, hec__names *names, const hec_value *key, size_t *ret_index)
{
    const char *copy;

    hec__strbuf_clear(&l->key);
    hec__value_key_bytes(key, &l->key);
    copy = l->key.failed ? NULL : hec__arena_copy(l->arena, l->key.data, l->key.len);
    if (!copy)
        return no_memory(l);
    return hec__names_add(names, copy, l->key.len, ret_index, l->err);
}

/* Adds what a merged map has and the map has not. */
static int merge_map(loader *l, const hec_value *from, members *m, hec__names *names)
{
    size_t unused;
    int r = 0;

    if (from->kind != HEC_VALUE_MAP)
        return hec__fail_at_value(l->err, l->source, from,
                                  "<< wants a map or a list of maps, not %s",
                                  hec__value_kind_name(from));
    for (uint64_t i = 0; i < from->count && r >= 0; i++) {
        r = add_key(l, names, &from->as.members[i].key, &unused);
        if (r == 1)
            r = append(l, m, &from->as.members[i]);
    }
    return r < 0 ? r : 0;
}

/* The members with what `<<`, which stood before the `at`-th, brings along. */
static int merge(loader *l, const hec_value *from, size_t at, members *m, hec__names *names)
{
    members all = {0};
    int r = 0;

    for (size_t i = 0; i < at && r == 0; i++)
        r = append(l, &all, &m->all[i]);
    if (r == 0 && from->kind == HEC_VALUE_LIST)
        for (uint64_t i = 0; i < from->count && r == 0; i++)
            r = merge_map(l, &from->as.items[i], &all, names);
    else if (r == 0)
        r = merge_map(l, from, &all, names);
    for (size_t i = at; i < m->n && r == 0; i++)
        r = append(l, &all, &m->all[i]);
    if (r == 0)
        *m = all;
    return r;
}

static bool is_merge(const yaml_event_t *e)
{
    return e->type == YAML_SCALAR_EVENT && e->data.scalar.plain_implicit && !e->data.scalar.tag &&
           e->data.scalar.length == 2 && memcmp(e->data.scalar.value, "<<", 2) == 0;
}

static int refuse_twice(loader *l, const hec_value *key, const members *m, size_t first)
{
    char text[48];

    hec_value_text(key, text, sizeof text, NULL);
    return hec__fail_at_value(l->err, l->source, key,
                              "the key '%s' is there twice, first on line %u", text,
                              m->all[first].key.line);
}

/* One key and its value; what `<<` has goes into *merged instead. */
static int load_member(loader *l, int depth, members *m, hec__names *names, hec_value *merged)
{
    bool merging = is_merge(&l->event);
    hec_member member = {.key = {.kind = HEC_VALUE_NULL}};
    size_t index = 0;
    int r = load_node(l, depth, &member.key);

    if (r < 0)
        return r;
    if (!hec__value_is_scalar(&member.key))
        return hec__fail_at_value(l->err, l->source, &member.key, "a key that is %s",
                                  hec__value_kind_name(&member.key));
    if (merging && merged->line)
        return hec__fail_at_value(l->err, l->source, &member.key,
                                  "<< is there twice: give it a list of maps");
    if (!merging) {
        r = add_key(l, names, &member.key, &index);
        if (r == 0)
            return refuse_twice(l, &member.key, m, index);
    }
    if (r >= 0)
        r = next(l);
    if (r == 0)
        r = load_node(l, depth, merging ? merged : &member.value);
    return r == 0 && !merging ? append(l, m, &member) : r;
}

static int load_map(loader *l, int depth, hec_value *ret)
{
    HEC_AUTO_NAMES names = {0};
    hec_value merged = {.line = 0};
    members m = {0};
    size_t at = 0;
    int r = check_collection(l, l->event.data.mapping_start.tag, "map", depth, ret);

    while (r == 0) {
        r = next(l);
        if (r < 0 || l->event.type == YAML_MAPPING_END_EVENT)
            break;
        if (is_merge(&l->event) && !merged.line)
            at = m.n;
        r = load_member(l, depth, &m, &names, &merged);
    }
    if (r == 0 && merged.line)
        r = merge(l, &merged, at, &m, &names);
    if (r < 0)
        return r;
    ret->kind = HEC_VALUE_MAP;
    ret->count = m.n;
    ret->as.members = m.all;
    return 0;
}

static int load_node(loader *l, int depth, hec_value *ret)
{
    hec__place place = place_of(l->event.start_mark);
    uint64_t before = l->weight;
    hec_value value = {.line = place.line, .column = place.column};
    yaml_event_type_t type = l->event.type;
    const yaml_char_t *name = NULL;
    size_t index;
    int r;

    if (type == YAML_ALIAS_EVENT)
        return load_alias(l, ret);
    if (type == YAML_SCALAR_EVENT)
        name = l->event.data.scalar.anchor;
    else if (type == YAML_SEQUENCE_START_EVENT)
        name = l->event.data.sequence_start.anchor;
    else if (type == YAML_MAPPING_START_EVENT)
        name = l->event.data.mapping_start.anchor;
    else
        return hec__fail(l->err, HEC_EINTERNAL, 0, "libyaml gave an event out of turn");
    r = open_anchor(l, name, &index);
    if (r < 0)
        return r;
    r = type == YAML_SCALAR_EVENT           ? load_scalar(l, &value)
        : type == YAML_SEQUENCE_START_EVENT ? load_list(l, depth + 1, &value)
                                            : load_map(l, depth + 1, &value);
    if (r < 0)
        return r;
    close_anchor(l, index, &value, before);
    *ret = value;
    return 0;
}

/* ---- documents ---- */

static int load_document(loader *l, hec_yaml *yaml)
{
    hec_value *grown, value;
    int r = next(l);

    if (r == 0)
        r = load_node(l, 0, &value);
    if (r == 0)
        r = next(l); /* the document's end */
    if (r < 0)
        return r;
    grown = hec__arena_grow(l->arena, yaml->documents, yaml->n, &yaml->cap, sizeof value);
    if (!grown)
        return no_memory(l);
    yaml->documents = grown;
    yaml->documents[yaml->n++] = value;
    hec__names_fini(&l->names); /* anchors end with their document */
    return 0;
}

static int load_stream(loader *l, hec_yaml *yaml)
{
    int r = next(l); /* the stream's start */

    while (r == 0) {
        r = next(l);
        if (r < 0 || l->event.type == YAML_STREAM_END_EVENT)
            break;
        r = load_document(l, yaml);
    }
    return r;
}

int hec__yaml_load(hec_yaml *yaml, hec_error *err)
{
    loader l = {.source = &yaml->source, .arena = &yaml->arena, .err = err};
    int r;

    if (!yaml_parser_initialize(&l.parser))
        return no_memory(&l);
    hec__strbuf_init(&l.key);
    yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&l.parser, (const unsigned char *)yaml->source.bytes,
                                 yaml->source.size);
    r = load_stream(&l, yaml);
    if (l.has_event)
        yaml_event_delete(&l.event);
    yaml_parser_delete(&l.parser);
    hec__names_fini(&l.names);
    hec__strbuf_fini(&l.key);
    return r;
}

#else

int hec__yaml_load(hec_yaml *yaml, hec_error *err)
{
    return hec__fail(err, HEC_ESYS, 0,
                     "cannot read '%.100s': this hec was built without libyaml, so without YAML",
                     yaml->source.name);
}

#endif
