/* SPDX-License-Identifier: MIT
 *
 * The words of the verdicts.
 */
#include <hec/task.h>

const char *hec_verdict_word(int verdict)
{
    switch (verdict) {
#define HEC_VERDICT_WORD(name, value, word)                                                        \
    case value:                                                                                    \
        return word;
        HEC_VERDICTS(HEC_VERDICT_WORD)
#undef HEC_VERDICT_WORD
    }
    return "?";
}
