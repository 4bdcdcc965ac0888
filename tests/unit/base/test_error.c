/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "tap.h"

#include <errno.h>

int main(void)
{
    hec_error e = {0};
    char longtext[600];

    is_str(hec_error_name(HEC_EIO), "HEC_EIO", "a code has a name");
    is_str(hec_error_name(-9999), "HEC_E?", "a code that is not ours has none");
    ok(hec_error_exit_status(HEC_EINVAL) == 2, "bad arguments end the program with 2");
    is_str(hec_error_python(HEC_ENOMEM), "MemoryError", "a code has a Python class");

    ok(hec__fail(&e, HEC_EIO, ENOENT, "cannot open '%s'", "x") == HEC_EIO, "fail returns the code");
    is_str(e.text, "cannot open 'x': No such file or directory", "the system's text is appended");
    ok(e.code == HEC_EIO && e.sys == ENOENT, "code and errno are kept");
    ok(hec__fail_in(&e, HEC_EIO, "line %d", 7) == HEC_EIO, "context returns the code");
    is_str(e.text, "line 7: cannot open 'x': No such file or directory", "context comes first");

    memset(longtext, 'a', sizeof longtext - 1);
    longtext[sizeof longtext - 1] = '\0';
    hec__fail(&e, HEC_EIO, EIO, "%s", longtext);
    ok(strlen(e.text) == sizeof e.text - 1, "a long text is cut and terminated");
    hec__fail_in(&e, HEC_EIO, "%s", longtext);
    ok(strlen(e.text) == sizeof e.text - 1, "a long context is cut and terminated");
    ok(hec__fail(NULL, HEC_EINVAL, 0, "x") == HEC_EINVAL, "err may be NULL");
    ok(hec__fail_in(NULL, HEC_EINVAL, "x") == HEC_EINVAL, "err may be NULL for context");
    return done_testing();
}
