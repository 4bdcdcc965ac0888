/* SPDX-License-Identifier: MIT
 *
 * Batch jobs: scripts and checks. Options come as pairs of text, as on a command line.
 */
#include "job.h"

#include <stdlib.h>

void job_asked_fini(job_asked *a)
{
    hec_site_destroy(a->site);
    hec_request_destroy(a->request);
}

/* The bytes of a text or a path, as the file system has them; owned by *ret_owner. */
static const char *bytes_of(PyObject *o, PyObject **ret_owner)
{
    return PyUnicode_FSConverter(o, ret_owner) ? PyBytes_AS_STRING(*ret_owner) : NULL;
}

int job_open_site(PyObject *name, hec_site **ret_site)
{
    PyObject *owner = NULL;
    const char *text = NULL;
    hec_error err = {0};
    int r;

    if (name != Py_None && !(text = bytes_of(name, &owner)))
        return -1;
    Py_BEGIN_ALLOW_THREADS r = hec_site_open(text, ret_site, &err);
    Py_END_ALLOW_THREADS Py_XDECREF(owner);
    if (r < 0)
        hecmod_raise(&err);
    return r < 0 ? -1 : 0;
}

static int set_option(hec_request *request, PyObject *pair)
{
    PyObject *owner = NULL, *value;
    const char *name, *text;
    hec_error err = {0};
    int r = -1;

    if (!PyArg_ParseTuple(pair, "sO", &name, &value) || !(text = bytes_of(value, &owner)))
        return -1;
    r = hec_request_set(request, name, text, &err);
    Py_DECREF(owner);
    if (r < 0)
        hecmod_raise(&err);
    return r < 0 ? -1 : 0;
}

static int set_options(hec_request *request, PyObject *options)
{
    PyObject *items = PySequence_Fast(options, "options are a sequence of pairs");
    int r = items ? 0 : -1;

    for (Py_ssize_t i = 0; r == 0 && i < PySequence_Fast_GET_SIZE(items); i++)
        r = set_option(request, PySequence_Fast_GET_ITEM(items, i));
    Py_XDECREF(items);
    return r;
}

static int set_command(hec_request *request, PyObject *command)
{
    PyObject *items = PySequence_Fast(command, "a command is a sequence of arguments");
    Py_ssize_t n = items ? PySequence_Fast_GET_SIZE(items) : 0, made = 0;
    PyObject **owners = items ? PyMem_New(PyObject *, n ? n : 1) : NULL;
    const char **argv = items ? PyMem_New(const char *, n ? n : 1) : NULL;
    hec_error err = {0};
    int r = -1;

    if (items && (!owners || !argv))
        PyErr_NoMemory();
    for (; argv && owners && made < n; made++) {
        argv[made] = bytes_of(PySequence_Fast_GET_ITEM(items, made), &owners[made]);
        if (!argv[made])
            break;
    }
    if (argv && owners && made == n) {
        r = hec_request_command(request, argv, (size_t)n, &err);
        if (r < 0)
            hecmod_raise(&err);
    }
    while (made > 0)
        Py_DECREF(owners[--made]);
    PyMem_Free(owners);
    PyMem_Free(argv);
    Py_XDECREF(items);
    return r < 0 ? -1 : 0;
}

int job_asked_init(job_asked *a, PyObject *site, PyObject *options, PyObject *command)
{
    hec_error err = {0};

    *a = (job_asked){0};
    if (job_open_site(site, &a->site) < 0)
        return -1;
    if (hec_request_create(&a->request, &err) < 0)
        hecmod_raise(&err);
    else if (set_options(a->request, options) == 0 && set_command(a->request, command) == 0)
        return 0;
    job_asked_fini(a);
    return -1;
}

/* ---- scripts ---- */

PyObject *hecmod_job_script(PyObject *module, PyObject *args)
{
    PyObject *site, *options, *command, *text = NULL;
    unsigned int part;
    hec_error err = {0};
    char *script = NULL;
    job_asked a;

    (void)module;
    if (!PyArg_ParseTuple(args, "OOOI:job_script", &site, &options, &command, &part) ||
        job_asked_init(&a, site, options, command) < 0)
        return NULL;
    if (hec_script_write(a.request, a.site, part, &script, &err) < 0)
        hecmod_raise(&err);
    else
        text = PyUnicode_DecodeFSDefault(script);
    free(script);
    job_asked_fini(&a);
    return text;
}

PyObject *hecmod_job_parts(PyObject *module, PyObject *args)
{
    PyObject *site, *options, *command;
    hec_error err = {0};
    uint32_t parts = 0;
    job_asked a;
    int r;

    (void)module;
    if (!PyArg_ParseTuple(args, "OOO:job_parts", &site, &options, &command) ||
        job_asked_init(&a, site, options, command) < 0)
        return NULL;
    r = hec_script_parts(a.request, a.site, &parts, &err);
    job_asked_fini(&a);
    return r < 0 ? hecmod_raise(&err) : PyLong_FromUnsignedLong(parts);
}

/* ---- checks ---- */

/* ctx: a list, or NULL after a failure. */
static void add_finding(void *ctx, const hec_finding *f)
{
    PyObject **list = ctx, *one;

    if (!*list)
        return;
    one = Py_BuildValue("(sNIN)", f->rule, PyBool_FromLong(f->serious), (unsigned)f->line,
                        PyUnicode_DecodeFSDefault(f->text));
    if (!one || PyList_Append(*list, one) < 0)
        Py_CLEAR(*list);
    Py_XDECREF(one);
}

/* The list, or NULL with an exception, whatever of both failed. */
static PyObject *findings(PyObject *list, int r, const hec_error *err)
{
    if (r < 0 && list) {
        hecmod_raise(err);
        Py_CLEAR(list);
    }
    return list;
}

PyObject *hecmod_job_check(PyObject *module, PyObject *args)
{
    PyObject *site, *options, *command, *list;
    hec_error err = {0};
    job_asked a;
    int r = 0;

    (void)module;
    if (!PyArg_ParseTuple(args, "OOO:job_check", &site, &options, &command) ||
        job_asked_init(&a, site, options, command) < 0)
        return NULL;
    list = PyList_New(0);
    if (list)
        r = hec_request_check(a.request, a.site, add_finding, &list, &err);
    job_asked_fini(&a);
    return findings(list, r, &err);
}

PyObject *hecmod_script_check(PyObject *module, PyObject *args)
{
    PyObject *name, *path = NULL, *list;
    hec_site *site = NULL;
    hec_error err = {0};
    int r = 0;

    (void)module;
    if (!PyArg_ParseTuple(args, "OO&:script_check", &name, PyUnicode_FSConverter, &path))
        return NULL;
    if (job_open_site(name, &site) < 0) {
        Py_DECREF(path);
        return NULL;
    }
    list = PyList_New(0);
    if (list)
        r = hec_script_check(PyBytes_AS_STRING(path), site, add_finding, &list, &err);
    hec_site_destroy(site);
    Py_DECREF(path);
    return findings(list, r, &err);
}

/* ---- sites ---- */

PyObject *hecmod_site_json(PyObject *module, PyObject *name)
{
    PyObject *text = NULL;
    hec_site *site = NULL;
    hec_error err = {0};
    char *json = NULL;

    (void)module;
    if (job_open_site(name, &site) < 0)
        return NULL;
    if (hec_site_json(site, &json, &err) < 0)
        hecmod_raise(&err);
    else
        text = PyUnicode_FromString(json);
    free(json);
    hec_site_destroy(site);
    return text;
}

static void add_site(void *ctx, const char *name, const char *title, const char *path,
                     const hec_error *err)
{
    PyObject **list = ctx, *text;

    (void)title;
    (void)path;
    (void)err;
    text = *list ? PyUnicode_DecodeFSDefault(name) : NULL;
    if (!text || PyList_Append(*list, text) < 0)
        Py_CLEAR(*list);
    Py_XDECREF(text);
}

PyObject *hecmod_sites(PyObject *module, PyObject *unused)
{
    PyObject *list = PyList_New(0);
    hec_error err = {0};
    int r = list ? hec_site_list(add_site, &list, &err) : 0;

    (void)module;
    (void)unused;
    return findings(list, r, &err);
}
