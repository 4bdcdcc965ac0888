/* SPDX-License-Identifier: MIT
 *
 * What this process may use.
 */
#include "state.h"

#include <hec/batch.h>

#include <stdlib.h>

PyObject *hecmod_cpus(PyObject *module, PyObject *unused)
{
    hec_topology *t = NULL;
    hec_error err = {0};
    int n;

    (void)module;
    (void)unused;
    if (hec_topology_read(NULL, &t, &err) < 0)
        return hecmod_raise(&err);
    n = hec_topology_cpus(t);
    hec_topology_destroy(t);
    return PyLong_FromLong(n);
}

PyObject *hecmod_grant(PyObject *module, PyObject *unused)
{
    hecmod_state *st = PyModule_GetState(module);
    hec_topology *t = st->topology;
    hec_error err = {0};
    char login[256];
    PyObject *all;
    bool is_login;

    (void)unused;
    if (t)
        st->topology = NULL;
    else if (hec_topology_read(NULL, &t, &err) < 0)
        return hecmod_raise(&err);
    is_login = hec_site_login(t, login, sizeof login);
    /* "z": text that may be NULL, which is None */
    all = Py_BuildValue("(izz)", hec_topology_cpus(t), hec_topology_cpu_grant(t),
                        is_login ? login : NULL);
    hec_topology_destroy(t);
    return all;
}

PyObject *hecmod_host_json(PyObject *module, PyObject *root)
{
    PyObject *path = NULL, *text = NULL;
    hec_topology *t = NULL;
    hec_error err = {0};
    char *json = NULL;
    int r;

    (void)module;
    if (root != Py_None && !PyUnicode_FSConverter(root, &path))
        return NULL;
    r = hec_topology_read(path ? PyBytes_AS_STRING(path) : NULL, &t, &err);
    if (r == 0)
        r = hec_topology_json(t, &json, &err);
    if (r < 0)
        hecmod_raise(&err);
    else
        text = PyUnicode_FromString(json);
    hec_topology_destroy(t);
    free(json);
    Py_XDECREF(path);
    return text;
}
