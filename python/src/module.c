/* SPDX-License-Identifier: MIT
 *
 * The module pyhec._hec: its table and its state. Topics have files of their own, see state.h.
 */
#include "journal.h"
#include "key.h"

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

    st->protocol = PyLong_FromLong(5);
    /* Who has frozen thousands before we came is the user, whose freeze is to be left alone. */
    st->frozen_at_start = hecmod_call_gc("get_freeze_count");
    if (st->frozen_at_start > 1000)
        st->frozen_at_start = 0;
    st->named = PyDict_New();
    st->found = PyDict_New();
    st->kw_buffers = keyword("buffers");
    st->kw_callback = keyword("buffer_callback");
    if (!st->protocol || !st->kw_buffers || !st->kw_callback || !st->named || !st->found)
        return -1;
    if (add_type(module, &hecmod_block_spec, &st->block_type) < 0 ||
        add_type(module, &hecmod_call_spec, &st->call_type) < 0 ||
        add_type(module, &hecmod_pool_spec, &st->pool_type) < 0 ||
        add_type(module, &hecmod_shared_spec, &st->shared_type) < 0 ||
        add_type(module, &hecmod_commands_spec, &st->commands_type) < 0 ||
        add_type(module, &hecmod_keyer_spec, &st->keyer_type) < 0 ||
        add_type(module, &hecmod_native_call_spec, &st->native_call_type) < 0 ||
        add_type(module, &hecmod_journal_spec, &st->journal_type) < 0)
        return -1;
    if (hecmod_words_init(st) < 0 || add_type(module, &hecmod_future_spec, &st->future_type) < 0 ||
        add_type(module, &hecmod_future_lock_spec, &st->future_lock_type) < 0 ||
        add_type(module, &hecmod_tasks_spec, &st->tasks_type) < 0)
        return -1;
    if (PyModule_AddIntConstant(module, "MAP", HECMOD_MAP) < 0 ||
        PyModule_AddIntConstant(module, "STAR", HECMOD_STAR) < 0 ||
        PyModule_AddIntConstant(module, "TASKS", HECMOD_TASKS) < 0)
        return -1;
    return PyModule_AddStringConstant(module, "version", hec_version());
}

static PyObject *is_shared(PyObject *module, PyObject *o)
{
    return PyBool_FromLong(hecmod_is_shared(state_of(module), o));
}

static PyObject *pool_memory(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyLong_FromUnsignedLongLong(hec_pools_memory());
}

static PyObject *in_worker(PyObject *module, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(state_of(module)->in_worker);
}

static PyObject *zygote_end(PyObject *module, PyObject *unused)
{
    (void)unused;
    hecmod_zygote_end(state_of(module));
    hec_topology_destroy(state_of(module)->topology);
    state_of(module)->topology = NULL; /* there may be another zygote, and another pool */
    Py_RETURN_NONE;
}

/* A count of cores; -1 with an exception set. */
static long count_of(PyObject *o)
{
    long n = PyLong_AsLong(o);

    if (n == -1 && PyErr_Occurred())
        return -1;
    return n < 1 ? 1 : n > INT_MAX ? INT_MAX : n;
}

static PyObject *cores_free(PyObject *module, PyObject *wanted)
{
    long n = count_of(wanted);

    (void)module;
    return n < 0 ? NULL : PyLong_FromUnsignedLong(hec_cores_free((uint32_t)n));
}

static PyObject *cores_take(PyObject *module, PyObject *wanted)
{
    long n = count_of(wanted);

    (void)module;
    return n < 0 ? NULL : PyLong_FromUnsignedLong(hec_cores_take((uint32_t)n));
}

static PyObject *cores_give(PyObject *module, PyObject *taken)
{
    long n = count_of(taken);

    (void)module;
    if (n < 0)
        return NULL;
    hec_cores_give((uint32_t)n);
    Py_RETURN_NONE;
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    hecmod_state *st = state_of(module);

    Py_VISIT(st->block_type);
    Py_VISIT(st->call_type);
    Py_VISIT(st->pool_type);
    Py_VISIT(st->shared_type);
    Py_VISIT(st->future_type);
    Py_VISIT(st->future_lock_type);
    Py_VISIT(st->tasks_type);
    Py_VISIT(st->commands_type);
    Py_VISIT(st->keyer_type);
    Py_VISIT(st->native_call_type);
    Py_VISIT(st->journal_type);
    Py_VISIT(st->dumps);
    Py_VISIT(st->loads);
    Py_VISIT(st->cloud_dumps);
    Py_VISIT(st->faulthandler);
    Py_VISIT(st->fresh_stdin);
    Py_VISIT(st->report);
    Py_VISIT(st->named);
    Py_VISIT(st->found);
    Py_VISIT(st->unsendable);
    return 0;
}

static int module_clear(PyObject *module)
{
    hecmod_state *st = state_of(module);

    Py_CLEAR(st->block_type);
    Py_CLEAR(st->call_type);
    Py_CLEAR(st->pool_type);
    Py_CLEAR(st->shared_type);
    Py_CLEAR(st->future_type);
    Py_CLEAR(st->future_lock_type);
    Py_CLEAR(st->tasks_type);
    for (int i = 0; i < HECMOD_WORDS; i++)
        Py_CLEAR(st->words[i]);
    Py_CLEAR(st->commands_type);
    Py_CLEAR(st->keyer_type);
    Py_CLEAR(st->native_call_type);
    Py_CLEAR(st->journal_type);
    Py_CLEAR(st->dumps);
    Py_CLEAR(st->loads);
    Py_CLEAR(st->protocol);
    Py_CLEAR(st->kw_buffers);
    Py_CLEAR(st->kw_callback);
    Py_CLEAR(st->cloud_dumps);
    Py_CLEAR(st->faulthandler);
    Py_CLEAR(st->fresh_stdin);
    Py_CLEAR(st->report);
    Py_CLEAR(st->named);
    Py_CLEAR(st->found);
    Py_CLEAR(st->unsendable);
    return 0;
}

static void module_free(void *module)
{
    module_clear(module);
    hecmod_zygote_end(state_of(module));
    PyMem_Free(state_of(module)->scratch.data);
}

static PyMethodDef module_methods[] = {
    {"cpus", hecmod_cpus, METH_NOARGS, "cpus() -> int\n\nHow many CPUs may be used here."},
    {"grant", hecmod_grant, METH_NOARGS,
     "grant() -> (cpus, why, login)\n\nHow many CPUs may be used; why, where that is a grant, and "
     "why this is a login node, where it is one; else None. As it was when the last pool was made, "
     "where there is one."},
    {"host_json", hecmod_host_json, METH_O,
     "host_json(root) -> str\n\nWhat may be used, as JSON; root is None or a recorded machine."},
    {"encode_column", hecmod_encode_column, METH_VARARGS,
     "encode_column(array, seen, table) -> codes or None\n\nAn array of objects as uint32 numbers "
     "into the table, which grows and begins as [nan]; seen is the dict that goes with it, at "
     "first {}. None where values are not text or do not repeat."},
    {"decode_column", hecmod_decode_column, METH_VARARGS,
     "decode_column(codes, table, array, at)\n\nThe other way: fills array[at:]."},
    {"array_memory", hecmod_array_memory, METH_NOARGS,
     "array_memory() -> (arrays, held, warm, given_back)\n\nWhat shared arrays take, in bytes."},
    {"is_shared", is_shared, METH_O,
     "is_shared(array) -> bool\n\nWhether it lies in the memory of a Shared."},
    {"pool_memory", pool_memory, METH_NOARGS,
     "pool_memory() -> int\n\nBytes of shared memory that all pools of this process hold now."},
    {"run_native", hecmod_run_native, METH_VARARGS,
     "run_native(address, kind, scalars, arrays, steps, writes, inputs, n, threads, grain, "
     "signals)\n\nCalls the function at an address for blocks of arrays, on threads."},
    {"capsule_function", hecmod_capsule_function, METH_O,
     "capsule_function(capsule) -> (address, name)\n\nWhat Cython's __pyx_capi__ holds."},
    {"digest", hecmod_digest_of, METH_VARARGS,
     "digest(value, describe) -> bytes\n\nWhat stands for a value in the keys of tasks; "
     "describe(object, unordered) makes a tuple of what is not plain."},
    {"hash128", hecmod_hash_bytes, METH_O, "hash128(buffer) -> bytes\n\nXXH3, 128 bits."},
    {"marks", hecmod_marks, METH_VARARGS,
     "marks(keys, numbers) -> bytes\n\nThe marks of tasks for Call.set_journal()."},
    {"renumber", hecmod_renumber, METH_VARARGS,
     "renumber(numbers, taken) -> list\n\nWhat Call.take() gave, by the numbers in the user's "
     "call, "
     "which are taken out."},
    {"forget", hecmod_forget, METH_VARARGS,
     "forget(numbers, taken)\n\nTakes the numbers out of what Call.take() gave."},
    {"read_yaml", hecmod_read_yaml, METH_O,
     "read_yaml(path) -> list\n\nThe documents of a file of YAML."},
    {"read_runs", hecmod_read_runs, METH_VARARGS,
     "read_runs(patterns, schema, make) -> list\n\nmake(parameters, id, seed, row, file) of each "
     "run; schema is None or a path."},
    {"check_runs", hecmod_check_runs, METH_VARARGS,
     "check_runs(patterns, schema) -> list of str\n\nAll that is wrong."},
    {"save_runs", hecmod_save_runs, METH_VARARGS,
     "save_runs(kind, patterns, path)\n\nWrites runs as \"csv\" or \"yaml\" to a new file."},
    {"job_script", hecmod_job_script, METH_VARARGS,
     "job_script(site, options, command, part) -> str\n\noptions: pairs of text; site: None, a "
     "name or a path."},
    {"job_parts", hecmod_job_parts, METH_VARARGS,
     "job_parts(site, options, command) -> int\n\nHow many jobs it becomes."},
    {"job_check", hecmod_job_check, METH_VARARGS,
     "job_check(site, options, command) -> list\n\n(rule, serious, line, text) of each finding."},
    {"script_check", hecmod_script_check, METH_VARARGS,
     "script_check(site, path) -> list\n\nThe same of a script."},
    {"site_json", hecmod_site_json, METH_O, "site_json(name) -> str\n\nWhat a site file says."},
    {"run_plan", hecmod_run_plan, METH_VARARGS,
     "run_plan(site, options, command, path, snapshot) -> (id, path, kind, name, ms)\n\nMakes the "
     "run of a "
     "job."},
    {"run_submit", hecmod_run_submit, METH_VARARGS,
     "run_submit(run, site)\n\nHands its jobs over; without a scheduler they begin."},
    {"run_open", hecmod_run_open, METH_O,
     "run_open(name) -> (id, path, kind, name, ms)\n\nAn id, the beginning of one, a path, last."},
    {"run_jobs", hecmod_run_jobs, METH_VARARGS,
     "run_jobs(run, ask) -> (state, reason, ended, jobs)\n\nask: 0 nobody, 1 gently, 2 now."},
    {"run_wait", hecmod_run_wait, METH_VARARGS,
     "run_wait(run, timeout_ms) -> bool\n\nWhether it has ended; False also after a signal."},
    {"run_cancel", hecmod_run_cancel, METH_VARARGS,
     "run_cancel(run, grace_ms) -> bool\n\nWhether there was anything to end."},
    {"run_remove", hecmod_run_remove, METH_O, "run_remove(run)\n\nWith its folder."},
    {"sites", hecmod_sites, METH_NOARGS, "sites() -> list of str\n\nTheir names."},
    {"deadline", hecmod_get_deadline, METH_NOARGS,
     "deadline() -> int\n\nWhen tasks have to be over, as time.monotonic_ns() counts; 0: "
     "whenever."},
    {"drain", hecmod_drain, METH_O, "drain(on)\n\nNo further tasks are begun."},
    {"draining", hecmod_draining, METH_NOARGS,
     "draining() -> bool\n\nWhether no further tasks are begun."},
    {"drain_signals", hecmod_drain_signals, METH_NOARGS,
     "drain_signals() -> list of int\n\nThose of drain_on()."},
    {"drain_on", hecmod_drain_on, METH_O,
     "drain_on(signum)\n\nWorkers forked from here on do not hear this signal."},
    {"parse_bytes", hecmod_parse_bytes, METH_O,
     "parse_bytes(text) -> int\n\n'2G', '1.5 GiB', '512'."},
    {"parse_seconds", hecmod_parse_seconds, METH_O,
     "parse_seconds(text) -> int\n\n'90s', '15m', '1h30m', 'HH:MM:SS'."},
    {"format_bytes", hecmod_format_bytes, METH_O, "format_bytes(n) -> str\n\n'1.5 GiB'."},
    {"in_worker", in_worker, METH_NOARGS,
     "in_worker() -> bool\n\nWhether this process is a worker of a pool."},
    {"cores_free", cores_free, METH_O,
     "cores_free(wanted) -> int\n\nHow many of the cores that are wanted a nested call may use."},
    {"cores_take", cores_take, METH_O, "cores_take(wanted) -> int\n\nTakes them."},
    {"cores_give", cores_give, METH_O, "cores_give(taken)\n\nGives back what was taken."},
    {"fork_look", hecmod_fork_look, METH_NOARGS,
     "fork_look() -> None or (gpu, count, [(tid, name)])\n\nWhat may speak against a fork: a GPU "
     "that is in use, other threads. None: nothing."},
    {"zygote_start", hecmod_zygote_start, METH_O,
     "zygote_start(argv)\n\nStarts this process's zygote, a program, unless it has one."},
    {"zygote_pid", hecmod_zygote_pid, METH_NOARGS,
     "zygote_pid() -> int\n\nThe process of this process's zygote, 0: none."},
    {"zygote_end", zygote_end, METH_NOARGS, "zygote_end()\n\nEnds this process's zygote."},
    {"zygote_serve", hecmod_zygote_serve, METH_NOARGS,
     "zygote_serve()\n\nIn the zygote: forks workers until its process is gone."},
    {"write_plain", hecmod_write_plain, METH_O,
     "write_plain(list) -> bytes or None\n\nFor tests: a list as it travels without the pickler; "
     "None where it cannot."},
    {"read_plain", hecmod_read_plain, METH_VARARGS,
     "read_plain(bytes, list, count) -> value\n\nFor tests: the other way; with a list, `count` "
     "items go into that, and the value is None."},
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
