/* SPDX-License-Identifier: MIT
 *
 * The journal, between the files that write it: journal.c, log.c, and call.c, whose calls have one.
 */
#ifndef PYHEC_JOURNAL_H
#define PYHEC_JOURNAL_H

#include "state.h"

/* journal.c */
extern PyType_Spec hecmod_journal_spec;

/* Appends a record; the interpreter's lock is given up meanwhile. 0, or -1 with an exception set.
 */
int hecmod_journal_append(PyObject *self, const hec_journal_entry *entries, uint32_t n,
                          const hec_journal_part *parts, uint32_t m);
/* Whether it has the result of a task of this key. -1 with an exception set. */
int hecmod_journal_has(PyObject *self, const unsigned char *key);
/* One more part of a record's first entry, unless it is empty. */
void hecmod_add_part(hec_journal_part *parts, uint32_t *m, int kind, int format, const void *data,
                     size_t size);

/* log.c */

/* Results of tasks of a call that has a journal, as they arrived, with their blocks (a list, or
 * NULL), which were taken. 0, or -1 with an exception set. */
int hecmod_journal_done(hecmod_call *c, const hec_result *r, PyObject *blocks);
/* A task that failed for good. */
int hecmod_journal_failed(hecmod_call *c, const hecmod_failure *f, PyObject *error);
/* Task `index` of the engine has this key, and `number` in the user's call: adds its mark to a
 * dict. 0, or -1 with an exception set. */
int hecmod_journal_mark(PyObject *marks, PyObject *index, const unsigned char *key,
                        uint64_t number);
/* Functions of the module. */
PyObject *hecmod_marks(PyObject *module, PyObject *args);
PyObject *hecmod_renumber(PyObject *module, PyObject *args);
PyObject *hecmod_forget(PyObject *module, PyObject *args);

#endif
