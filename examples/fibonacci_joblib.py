# SPDX-License-Identifier: MIT
"""The joblib job: Parallel and delayed over 5,000 Fibonacci numbers.

It is the usual joblib script; only the import line changed, and joblib need not be installed.
`n_jobs=-1` means every CPU granted, which in a batch job is what the job asked for.

    python fibonacci_joblib.py             5,000 values, all granted cores
    python fibonacci_joblib.py 500         500 values
    python fibonacci_joblib.py 500 1 2     500 values with n_jobs=1, then with n_jobs=2
"""

from __future__ import annotations

import sys
import time

from pyhec import Parallel, delayed  # was: from joblib import Parallel, delayed

FIRST = 5000


def fib(n: int) -> int:
    """The n-th Fibonacci number, by adding up from the start."""
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def main() -> None:
    arguments = [int(text) for text in sys.argv[1:]] or [5000]
    values = range(FIRST, FIRST + arguments[0])

    start = time.perf_counter()
    expected = [fib(n) for n in values]
    print(f"serial                 {time.perf_counter() - start:7.3f} s")

    for n_jobs in arguments[1:] or [-1]:
        start = time.perf_counter()
        numbers = Parallel(n_jobs=n_jobs)(delayed(fib)(n) for n in values)
        print(f"Parallel, n_jobs = {n_jobs:3d} {time.perf_counter() - start:7.3f} s")
        if numbers != expected:
            sys.exit("the numbers differ from the serial ones")

    for n, number in ((values[0], numbers[0]), (values[-1], numbers[-1])):
        print(f"fib({n}) = {str(number)[:20]}... ({len(str(number))} digits)")


if __name__ == "__main__":
    main()
