/* SPDX-License-Identifier: MIT
 *
 * Digests of values, between the files that make keys: key.c writes values down, keyer.c makes the
 * keys of tasks.
 */
#ifndef PYHEC_KEY_H
#define PYHEC_KEY_H

#include "state.h"

typedef struct hecmod_digest {
    unsigned char bytes[16];
} hecmod_digest;

/* What is written down before it is hashed. All zero at first, but for describe; belongs to one
 * thread. */
typedef struct hecmod_encoder {
    hecmod_bytes out;
    PyObject *describe; /* borrowed: describe(object, unordered) -> tuple */
    PyObject *memo;     /* dict: address -> (object, digest), or NULL */
    uint64_t visits;    /* values so far, and what counts like them */
    uint32_t lowest;    /* the outermost container that was referred to from inside */
    uint32_t tangled;   /* containers that refer to one which they are in */
    uint32_t sets;      /* sets around what is written now */
} hecmod_encoder;

void hecmod_hash(const void *data, size_t size, hecmod_digest *ret);

/* Writes a value, which the caller holds. 0, or -1 with an exception set. */
int hecmod_encoder_put(hecmod_encoder *e, PyObject *o);
/* Writes a tag and a number. */
int hecmod_encoder_count(hecmod_encoder *e, char tag, size_t n);
/* Room for n more bytes; NULL with an exception set. */
void *hecmod_encoder_room(hecmod_encoder *e, size_t n);
/* Gives its memory back. */
void hecmod_encoder_done(hecmod_encoder *e);

PyObject *hecmod_digest_bytes(const hecmod_digest *digest); /* new reference */

/* key.c, functions of the module */
PyObject *hecmod_digest_of(PyObject *module, PyObject *args);
PyObject *hecmod_hash_bytes(PyObject *module, PyObject *data);

/* keyer.c */
extern PyType_Spec hecmod_keyer_spec;

#endif
