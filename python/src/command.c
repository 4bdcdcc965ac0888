/* SPDX-License-Identifier: MIT
 *
 * Commands: the engine of commands as an object. Takes commands from an iterator as there is room,
 * and gives what became of them as tuples.
 */
#include "state.h"

typedef struct hecmod_commands {
    PyObject_HEAD hec_commands *engine; /* NULL: closed */
    PyObject *source;                   /* iterator of commands; NULL: it has no more */
    PyObject *running;                  /* dict: number -> the command as it was given */
    PyObject *ready;                    /* list of what has ended */
    PyObject *words;                    /* list of bytes: the arguments of the last command given */
    const char **argv;                  /* pointers into words */
    size_t argv_cap;
    PyObject *cwd, *env; /* bytes; list of bytes; or NULL */
    const char **envp;   /* pointers into env */
    Py_buffer input;
    bool has_input, capture, text, busy;
    size_t limit;
    uint64_t timeout_ms, memory_bytes;
    uint64_t upto;                      /* commands from this number on have to wait */
    PyObject *type, *value, *traceback; /* an exception to be raised by the next step */
    PyThreadState *saved;               /* while waiting */
} hecmod_commands;

/* ---- what a command is ---- */

static int add_word(PyObject *words, PyObject *o)
{
    PyObject *bytes = NULL;
    int r;

    if (!PyUnicode_FSConverter(o, &bytes))
        return -1;
    r = PyList_Append(words, bytes);
    Py_DECREF(bytes);
    return r;
}

static PyObject *words_of_line(PyObject *line)
{
    PyObject *words = Py_BuildValue("[yy]", "/bin/sh", "-c");

    if (words && add_word(words, line) < 0)
        Py_CLEAR(words);
    return words;
}

/* A command as a list of bytes. New reference. */
static PyObject *words_of(PyObject *command)
{
    PyObject *words, *items;

    if (PyUnicode_Check(command) || PyBytes_Check(command))
        return words_of_line(command);
    items = PySequence_Fast(command, "a command is a sequence of arguments, or one string for "
                                     "/bin/sh");
    if (!items)
        return NULL;
    words = PyList_New(0);
    for (Py_ssize_t i = 0; words && i < PySequence_Fast_GET_SIZE(items); i++)
        if (add_word(words, PySequence_Fast_GET_ITEM(items, i)) < 0)
            Py_CLEAR(words);
    Py_DECREF(items);
    if (words && PyList_GET_SIZE(words) == 0) {
        PyErr_SetString(PyExc_ValueError, "a command has at least a program");
        Py_CLEAR(words);
    }
    return words;
}

/* char pointers of a list of bytes, with NULL at the end, in *array, which grows. */
static int point_to(PyObject *list, const char ***array, size_t *cap)
{
    size_t n = (size_t)PyList_GET_SIZE(list);

    if (n + 1 > *cap) {
        const char **more = PyMem_Realloc((void *)*array, (n + 1) * sizeof *more);

        if (!more) {
            PyErr_NoMemory();
            return -1;
        }
        *array = more;
        *cap = n + 1;
    }
    for (size_t i = 0; i < n; i++)
        (*array)[i] = PyBytes_AS_STRING(PyList_GET_ITEM(list, (Py_ssize_t)i));
    (*array)[n] = NULL;
    return 0;
}

/* Names the command in the exception that is set, which is about how it was written. */
static void blame(uint64_t task)
{
    PyObject *type, *value, *traceback;

    if (!PyErr_ExceptionMatches(PyExc_TypeError) && !PyErr_ExceptionMatches(PyExc_ValueError))
        return;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_Format(type, "command %llu: %S", (unsigned long long)task, value);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
}

/* ---- the engine's functions ---- */

static int take_command(hecmod_commands *c, uint64_t task, PyObject *given)
{
    PyObject *key, *words = words_of(given);
    int r = -1;

    if (!words || point_to(words, &c->argv, &c->argv_cap) < 0) {
        Py_XDECREF(words);
        blame(task);
        return -1;
    }
    Py_XSETREF(c->words, words);
    key = PyLong_FromUnsignedLongLong(task);
    if (key)
        r = PyDict_SetItem(c->running, key, given);
    Py_XDECREF(key);
    return r;
}

static int next(void *ctx, uint64_t task, hec_command *command)
{
    hecmod_commands *c = ctx;
    PyObject *given;
    int r;

    if (!c->source || task >= c->upto)
        return 0;
    given = PyIter_Next(c->source);
    if (!given) {
        Py_CLEAR(c->source);
        return PyErr_Occurred() ? -1 : 0;
    }
    if (given == (PyObject *)Py_TYPE((PyObject *)c)) { /* how a source says: none at present */
        Py_DECREF(given);
        return 0;
    }
    r = take_command(c, task, given);
    Py_DECREF(given);
    if (r < 0)
        return -1;
    command->argv = c->argv;
    command->env = c->envp;
    command->cwd = c->cwd ? PyBytes_AS_STRING(c->cwd) : NULL;
    command->timeout_ms = c->timeout_ms;
    command->memory_bytes = c->memory_bytes;
    if (c->has_input)
        command->in = (hec_input){HEC_STREAM_MEMORY, 0, c->input.buf, (size_t)c->input.len};
    command->out.kind = command->err.kind = c->capture ? HEC_STREAM_MEMORY : HEC_STREAM_INHERIT;
    command->out.limit = command->err.limit = c->limit;
    return 1;
}

/* What was captured as str or bytes, None where nothing was to be. */
static PyObject *captured(const hecmod_commands *c, const hec_captured *k)
{
    if (!c->capture)
        Py_RETURN_NONE;
    return c->text ? PyUnicode_DecodeUTF8(k->data, (Py_ssize_t)k->size, "replace")
                   : PyBytes_FromStringAndSize(k->data, (Py_ssize_t)k->size);
}

static PyObject *returncode_of(const hec_command_end *e)
{
    if (e->exit_status >= 0)
        return PyLong_FromLong(e->exit_status);
    if (e->signal)
        return PyLong_FromLong(-e->signal);
    Py_RETURN_NONE;
}

static int end(void *ctx, const hec_command_end *e)
{
    hecmod_commands *c = ctx;
    PyObject *key = PyLong_FromUnsignedLongLong(e->task);
    PyObject *given = key ? PyDict_GetItemWithError(c->running, key) : NULL; /* borrowed */
    PyObject *what = NULL;
    int r = -1;

    if (given)
        what = Py_BuildValue(
            "K(ONNNdddKOOO)zi", (unsigned long long)e->task, given, returncode_of(e),
            captured(c, &e->out), captured(c, &e->err), (double)e->duration_ns / 1e9,
            (double)e->cpu_ns / 1e9, (double)e->started_ns / 1e9, (unsigned long long)e->max_rss,
            e->out.total > e->out.size || e->err.total > e->err.size ? Py_True : Py_False,
            e->verdict == HEC_TASK_TIMED_OUT ? Py_True : Py_False,
            e->verdict == HEC_TASK_OVER_MEMORY ? Py_True : Py_False,
            e->error ? e->error->text : NULL, e->error ? (int)e->error->sys : 0);
    else if (!PyErr_Occurred())
        PyErr_SetString(PyExc_RuntimeError, "a command ended that was not given");
    if (what)
        r = PyList_Append(c->ready, what);
    if (r == 0)
        r = PyDict_DelItem(c->running, key);
    Py_XDECREF(what);
    Py_XDECREF(key);
    return r;
}

static void wait_begin(void *ctx)
{
    ((hecmod_commands *)ctx)->saved = PyEval_SaveThread();
}

static void wait_end(void *ctx)
{
    PyEval_RestoreThread(((hecmod_commands *)ctx)->saved);
}

static const hec_command_ops ops = {
    .next = next, .end = end, .wait_begin = wait_begin, .wait_end = wait_end};

/* ---- methods ---- */

static int enter(hecmod_commands *c)
{
    if (c->busy || !c->engine) {
        PyErr_SetString(PyExc_RuntimeError, c->busy ? "these commands are being run already"
                                                    : "these commands are closed");
        return -1;
    }
    c->busy = true;
    return 0;
}

static int raise_kept(hecmod_commands *c)
{
    PyErr_Restore(c->type, c->value, c->traceback);
    c->type = c->value = c->traceback = NULL;
    return -1;
}

/* One step. What has ended is not lost when the source fails: it is given first. */
static int step(hecmod_commands *c, int timeout_ms)
{
    hec_error err = {0};
    int r;

    if (timeout_ms < 0 || timeout_ms > HECMOD_WAIT_MS)
        timeout_ms = HECMOD_WAIT_MS;

    if (c->type)
        return raise_kept(c);
    r = hec_commands_step(c->engine, timeout_ms, &err);
    if (r < 0 && r != HEC_EINTR) {
        if (!PyErr_Occurred())
            hecmod_raise(&err);
        if (PyList_GET_SIZE(c->ready) == 0)
            return -1;
        PyErr_Fetch(&c->type, &c->value, &c->traceback);
    }
    return PyErr_CheckSignals();
}

static PyObject *commands_step(PyObject *self, PyObject *args)
{
    hecmod_commands *c = (hecmod_commands *)self;
    unsigned long long upto = UINT64_MAX;
    PyObject *ready;
    int timeout_ms = -1, r;

    if (!PyArg_ParseTuple(args, "|Ki:step", &upto, &timeout_ms) || enter(c) < 0)
        return NULL;
    c->upto = upto;
    r = step(c, timeout_ms);
    c->busy = false;
    if (r < 0)
        return NULL;
    ready = c->ready;
    c->ready = PyList_New(0);
    if (!c->ready)
        Py_CLEAR(ready);
    return ready;
}

static void close_engine(hecmod_commands *c, uint32_t grace_ms)
{
    hec_commands *engine = c->engine;

    c->engine = NULL;
    Py_BEGIN_ALLOW_THREADS hec_commands_destroy(engine, grace_ms);
    Py_END_ALLOW_THREADS
}

static PyObject *commands_close(PyObject *self, PyObject *args)
{
    hecmod_commands *c = (hecmod_commands *)self;
    unsigned grace_ms = 0;

    if (!PyArg_ParseTuple(args, "|I:close", &grace_ms))
        return NULL;
    if (c->busy) {
        PyErr_SetString(PyExc_RuntimeError, "these commands are being run: they cannot be closed");
        return NULL;
    }
    if (c->engine)
        close_engine(c, grace_ms);
    Py_RETURN_NONE;
}

static PyObject *commands_active(PyObject *self, void *unused)
{
    hecmod_commands *c = (hecmod_commands *)self;

    (void)unused;
    return PyBool_FromLong(c->type || c->source || PyDict_GET_SIZE(c->running) > 0);
}

static PyObject *commands_idle(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(PyDict_GET_SIZE(((hecmod_commands *)self)->running) == 0);
}

/* ---- the type ---- */

static int set_options(hecmod_commands *c, PyObject *source, PyObject *cwd, PyObject *env,
                       PyObject *input)
{
    size_t cap = 0;

    c->running = PyDict_New();
    c->ready = PyList_New(0);
    c->source = PyObject_GetIter(source);
    if (!c->running || !c->ready || !c->source)
        return -1;
    if (cwd != Py_None && !PyUnicode_FSConverter(cwd, &c->cwd))
        return -1;
    if (env != Py_None) {
        c->env = PySequence_List(env);
        for (Py_ssize_t i = 0; c->env && i < PyList_GET_SIZE(c->env); i++)
            if (!PyBytes_Check(PyList_GET_ITEM(c->env, i))) {
                PyErr_SetString(PyExc_TypeError, "the environment is a list of bytes");
                return -1;
            }
        if (!c->env || point_to(c->env, &c->envp, &cap) < 0)
            return -1;
    }
    if (input != Py_None) {
        if (PyObject_GetBuffer(input, &c->input, PyBUF_SIMPLE) < 0)
            return -1;
        c->has_input = true;
    }
    return 0;
}

static int commands_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"width", "source", "capture",    "text",   "limit", "cwd",
                            "env",   "input",  "timeout_ms", "memory", NULL};
    hecmod_commands *c = (hecmod_commands *)self;
    hec_commands_options o = {.ops = &ops, .ctx = c};
    PyObject *source, *cwd = Py_None, *env = Py_None, *input = Py_None;
    unsigned long long timeout_ms = 0, memory = 0;
    int capture = 1, text = 1;
    Py_ssize_t limit = 0;
    hec_error err = {0};

    if (c->engine || c->running) {
        PyErr_SetString(PyExc_RuntimeError, "Commands are made once");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "IO|ppnOOOKK:Commands", names, &o.width, &source,
                                     &capture, &text, &limit, &cwd, &env, &input, &timeout_ms,
                                     &memory))
        return -1;
    c->capture = capture;
    c->text = text;
    c->limit = limit > 0 ? (size_t)limit : 0;
    c->timeout_ms = timeout_ms;
    c->memory_bytes = memory;
    if (set_options(c, source, cwd, env, input) < 0)
        return -1;
    if (hec_commands_create(&o, &c->engine, &err) < 0) {
        hecmod_raise(&err);
        return -1;
    }
    return 0;
}

static int commands_traverse(PyObject *self, visitproc visit, void *arg)
{
    hecmod_commands *c = (hecmod_commands *)self;

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(c->source);
    Py_VISIT(c->running);
    Py_VISIT(c->ready);
    Py_VISIT(c->type);
    Py_VISIT(c->value);
    Py_VISIT(c->traceback);
    return 0;
}

static int commands_clear(PyObject *self)
{
    hecmod_commands *c = (hecmod_commands *)self;

    if (c->engine)
        close_engine(c, 0);
    Py_CLEAR(c->source);
    Py_CLEAR(c->running);
    Py_CLEAR(c->ready);
    Py_CLEAR(c->type);
    Py_CLEAR(c->value);
    Py_CLEAR(c->traceback);
    return 0;
}

static void commands_dealloc(PyObject *self)
{
    hecmod_commands *c = (hecmod_commands *)self;
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    commands_clear(self);
    Py_CLEAR(c->words);
    Py_CLEAR(c->cwd);
    Py_CLEAR(c->env);
    if (c->has_input)
        PyBuffer_Release(&c->input);
    PyMem_Free((void *)c->argv);
    PyMem_Free((void *)c->envp);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef commands_methods[] = {
    {"step", commands_step, METH_VARARGS,
     "step(upto=..., timeout_ms=-1) -> list\n\nStarts commands with numbers below upto where there "
     "is room, waits, though not for long, and returns what has ended: (number, fields of the "
     "result, error "
     "or None, errno)."},
    {"close", commands_close, METH_VARARGS,
     "close(grace_ms=0)\n\nEnds what runs: SIGTERM, and SIGKILL after the grace."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef commands_getset[] = {
    {"active", commands_active, NULL, "Whether there is more to come.", NULL},
    {"idle", commands_idle, NULL, "Whether no command runs.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot commands_slots[] = {
    {Py_tp_doc, "Commands(width, source, capture=True, text=True, limit=0, cwd=None, env=None, "
                "input=None, timeout_ms=0, memory=0)\n\nPrograms, so many at a time. A source that "
                "has none at "
                "present, and may have some later, gives this type instead of one."},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, commands_init},
    {Py_tp_dealloc, commands_dealloc},
    {Py_tp_traverse, commands_traverse},
    {Py_tp_clear, commands_clear},
    {Py_tp_methods, commands_methods},
    {Py_tp_getset, commands_getset},
    {0, NULL},
};

PyType_Spec hecmod_commands_spec = {
    .name = "pyhec._hec.Commands",
    .basicsize = sizeof(hecmod_commands),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = commands_slots,
};
