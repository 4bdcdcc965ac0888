# SPDX-License-Identifier: MIT
"""Reads a folder of CSV files into one DataFrame with one line, on every core granted.

    python batch_read_csv.py                      the weather data of make_csv.py (made if missing)
    python batch_read_csv.py 'measured/*.csv'     your own files; keep the quotes
"""

from __future__ import annotations

import sys
import time

import make_csv

from pyhec import parallel_processing as pp


def main() -> None:
    if len(sys.argv) > 1:
        pattern, options = sys.argv[1], {}
    else:
        print(make_csv.ensure())
        pattern = str(make_csv.DEFAULT_OUT / "weather" / "*.csv")
        options = {"parse_dates": ["time"]}
    start = time.perf_counter()
    # Any keyword that pandas.read_csv knows may follow the pattern.
    frame = pp.batch_read_csv(pattern, progress=True, **options)
    print(f"{len(frame):,} rows, {frame.shape[1]} columns in {time.perf_counter() - start:.2f} s")
    print(frame.head())


if __name__ == "__main__":
    main()
