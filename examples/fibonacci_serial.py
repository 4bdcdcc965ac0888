# SPDX-License-Identifier: MIT
"""The serial Python job: Fibonacci numbers on one core, the way most scripts begin.

    python fibonacci_serial.py            prints the numbers 7 and 20
    python fibonacci_serial.py 10 500     prints the numbers you ask for

Compare with fibonacci_multiprocessing.py and fibonacci_joblib.py, which use every core granted.
"""

from __future__ import annotations

import sys
import time


def fib(n: int) -> int:
    """The n-th Fibonacci number, by adding up from the start."""
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def main() -> None:
    values = [int(text) for text in sys.argv[1:]] or [7, 20]
    start = time.perf_counter()
    numbers = [fib(n) for n in values]
    seconds = time.perf_counter() - start
    for n, number in zip(values, numbers):
        print(f"fib({n}) = {number}")
    print(f"{len(values)} values in {seconds:.3f} s on 1 core")


if __name__ == "__main__":
    main()
