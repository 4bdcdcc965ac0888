/* SPDX-License-Identifier: MIT
 *
 * The first moments of a worker: what it inherited and must not share with its siblings. All of it
 * lies between a call and its first result, and after a fork each page that is touched is copied;
 * so there is no Python code in it where there need not be, and what can be had before the fork is.
 */
#include "state.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- in the parent ---- */

/* A standard input that has read nothing yet. It does not look at descriptor 0 before it is read
 * from: in a worker that one is another. */
static PyObject *fresh_stdin(void)
{
    PyObject *io = PyImport_ImportModule("io");
    PyObject *open = io ? PyObject_GetAttrString(io, "open") : NULL;
    PyObject *args = Py_BuildValue("(i)", 0), *kwargs = Py_BuildValue("{s:O}", "closefd", Py_False);
    PyObject *file = open && args && kwargs ? PyObject_Call(open, args, kwargs) : NULL;

    Py_XDECREF(io);
    Py_XDECREF(open);
    Py_XDECREF(args);
    Py_XDECREF(kwargs);
    return file;
}

void hecmod_newborn_prepare(hecmod_state *st)
{
    /* What cannot be had here the worker tries to get, and says why it cannot. */
    if (!st->faulthandler && !(st->faulthandler = PyImport_ImportModule("faulthandler")))
        PyErr_Clear();
    if (!st->fresh_stdin && !(st->fresh_stdin = fresh_stdin()))
        PyErr_Clear();
}

/* ---- in the child ---- */

static void on_interrupt(int sig)
{
    (void)sig;
}

/* Ctrl-C goes to the whole group: the parent decides what it means. An empty handler and not
 * SIG_IGN, because that one would be inherited by the commands which tasks start. The other signals
 * get their default meaning back: Python's handlers would write to the parent's wake-up pipe. */
static void reset_signals(uint32_t quiet_ones)
{
    struct sigaction quiet = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART}, old;
    PyObject *signal_module = PyImport_ImportModule("_signal");
    PyObject *r;

    for (int sig = 1; sig < 32; sig++)
        if (sig != SIGINT && sig != SIGSEGV && sig != SIGBUS && sig != SIGFPE && sig != SIGABRT &&
            sig != SIGILL && sig != SIGURG && sigaction(sig, NULL, &old) == 0 &&
            old.sa_handler != SIG_IGN && old.sa_handler != SIG_DFL)
            signal(sig, SIG_DFL);
    sigaction(SIGINT, &quiet, NULL);
    /* A batch system sends its warning to every process; the parent is the one that drains. */
    for (int sig = 1; sig < 32; sig++)
        if (quiet_ones & 1u << sig)
            sigaction(sig, &quiet, NULL);
    r = signal_module ? PyObject_CallMethod(signal_module, "set_wakeup_fd", "i", -1) : NULL;
    if (!r)
        PyErr_Clear();
    Py_XDECREF(r);
    Py_XDECREF(signal_module);
}

/* A task must not eat what the user types to the parent. */
static int close_stdin(hecmod_state *st)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (fd > 0) {
        dup2(fd, 0);
        close(fd);
    }
    if (!st->fresh_stdin && !(st->fresh_stdin = fresh_stdin()))
        return -1;
    return PySys_SetObject("stdin", st->fresh_stdin);
}

/* Tasks are alike: what one has freed, the next will need. To give it back to the system and get it
 * again costs page faults, a fifth of the time of a task that reads a table. */
static void keep_heap(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
}

PyObject *hecmod_thread_variables(void)
{
    static const char *const names[] = {
        "OMP_NUM_THREADS",        "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",       "NUMEXPR_NUM_THREADS",  "NUMBA_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS", "RAYON_NUM_THREADS",    "POLARS_MAX_THREADS"};
    PyObject *found = PyDict_New();

    for (size_t i = 0; found && i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        PyObject *text = value ? PyUnicode_DecodeFSDefault(value) : NULL;

        if (value && (!text || PyDict_SetItemString(found, names[i], text) < 0))
            Py_CLEAR(found);
        Py_XDECREF(text);
    }
    return found;
}

/* os.environ, a copy of the environment: it keeps bytes in a dict, which is used directly, since
 * its own ways are Python code. Should it ever do otherwise, `data` is NULL and they are taken. */
typedef struct environ_copy {
    PyObject *map, *data;
} environ_copy;

static int open_environ(environ_copy *e)
{
    PyObject *os = PyImport_ImportModule("os");

    e->map = os ? PyObject_GetAttrString(os, "environ") : NULL;
    e->data = e->map ? PyObject_GetAttrString(e->map, "_data") : NULL;
    if (e->map && (!e->data || !PyDict_CheckExact(e->data))) {
        PyErr_Clear();
        Py_CLEAR(e->data);
    }
    Py_XDECREF(os);
    return e->map ? 0 : -1;
}

static int has_variable(const environ_copy *e, PyObject *name)
{
    PyObject *key = e->data ? PyUnicode_EncodeFSDefault(name) : NULL;
    int r =
        e->data ? (key ? PyDict_Contains(e->data, key) : -1) : PySequence_Contains(e->map, name);

    Py_XDECREF(key);
    return r;
}

static int add_variable(const environ_copy *e, PyObject *name, PyObject *value)
{
    PyObject *key, *text;
    int r;

    if (!e->data)
        return PyObject_SetItem(e->map, name, value);
    key = PyUnicode_EncodeFSDefault(name);
    text = key ? PyUnicode_EncodeFSDefault(value) : NULL;
    r = text ? PyDict_SetItem(e->data, key, text) : -1;
    Py_XDECREF(key);
    Py_XDECREF(text);
    return r;
}

/* The variables that were set for this worker: those that os.environ does not know of. */
static PyObject *new_variables(const environ_copy *e)
{
    PyObject *ours = PyDict_New(), *found = hecmod_thread_variables(), *name, *value;
    Py_ssize_t at = 0;
    int r = ours && found ? 0 : -1;

    while (r >= 0 && PyDict_Next(found, &at, &name, &value)) {
        r = has_variable(e, name);
        if (r == 0)
            r = PyDict_SetItem(ours, name, value);
    }
    Py_XDECREF(found);
    if (r < 0)
        Py_CLEAR(ours);
    return ours;
}

static bool is_imported(const char *const names[])
{
    PyObject *modules = PyImport_GetModuleDict(); /* borrowed */

    for (int i = 0; names[i]; i++)
        if (PyDict_GetItemString(modules, names[i]))
            return true;
    return false;
}

/* The parent's faulthandler is its own affair: this process is a copy. */
static int tell_stacks(hecmod_state *st, int report, int ask_signal)
{
    PyObject *r;

    if (report < 0)
        return 0;
    if (!st->faulthandler && !(st->faulthandler = PyImport_ImportModule("faulthandler")))
        return -1;
    r = PyObject_CallMethod(st->faulthandler, "enable", "ii", report, 1);
    Py_XDECREF(r);
    if (r)
        r = PyObject_CallMethod(st->faulthandler, "register", "iii", ask_signal, report, 1);
    Py_XDECREF(r);
    return r ? 0 : -1;
}

/* What is there only when its module is: locks that another thread may have held at the fork,
 * libraries that count their threads once (they may take variables out of `ours`), generators that
 * would draw the same numbers. (The interpreter, logging, threading and random see to their own.)
 */
static int renew_modules(hecmod_state *st, PyObject *ours)
{
    static const char *const counting[] = {"numexpr", "numba", "torch", NULL};
    static const char *const others[] = {"tqdm.std", "ipykernel.iostream", "numpy.random", NULL};
    PyObject *report, *r;

    if (!is_imported(others) && !(PyDict_GET_SIZE(ours) && is_imported(counting)))
        return 0;
    report = hecmod_report(st);
    r = report ? PyObject_CallMethod(report, "renew_modules", "O", ours) : NULL;
    Py_XDECREF(r);
    return r ? 0 : -1;
}

/* Tells who counts threads, and os.environ. */
static int tell_variables(hecmod_state *st)
{
    environ_copy e = {0};
    PyObject *ours = open_environ(&e) == 0 ? new_variables(&e) : NULL, *name, *value;
    Py_ssize_t at = 0;
    int r = ours ? renew_modules(st, ours) : -1; /* takes out what must not be in os.environ */

    while (r == 0 && PyDict_Next(ours, &at, &name, &value))
        r = add_variable(&e, name, value);
    Py_XDECREF(ours);
    Py_XDECREF(e.map);
    Py_XDECREF(e.data);
    return r;
}

int hecmod_newborn_start(hecmod_state *st, int report, int ask_signal)
{
    keep_heap();
    reset_signals(st->drain_signals);
    if (tell_stacks(st, report, ask_signal) < 0 || close_stdin(st) < 0)
        return -1;
    return tell_variables(st);
}
