/* SPDX-License-Identifier: MIT */
#include "topo/oom.h"

#include "sys/file.h"
#include "topo/topo.h"

const char *hec__oom_file(const hec_topology *t)
{
    return t->oom_file ? t->oom_file : "/proc/vmstat";
}

bool hec__oom_read(const char *root, const char *file, uint64_t *ret_kills)
{
    HEC_AUTO_STRBUF buf;
    hec__slice rest, word;

    hec__strbuf_init(&buf);
    if (hec__file_read(root, file, &buf, NULL) < 0)
        return false;
    rest = hec__text_after(buf.data, "oom_kill ");
    return rest.s && hec__slice_word(&rest, &word) && hec__slice_uint(word, UINT64_MAX, ret_kills);
}
