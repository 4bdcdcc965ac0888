/* SPDX-License-Identifier: MIT
 *
 * The three kernels, serially for blocks, and each with OpenMP around it. -ffast-math and the like
 * are left out: all compute the same bits.
 */
#include <math.h>
#include <stddef.h>

static inline double compute_one(double x)
{
    for (int k = 0; k < 50; k++)
        x = x - (x * x - 2.0) * 0.1;
    return x;
}

/* From 1 to 2000 rounds: element i of n costs i / n of the last. */
static inline double skewed_one(double x)
{
    int rounds = 1 + (int)(x * 2000.0);
    double y = 1.0;

    for (int k = 0; k < rounds; k++)
        y = y - (y * y - x) * 0.1;
    return y;
}

void compute_block(const double *x, double *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = compute_one(x[i]);
}

void axpy_block(double a, const double *x, double *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += a * x[i];
}

void skewed_block(const double *x, double *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = skewed_one(x[i]);
}

void compute_openmp(const double *x, double *out, size_t n)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++)
        out[i] = compute_one(x[i]);
}

void axpy_openmp(double a, const double *x, double *y, size_t n)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++)
        y[i] += a * x[i];
}

void skewed_openmp(const double *x, double *out, size_t n)
{
#pragma omp parallel for schedule(dynamic, 64)
    for (size_t i = 0; i < n; i++)
        out[i] = skewed_one(x[i]);
}

void skewed_openmp_static(const double *x, double *out, size_t n)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++)
        out[i] = skewed_one(x[i]);
}
