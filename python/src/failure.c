/* SPDX-License-Identifier: MIT
 *
 * What becomes of a task that failed: the facts that the engine has of it go to pyhec._report,
 * which makes an exception of them or says that the task is to be run again.
 */
#include "state.h"

/* How an attempt at a task ran, as a tuple; None where it was not measured. */
static PyObject *usage_of(const hec_usage *u)
{
    if (!u || !u->started_ns)
        Py_RETURN_NONE;
    return Py_BuildValue("(dddKiI)", (double)u->started_ns / 1e9, (double)u->duration_ns / 1e9,
                         (double)u->cpu_ns / 1e9, (unsigned long long)u->max_rss, (int)u->pid,
                         (unsigned)u->attempt);
}

/* What somebody wrote, in whatever encoding. */
static PyObject *text_of(const char *text)
{
    return PyUnicode_DecodeUTF8(text ? text : "", text ? (Py_ssize_t)strlen(text) : 0, "replace");
}

static PyObject *payload_of(const hecmod_failure *f)
{
    if (f->why)
        return Py_NewRef(f->why);
    if (!f->message)
        Py_RETURN_NONE;
    return PyBytes_FromStringAndSize(f->message->payload, (Py_ssize_t)f->message->size);
}

/* An exception, or (delay, time limit, memory limit, exception) of one more attempt. */
static PyObject *ask(hecmod_call *c, const hecmod_failure *f)
{
    PyObject *report = hecmod_report(c->st), *item = NULL, *facts = NULL, *got = NULL;

    if (report)
        item = hecmod_call_item(c, f->task);
    if (item)
        facts =
            Py_BuildValue("(KsNiNNNN)", (unsigned long long)f->task, hec_verdict_word(f->verdict),
                          payload_of(f), f->detail, usage_of(f->usage), text_of(f->err),
                          text_of(f->python_stack), text_of(f->c_stack));
    if (facts)
        got = PyObject_CallMethod(report, "failed", "OOiOO", c->judge ? c->judge : Py_None, c->func,
                                  (int)c->kind, item, facts);
    Py_XDECREF(facts);
    Py_XDECREF(item);
    return got;
}

enum hecmod_judged hecmod_judge_failure(hecmod_call *c, const hecmod_failure *f,
                                        PyObject **ret_error)
{
    unsigned long long delay_ns, timeout_ns, memory;
    PyObject *got = ask(c, f), *error;
    enum hecmod_judged judged = HECMOD_UNJUDGED;
    hec_error err = {0};
    hec_limits limits;
    int r;

    if (got && !PyTuple_CheckExact(got)) {
        *ret_error = got;
        return HECMOD_FAILED;
    }
    if (got && PyArg_ParseTuple(got, "KKKO:again", &delay_ns, &timeout_ns, &memory, &error)) {
        limits = (hec_limits){.timeout_ns = timeout_ns, .memory_bytes = memory};
        r = hec_call_retry(c->call, f->task, delay_ns, &limits, &err);
        if (r < 0)
            hecmod_raise(&err);
        else if (r == 0) /* the call is drained: there will be no further attempt */
            *ret_error = Py_NewRef(error);
        judged = r < 0 ? HECMOD_UNJUDGED : r ? HECMOD_RETRIED : HECMOD_FAILED;
    }
    Py_XDECREF(got);
    return judged;
}

PyObject *hecmod_verdicts(hecmod_call *c, const hec_result *r, PyObject *values)
{
    PyObject *usages = PyList_New(r->count), *verdicts = NULL;

    for (uint32_t k = 0; usages && k < r->count; k++) {
        PyObject *usage = usage_of(r->usage ? &r->usage[k] : NULL);

        if (!usage)
            Py_CLEAR(usages);
        else
            PyList_SET_ITEM(usages, k, usage);
    }
    if (usages)
        verdicts = PyObject_CallMethod(c->judge, "done", "KOO", (unsigned long long)r->first,
                                       values, usages);
    Py_XDECREF(usages);
    return verdicts;
}
