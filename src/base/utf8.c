/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

size_t hec__utf8_length(const char *str, size_t n)
{
    const unsigned char *s = (const unsigned char *)str;
    unsigned char c = n ? s[0] : 0xFF;
    size_t len = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;

    if (len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    if ((c == 0xE0 && s[1] < 0xA0) || (c == 0xED && s[1] > 0x9F) || (c == 0xF0 && s[1] < 0x90) ||
        (c == 0xF4 && s[1] > 0x8F))
        return 0;
    return len;
}

size_t hec__utf8_valid(const char *s, size_t n)
{
    size_t i = 0;

    while (i < n) {
        size_t len;
        uint64_t eight;

        /* Most text is ASCII: eight bytes at once. */
        if (n - i >= sizeof eight) {
            memcpy(&eight, s + i, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof eight;
                continue;
            }
        }
        len = hec__utf8_length(s + i, n - i);
        if (len == 0)
            return i;
        i += len;
    }
    return n;
}
