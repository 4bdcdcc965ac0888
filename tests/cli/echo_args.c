/* SPDX-License-Identifier: MIT
 *
 *     echo_args [ARGUMENT ...]
 *
 * Prints its arguments in hexadecimal, one a line: what a command really got.
 */
#include <stdio.h>

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        for (const char *s = argv[i]; *s; s++)
            printf("%02x", (unsigned char)*s);
        putchar('\n');
    }
    return ferror(stdout) ? 1 : 0;
}
