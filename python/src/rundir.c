/* SPDX-License-Identifier: MIT
 *
 * Runs of batch jobs. A run is named by its id or path in each call: what is known of it is in its
 * folder, and another process sees the same.
 */
#include "job.h"

#include <hec/run.h>

static hec_rundir *open_run(PyObject *name)
{
    PyObject *owner = NULL;
    hec_rundir *run = NULL;
    hec_error err = {0};
    const char *text;
    int r;

    if (!PyUnicode_FSConverter(name, &owner))
        return NULL;
    text = PyBytes_AS_STRING(owner);
    Py_BEGIN_ALLOW_THREADS r = hec_rundir_open(text, &run, &err);
    Py_END_ALLOW_THREADS Py_DECREF(owner);
    if (r < 0)
        hecmod_raise(&err);
    return r < 0 ? NULL : run;
}

static PyObject *describe(const hec_rundir *run)
{
    return Py_BuildValue("(sNssL)", hec_rundir_id(run),
                         PyUnicode_DecodeFSDefault(hec_rundir_path(run)), hec_rundir_kind(run),
                         hec_rundir_name(run), (long long)hec_rundir_created_ms(run));
}

PyObject *hecmod_run_plan(PyObject *module, PyObject *args)
{
    PyObject *site, *options, *command, *path, *owner = NULL, *made = NULL;
    hec_submit_options o = {0};
    hec_rundir *run = NULL;
    hec_error err = {0};
    job_asked a;
    int r;

    (void)module;
    if (!PyArg_ParseTuple(args, "OOOOi:run_plan", &site, &options, &command, &path, &o.snapshot) ||
        (path != Py_None && !PyUnicode_FSConverter(path, &owner)))
        return NULL;
    o.path = owner ? PyBytes_AS_STRING(owner) : NULL;
    if (job_asked_init(&a, site, options, command) == 0) {
        Py_BEGIN_ALLOW_THREADS r = hec_rundir_plan(a.request, a.site, &o, &run, &err);
        Py_END_ALLOW_THREADS;
        if (r < 0)
            hecmod_raise(&err);
        else
            made = describe(run);
        hec_rundir_destroy(run);
        job_asked_fini(&a);
    }
    Py_XDECREF(owner);
    return made;
}

PyObject *hecmod_run_submit(PyObject *module, PyObject *args)
{
    PyObject *name, *site_name;
    hec_rundir *run = NULL;
    hec_site *site = NULL;
    hec_error err = {0};
    int r;

    (void)module;
    if (!PyArg_ParseTuple(args, "OO:run_submit", &name, &site_name) || !(run = open_run(name)))
        return NULL;
    if (job_open_site(site_name, &site) < 0) {
        hec_rundir_destroy(run);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS r = hec_rundir_submit(run, site, &err);
    Py_END_ALLOW_THREADS hec_rundir_destroy(run);
    hec_site_destroy(site);
    if (r < 0)
        return hecmod_raise(&err);
    Py_RETURN_NONE;
}

PyObject *hecmod_run_open(PyObject *module, PyObject *name)
{
    hec_rundir *run = open_run(name);
    PyObject *made = run ? describe(run) : NULL;

    (void)module;
    hec_rundir_destroy(run);
    return made;
}

/* (id, index, state, reason, word, exit status, signal, started, ended), with None for what is not
 * known. */
static PyObject *describe_job(const hec_job *j)
{
    return Py_BuildValue("(zLszziiLL)", j->id, (long long)j->index, hec_job_state_word(j->state),
                         j->reason, j->word, (int)j->exit_code, (int)j->signal,
                         (long long)j->started, (long long)j->ended);
}

static PyObject *describe_jobs(const hec_jobs *jobs)
{
    const hec_job *all, *from;
    size_t n;
    int state = hec_jobs_state(jobs, &from);
    PyObject *list;

    all = hec_jobs_all(jobs, &n);
    list = PyList_New((Py_ssize_t)n);
    for (size_t i = 0; list && i < n; i++) {
        PyObject *one = describe_job(&all[i]);

        if (one)
            PyList_SET_ITEM(list, (Py_ssize_t)i, one);
        else
            Py_CLEAR(list);
    }
    if (!list)
        return NULL;
    return Py_BuildValue("(sziN)", n ? hec_job_state_word(state) : "not submitted",
                         from ? from->reason : NULL, n && hec_job_state_ended(state), list);
}

PyObject *hecmod_run_jobs(PyObject *module, PyObject *args)
{
    PyObject *name, *made;
    hec_rundir *run;
    hec_jobs *jobs = NULL;
    hec_error err = {0};
    int ask, r;

    (void)module;
    if (!PyArg_ParseTuple(args, "Oi:run_jobs", &name, &ask) || !(run = open_run(name)))
        return NULL;
    Py_BEGIN_ALLOW_THREADS r = hec_rundir_jobs(run, ask, &jobs, NULL, &err);
    Py_END_ALLOW_THREADS made = r < 0 ? hecmod_raise(&err) : describe_jobs(jobs);
    hec_jobs_destroy(jobs);
    hec_rundir_destroy(run);
    return made;
}

/* In the middle of a wait, without the interpreter's lock. */
static int check_signals(void *ctx)
{
    PyThreadState **thread = ctx;
    int r;

    PyEval_RestoreThread(*thread);
    r = PyErr_CheckSignals();
    *thread = PyEval_SaveThread();
    return r;
}

PyObject *hecmod_run_wait(PyObject *module, PyObject *args)
{
    PyObject *name;
    hec_rundir *run;
    hec_error err = {0};
    PyThreadState *thread;
    long long timeout_ms;
    int r;

    (void)module;
    if (!PyArg_ParseTuple(args, "OL:run_wait", &name, &timeout_ms) || !(run = open_run(name)))
        return NULL;
    thread = PyEval_SaveThread();
    r = hec_rundir_wait(run, timeout_ms, check_signals, &thread, &err);
    PyEval_RestoreThread(thread);
    hec_rundir_destroy(run);
    if (r == HEC_EINTR)
        return PyErr_Occurred() || PyErr_CheckSignals() < 0 ? NULL : PyBool_FromLong(0);
    return r < 0 ? hecmod_raise(&err) : PyBool_FromLong(r > 0);
}

PyObject *hecmod_run_cancel(PyObject *module, PyObject *args)
{
    PyObject *name;
    hec_rundir *run;
    hec_error err = {0};
    long long grace_ms;
    int r;

    (void)module;
    if (!PyArg_ParseTuple(args, "OL:run_cancel", &name, &grace_ms) || !(run = open_run(name)))
        return NULL;
    Py_BEGIN_ALLOW_THREADS r = hec_rundir_cancel(run, grace_ms, &err);
    Py_END_ALLOW_THREADS hec_rundir_destroy(run);
    return r < 0 ? hecmod_raise(&err) : PyBool_FromLong(r);
}

PyObject *hecmod_run_remove(PyObject *module, PyObject *name)
{
    hec_rundir *run = open_run(name);
    hec_error err = {0};
    int r;

    (void)module;
    if (!run)
        return NULL;
    Py_BEGIN_ALLOW_THREADS r = hec_rundir_remove(run, &err);
    Py_END_ALLOW_THREADS hec_rundir_destroy(run);
    if (r < 0)
        return hecmod_raise(&err);
    Py_RETURN_NONE;
}
