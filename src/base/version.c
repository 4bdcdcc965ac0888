/* SPDX-License-Identifier: MIT */
#include <hec/hec.h>

const char *hec_version(void)
{
    return HEC_VERSION;
}
