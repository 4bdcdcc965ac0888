/* SPDX-License-Identifier: MIT
 *
 * The module pyhec._hec: its table and its state. Topics have files of their own, see state.h.
 */
#include "state.h"

static hecmod_state *state_of(PyObject *module)
{
    return PyModule_GetState(module);
}

static int add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **ret)
{
    *ret = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    return *ret ? PyModule_AddType(module, *ret) : -1;
}

/* ("name",) as vectorcall wants keyword names. */
static PyObject *keyword(const char *name)
{
    return Py_BuildValue("(s)", name);
}

static int module_exec(PyObject *module)
{
    hecmod_state *st = state_of(module);
    PyObject *pickle = PyImport_ImportModule("_pickle");

    if (!pickle)
        return -1;
    st->dumps = PyObject_GetAttrString(pickle, "dumps");
    st->loads = PyObject_GetAttrString(pickle, "loads");
    Py_DECREF(pickle);
    st->protocol = PyLong_FromLong(5);
    st->kw_buffers = keyword("buffers");
    st->kw_callback = keyword("buffer_callback");
    if (!st->dumps || !st->loads || !st->protocol || !st->kw_buffers || !st->kw_callback)
        return -1;
    if (add_type(module, &hecmod_block_spec, &st->block_type) < 0 ||
        add_type(module, &hecmod_call_spec, &st->call_type) < 0 ||
        add_type(module, &hecmod_pool_spec, &st->pool_type) < 0 ||
        add_type(module, &hecmod_commands_spec, &st->commands_type) < 0)
        return -1;
    if (PyModule_AddIntConstant(module, "MAP", HECMOD_MAP) < 0 ||
        PyModule_AddIntConstant(module, "STAR", HECMOD_STAR) < 0 ||
        PyModule_AddIntConstant(module, "TASKS", HECMOD_TASKS) < 0)
        return -1;
    return PyModule_AddStringConstant(module, "version", hec_version());
}

static PyObject *in_worker(PyObject *module, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(state_of(module)->in_worker);
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    hecmod_state *st = state_of(module);

    Py_VISIT(st->block_type);
    Py_VISIT(st->call_type);
    Py_VISIT(st->pool_type);
    Py_VISIT(st->commands_type);
    Py_VISIT(st->dumps);
    Py_VISIT(st->loads);
    Py_VISIT(st->cloud_dumps);
    Py_VISIT(st->errors);
    Py_VISIT(st->unsendable);
    return 0;
}

static int module_clear(PyObject *module)
{
    hecmod_state *st = state_of(module);

    Py_CLEAR(st->block_type);
    Py_CLEAR(st->call_type);
    Py_CLEAR(st->pool_type);
    Py_CLEAR(st->commands_type);
    Py_CLEAR(st->dumps);
    Py_CLEAR(st->loads);
    Py_CLEAR(st->protocol);
    Py_CLEAR(st->kw_buffers);
    Py_CLEAR(st->kw_callback);
    Py_CLEAR(st->cloud_dumps);
    Py_CLEAR(st->errors);
    Py_CLEAR(st->unsendable);
    return 0;
}

static void module_free(void *module)
{
    module_clear(module);
}

static PyMethodDef module_methods[] = {
    {"cpus", hecmod_cpus, METH_NOARGS, "cpus() -> int\n\nHow many CPUs may be used here."},
    {"host_json", hecmod_host_json, METH_O,
     "host_json(root) -> str\n\nWhat may be used, as JSON; root is None or a recorded machine."},
    {"encode_column", hecmod_encode_column, METH_VARARGS,
     "encode_column(array, seen, table) -> codes or None\n\nAn array of objects as uint32 numbers "
     "into the table, which grows and begins as [nan]; seen is the dict that goes with it, at "
     "first {}. None where values are not text or do not repeat."},
    {"decode_column", hecmod_decode_column, METH_VARARGS,
     "decode_column(codes, table, array, at)\n\nThe other way: fills array[at:]."},
    {"in_worker", in_worker, METH_NOARGS,
     "in_worker() -> bool\n\nWhether this process is a worker of a pool."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
    {0, NULL},
};

struct PyModuleDef hecmod_def = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "pyhec._hec",
    .m_doc = "libhec for Python. The package pyhec is what you want.",
    .m_size = sizeof(hecmod_state),
    .m_methods = module_methods,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__hec(void);

PyMODINIT_FUNC PyInit__hec(void)
{
    return PyModuleDef_Init(&hecmod_def);
}
