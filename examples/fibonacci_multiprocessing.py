# SPDX-License-Identifier: MIT
"""The multiprocessing job: a Pool over 5,000 Fibonacci numbers.

It is the usual multiprocessing script; only the import line changed. `Pool()` has as many
workers as CPUs were granted, in a batch job as well as on a laptop.

    python fibonacci_multiprocessing.py             5,000 values, all granted cores
    python fibonacci_multiprocessing.py 500         500 values
    python fibonacci_multiprocessing.py 500 1 2     500 values with 1 worker, then with 2
"""

from __future__ import annotations

import sys
import time

from pyhec import Pool, cpu_count  # was: from multiprocessing import Pool, cpu_count

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
    workers = arguments[1:] or [cpu_count()]

    start = time.perf_counter()
    expected = [fib(n) for n in values]
    print(f"serial               {time.perf_counter() - start:7.3f} s")

    for n in workers:
        start = time.perf_counter()
        with Pool(n) as pool:
            numbers = pool.map(fib, values)
        print(f"Pool, {n:3d} worker(s)  {time.perf_counter() - start:7.3f} s")
        if numbers != expected:
            sys.exit("the numbers differ from the serial ones")

    for n, number in ((values[0], numbers[0]), (values[-1], numbers[-1])):
        print(f"fib({n}) = {str(number)[:20]}... ({len(str(number))} digits)")


if __name__ == "__main__":
    main()
