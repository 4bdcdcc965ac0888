/* SPDX-License-Identifier: MIT
 *
 * A program of somebody else's: knows only the installed headers and what pkg-config says.
 */
#include <hec/hec.h>

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc != 2 || strcmp(hec_version(), argv[1]) != 0) {
        fprintf(stderr, "library %s, pkg-config %s\n", hec_version(), argc > 1 ? argv[1] : "?");
        return 1;
    }
    return hec_error_exit_status(HEC_EINVAL) == 2 ? 0 : 1;
}
