/* SPDX-License-Identifier: MIT
 *
 * Files of YAML: read whole, looked at for bytes that cannot be there, handed to the loader.
 */
#include "conf/yaml.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "base/utf8.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

HEC_AUTO_DEFINE(hec_yaml, hec_yaml_destroy)

static int read_whole(const char *path, hec__strbuf *out, hec_error *err)
{
    HEC_AUTO_FILE f = fopen(path, "re");
    const char *cut, *name = hec__short_name(path, &cut);

    if (!f)
        return hec__fail(err, errno == ENOENT ? HEC_ENOENT : HEC_EIO, errno, "cannot read '%s%s'",
                         cut, name);
    for (;;) {
        size_t n;

        if (hec__strbuf_reserve(out, 65536) < 0)
            return hec__fail(err, HEC_ENOMEM, 0, "no memory for '%s%s'", cut, name);
        n = fread(out->data + out->len, 1, 65536, f);
        out->len += n;
        out->data[out->len] = '\0';
        if (out->len > HEC__YAML_BYTES)
            return hec__fail(err, HEC_EFORMAT, 0,
                             "'%s%s' has more than %zu MiB, which is too much"
                             " for YAML",
                             cut, name, HEC__YAML_BYTES >> 20);
        if (n == 0)
            break;
    }
    if (ferror(f))
        return hec__fail(err, HEC_EIO, errno, "cannot read '%s%s'", cut, name);
    return 0;
}

void hec__error_at_value(hec_error *err, const hec__source *source, const hec_value *value,
                         const char *fmt, ...)
{
    char what[160];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    hec__fail_at(err, source, (hec__place){value->line, value->column}, "%s", what);
}

/* What no text in YAML may have: bytes that are not UTF-8, and control characters. */
static int check_bytes(const hec__source *source, hec_error *err)
{
    size_t bad = hec__utf8_valid(source->bytes, source->size);

    if (source->size > 1 &&
        (memcmp(source->bytes, "\xFF\xFE", 2) == 0 || memcmp(source->bytes, "\xFE\xFF", 2) == 0))
        return hec__fail_at(err, source, (hec__place){1, 1}, "this is UTF-16, save it as UTF-8");
    for (size_t i = 0; i < bad; i++) {
        unsigned char c = (unsigned char)source->bytes[i];

        if (c == 0x7F || (c < 0x20 && c != '\t' && c != '\n' && c != '\r'))
            return hec__fail_at(err, source, hec__place_of(source, i),
                                "a control character (byte %02x)", c);
    }
    if (bad < source->size)
        return hec__fail_at(err, source, hec__place_of(source, bad),
                            "a byte that is not UTF-8 (%02x)", (unsigned char)source->bytes[bad]);
    return 0;
}

int hec__yaml_create(const char *name, const char *bytes, size_t size, hec_yaml **ret,
                     hec_error *err)
{
    HEC_AUTO(hec_yaml) yaml = calloc(1, sizeof *yaml);
    char *copy = yaml ? malloc(size + 1) : NULL;

    if (copy) {
        if (size)
            memcpy(copy, bytes, size);
        copy[size] = '\0';
        yaml->source = (hec__source){hec__arena_copy(&yaml->arena, name, strlen(name)), copy, size};
    }
    if (!copy || !yaml->source.name)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for '%.100s'", name);
    *ret = HEC_STEAL(&yaml);
    return 0;
}

int hec_yaml_parse(const char *name, const char *bytes, size_t size, hec_yaml **ret_yaml,
                   hec_error *err)
{
    HEC_AUTO(hec_yaml) yaml = NULL;
    int r;

    /* A byte order mark is no part of the text. */
    if (size >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) {
        bytes += 3;
        size -= 3;
    }
    r = hec__yaml_create(name, bytes, size, &yaml, err);
    if (r < 0)
        return r;
    assert(yaml);
    r = check_bytes(&yaml->source, err);
    if (r == 0)
        r = hec__yaml_load(yaml, err);
    if (r < 0)
        return r;
    *ret_yaml = HEC_STEAL(&yaml);
    return 0;
}

int hec_yaml_read(const char *path, hec_yaml **ret_yaml, hec_error *err)
{
    HEC_AUTO_STRBUF bytes;
    int r;

    hec__strbuf_init(&bytes);
    r = read_whole(path, &bytes, err);
    if (r < 0)
        return r;
    return hec_yaml_parse(path, bytes.data, bytes.len, ret_yaml, err);
}

size_t hec_yaml_documents(const hec_yaml *yaml)
{
    return yaml->n;
}

const hec_value *hec_yaml_document(const hec_yaml *yaml, size_t i)
{
    return &yaml->documents[i];
}

void hec_yaml_destroy(hec_yaml *yaml)
{
    if (!yaml)
        return;
    free((char *)(uintptr_t)yaml->source.bytes);
    hec__arena_fini(&yaml->arena);
    free(yaml);
}
