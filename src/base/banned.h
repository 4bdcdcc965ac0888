/* SPDX-License-Identifier: MIT
 *
 * Functions that no file of ours may call; included first everywhere by the build. Each has a
 * neighbour that cannot overrun its buffer or keep hidden state.
 */
#ifndef HEC_BASE_BANNED_H
#define HEC_BASE_BANNED_H

#if defined(__GNUC__) && !defined(__cplusplus)
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#undef sprintf /* clang's fortified stdio.h has it as a macro */
#pragma GCC poison strcpy strcat sprintf vsprintf strtok strncpy strncat gets gmtime localtime     \
    ctime asctime atoi atol atof
#endif

#endif
