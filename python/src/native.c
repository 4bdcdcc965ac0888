/* SPDX-License-Identifier: MIT
 *
 * Native functions over arrays, on threads that do not hold the interpreter's lock. What a function
 * takes was found out and checked in pyhec/_native.py; here it is called.
 *
 *   elements   T f(T, ...)                       called for each element
 *   blocks     R f(double, ..., T *, ..., N n)   called for each block of the loop
 */
#include "native.h"

typedef hecmod_native native;
typedef void (*code)(void);

#define INPUTS_MAX 3 /* of a function of elements */

/* ---- functions of elements: a loop for each type and number of inputs ---- */

#define AT(T, k) (*(const T *)(const void *)((const char *)p[k] + (Py_ssize_t)i * steps[k]))
#define DEFINE_LOOP(T, k, TYPES, VALUES)                                                           \
    static void loop_##T##_##k(code f, void **p, const Py_ssize_t *steps, size_t n)                \
    {                                                                                              \
        T(*function) TYPES = (T(*) TYPES)f;                                                        \
        T *out = p[k];                                                                             \
        for (size_t i = 0; i < n; i++)                                                             \
            out[i] = function VALUES;                                                              \
    }
#define DEFINE_LOOPS(T)                                                                            \
    DEFINE_LOOP(T, 1, (T), (AT(T, 0)))                                                             \
    DEFINE_LOOP(T, 2, (T, T), (AT(T, 0), AT(T, 1)))                                                \
    DEFINE_LOOP(T, 3, (T, T, T), (AT(T, 0), AT(T, 1), AT(T, 2)))

DEFINE_LOOPS(double)
DEFINE_LOOPS(float)
DEFINE_LOOPS(int64_t)
DEFINE_LOOPS(int32_t)

static const struct element_kind {
    char name[3];
    void (*loops[INPUTS_MAX])(code, void **, const Py_ssize_t *, size_t);
} element_kinds[] = {
    {"f8", {loop_double_1, loop_double_2, loop_double_3}},
    {"f4", {loop_float_1, loop_float_2, loop_float_3}},
    {"i8", {loop_int64_t_1, loop_int64_t_2, loop_int64_t_3}},
    {"i4", {loop_int32_t_1, loop_int32_t_2, loop_int32_t_3}},
};

/* ---- functions of blocks: a call for each number of scalars and of pointers ---- */

#define D0
#define D1 double,
#define D2 D1 D1
#define D3 D2 D1
#define S0
#define S1 f->scalars[0],
#define S2 S1 f->scalars[1],
#define S3 S2 f->scalars[2],
#define P1 void *
#define P2 P1, void *
#define P3 P2, void *
#define P4 P3, void *
#define P5 P4, void *
#define P6 P5, void *
#define A1 p[0]
#define A2 A1, p[1]
#define A3 A2, p[2]
#define A4 A3, p[3]
#define A5 A4, p[4]
#define A6 A5, p[5]
#define CASE(R, N, d, a, END)                                                                      \
    case (d) * (HECMOD_ARRAYS_MAX + 1) + (a):                                                      \
        END(((R(*)(D##d P##a, N))f->function)(S##d A##a, (N)n));
#define CASES(R, N, d, END)                                                                        \
    CASE(R, N, d, 1, END)                                                                          \
    CASE(R, N, d, 2, END)                                                                          \
    CASE(R, N, d, 3, END)                                                                          \
    CASE(R, N, d, 4, END)                                                                          \
    CASE(R, N, d, 5, END)                                                                          \
    CASE(R, N, d, 6, END)
#define END_VOID(call)                                                                             \
    call;                                                                                          \
    return 0
#define END_INT(call) return call
#define DEFINE_CALL(name, R, N, END)                                                               \
    static int name(const native *f, void **p, size_t n)                                           \
    {                                                                                              \
        switch (f->nscalars * (HECMOD_ARRAYS_MAX + 1) + f->narrays) {                              \
            CASES(R, N, 0, END)                                                                    \
            CASES(R, N, 1, END)                                                                    \
            CASES(R, N, 2, END)                                                                    \
            CASES(R, N, 3, END)                                                                    \
        }                                                                                          \
        return -1;                                                                                 \
    }

DEFINE_CALL(call_void_i8, void, size_t, END_VOID)
DEFINE_CALL(call_void_i4, void, int, END_VOID)
DEFINE_CALL(call_int_i8, int, size_t, END_INT)
DEFINE_CALL(call_int_i4, int, int, END_INT)

static const struct block_kind {
    char name[6]; /* the result and the count */
    int (*call)(const native *, void **, size_t);
} block_kinds[] = {
    {"v,i8", call_void_i8},
    {"v,i4", call_void_i4},
    {"i4,i8", call_int_i8},
    {"i4,i4", call_int_i4},
};

/* ---- the loop ---- */

static int run_elements(void *ctx, uint64_t begin, uint64_t end)
{
    const native *f = ctx;
    void *p[HECMOD_ARRAYS_MAX];

    for (int i = 0; i < f->narrays; i++)
        p[i] = (char *)f->views[i].buf + (Py_ssize_t)begin * f->steps[i];
    f->call_elements(f->function, p, f->steps, (size_t)(end - begin));
    return 0;
}

/* In pieces whose number fits into any count. */
static int run_blocks(void *ctx, uint64_t begin, uint64_t end)
{
    const native *f = ctx;
    void *p[HECMOD_ARRAYS_MAX];
    int r = 0;

    for (uint64_t at = begin, n; r == 0 && at < end; at += n) {
        n = end - at < (1u << 30) ? end - at : 1u << 30;
        for (int i = 0; i < f->narrays; i++)
            p[i] = (char *)f->views[i].buf + (Py_ssize_t)at * f->steps[i];
        r = f->call_block(f, p, (size_t)n);
    }
    return r;
}

int hecmod_native_check_signals(void *ctx)
{
    native *f = ctx;
    int r;

    PyEval_RestoreThread(f->thread);
    r = PyErr_CheckSignals();
    f->thread = PyEval_SaveThread();
    return r;
}

int hecmod_native_run(native *f, uint64_t n, const hec_parallel_options *options)
{
    hec_error err = {0};
    int r;

    f->thread = PyEval_SaveThread();
    r = hec_parallel_for(n, f->call_block ? run_blocks : run_elements, f, options, &err);
    PyEval_RestoreThread(f->thread);
    if (r < 0 && !(r == HEC_EINTR && PyErr_Occurred()))
        hecmod_raise(&err);
    return r < 0 ? -1 : 0;
}

/* ---- what is asked for ---- */

int hecmod_native_choose(native *f, const char *kind)
{
    for (size_t i = 0; i < sizeof element_kinds / sizeof *element_kinds; i++) {
        int inputs = f->narrays - 1;

        if (strcmp(kind, element_kinds[i].name) == 0 && inputs >= 1 && inputs <= INPUTS_MAX) {
            f->call_elements = element_kinds[i].loops[inputs - 1];
            return 0;
        }
    }
    for (size_t i = 0; i < sizeof block_kinds / sizeof *block_kinds; i++)
        if (strcmp(kind, block_kinds[i].name) == 0) {
            f->call_block = block_kinds[i].call;
            return 0;
        }
    PyErr_Format(PyExc_ValueError, "no call of kind '%s' with %d arrays", kind, f->narrays);
    return -1;
}

/* Takes the buffers of all arrays; those that were taken count in f->narrays. */
static int take_buffers(native *f, PyObject *arrays, PyObject *steps, const char *writes,
                        uint64_t n)
{
    Py_ssize_t count = PyTuple_GET_SIZE(arrays);

    if (count < 1 || count > HECMOD_ARRAYS_MAX || PyTuple_GET_SIZE(steps) != count ||
        (Py_ssize_t)strlen(writes) != count) {
        PyErr_SetString(PyExc_ValueError, "from 1 to 6 arrays, with a step and a letter for each");
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_buffer *view = &f->views[i];
        int flags = PyBUF_C_CONTIGUOUS | (writes[i] == 'w' ? PyBUF_WRITABLE : 0);
        Py_ssize_t step = PyLong_AsSsize_t(PyTuple_GET_ITEM(steps, i));

        if (step == -1 && PyErr_Occurred())
            return -1;
        if (PyObject_GetBuffer(PyTuple_GET_ITEM(arrays, i), view, flags) < 0)
            return -1;
        f->narrays = (int)i + 1;
        f->steps[i] = step;
        f->writes[i] = writes[i];
        /* A step of 0 is one element, of 8 bytes at most, in a buffer of that size. */
        if (step < 0 || (step == 0 && view->len < 8) ||
            (step > 0 && (uint64_t)(view->len / step) < n)) {
            PyErr_SetString(PyExc_ValueError, "an array is shorter than the loop");
            return -1;
        }
    }
    return 0;
}

static PyObject *name_of(const native *f, int i)
{
    return i < f->ninputs ? PyUnicode_FromFormat("argument %d", i + f->nscalars)
                          : PyUnicode_FromString("out");
}

int hecmod_native_check_overlap(const native *f)
{
    for (int w = 0; w < f->narrays; w++)
        for (int i = 0; i < f->narrays; i++) {
            const char *a = f->views[w].buf, *b = f->views[i].buf;
            PyObject *one, *other;

            if (f->writes[w] != 'w' || i == w || (a == b && f->steps[w] == f->steps[i]) ||
                a >= b + f->views[i].len || b >= a + f->views[w].len)
                continue;
            one = name_of(f, w);
            other = name_of(f, i);
            if (one && other)
                PyErr_Format(PyExc_ValueError,
                             "%U shares memory with %U, but not element by element: pass a copy",
                             one, other);
            Py_XDECREF(one);
            Py_XDECREF(other);
            return -1;
        }
    return 0;
}

static int take_scalars(native *f, PyObject *scalars)
{
    Py_ssize_t count = PyTuple_GET_SIZE(scalars);

    if (count > HECMOD_SCALARS_MAX) {
        PyErr_SetString(PyExc_ValueError, "at most 3 scalars");
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        f->scalars[i] = PyFloat_AsDouble(PyTuple_GET_ITEM(scalars, i));
        if (f->scalars[i] == -1.0 && PyErr_Occurred())
            return -1;
    }
    f->nscalars = (int)count;
    return 0;
}

PyObject *hecmod_run_native(PyObject *module, PyObject *args)
{
    unsigned long long address, n, grain;
    PyObject *scalars, *arrays, *steps, *result = NULL;
    hec_parallel_options options = {0};
    const char *kind, *writes;
    unsigned int threads;
    native f = {0};
    int signals;

    (void)module;
    if (!PyArg_ParseTuple(args, "KsO!O!O!siKIKp", &address, &kind, &PyTuple_Type, &scalars,
                          &PyTuple_Type, &arrays, &PyTuple_Type, &steps, &writes, &f.ninputs, &n,
                          &threads, &grain, &signals))
        return NULL;
    f.function = (code)(uintptr_t)address;
    options.threads = threads;
    options.grain = grain;
    options.check = signals ? hecmod_native_check_signals : NULL;
    if (take_buffers(&f, arrays, steps, writes, n) == 0 && take_scalars(&f, scalars) == 0 &&
        hecmod_native_check_overlap(&f) == 0 && hecmod_native_choose(&f, kind) == 0 &&
        hecmod_native_run(&f, n, &options) == 0)
        result = Py_NewRef(Py_None);
    for (int i = 0; i < f.narrays; i++)
        PyBuffer_Release(&f.views[i]);
    return result;
}

PyObject *hecmod_capsule_function(PyObject *module, PyObject *capsule)
{
    const char *name;
    void *pointer;

    (void)module;
    if (!PyCapsule_CheckExact(capsule)) {
        PyErr_SetString(PyExc_TypeError, "not a capsule");
        return NULL;
    }
    name = PyCapsule_GetName(capsule);
    if (!name && PyErr_Occurred())
        return NULL;
    pointer = PyCapsule_GetPointer(capsule, name);
    if (!pointer)
        return NULL;
    return Py_BuildValue("(Kz)", (unsigned long long)(uintptr_t)pointer, name);
}
