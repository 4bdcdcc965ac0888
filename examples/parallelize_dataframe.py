# SPDX-License-Identifier: MIT
"""A computation for every row of a DataFrame, on every core granted.

For each hour of the weather data: the wet-bulb temperature, to which the air cools when water
evaporates into it, and by it whether the rain may fall as snow. It has no formula of its own; the
psychrometric equation is solved by bisection, row by row, as real models do with real equations.
The function is plain pandas: it takes a part of the rows and returns it with two more columns.

    python parallelize_dataframe.py            60 stations
    python parallelize_dataframe.py 240        all stations
"""

from __future__ import annotations

import math
import sys
import time

import make_csv
import pandas as pd

from pyhec import cpu_count
from pyhec import parallel_processing as pp


def vapour_pressure(celsius: float) -> float:
    """Pressure of water vapour over water in saturated air, in hPa (Magnus formula)."""
    return 6.112 * math.exp(17.62 * celsius / (243.12 + celsius))


def wet_bulb(temperature: float, humidity: float, pressure: float) -> float:
    """Wet-bulb temperature in degrees Celsius, to a thousandth; NaN where a value is missing."""
    if math.isnan(temperature + humidity + pressure):
        return math.nan
    vapour = humidity / 100 * vapour_pressure(temperature)
    low, high = temperature - 40.0, temperature
    while high - low > 0.001:
        middle = (low + high) / 2
        if vapour_pressure(middle) - 6.62e-4 * pressure * (temperature - middle) < vapour:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def add_wet_bulb(rows: pd.DataFrame, snow_below: float = 1.0) -> pd.DataFrame:
    """The rows with the columns wet_bulb_c and snow."""
    measured = zip(rows["temperature_c"], rows["humidity_pct"], rows["pressure_hpa"])
    values = [wet_bulb(*hour) for hour in measured]
    rows = rows.assign(wet_bulb_c=values)
    rows["snow"] = (rows["rain_mm"] > 0) & (rows["wet_bulb_c"] < snow_below)
    return rows


def main() -> None:
    stations = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    print(make_csv.ensure())
    files = sorted((make_csv.DEFAULT_OUT / "weather").glob("*.csv"))[:stations]
    weather = pd.concat([pd.read_csv(path) for path in files], ignore_index=True)

    start = time.perf_counter()
    expected = add_wet_bulb(weather, snow_below=0.5)
    serial = time.perf_counter() - start

    start = time.perf_counter()
    # Keywords after the first ones go to your function.
    result = pp.parallelize(add_wet_bulb, weather, return_as="dataframe", snow_below=0.5)
    parallel = time.perf_counter() - start

    print(f"{len(result):,} rows: {serial:.2f} s serially, "
          f"{parallel:.2f} s on {cpu_count()} granted core(s)")
    print(f"snow in {int(result['snow'].sum()):,} of "
          f"{int((result['rain_mm'] > 0).sum()):,} hours with rain")
    if not result.reset_index(drop=True).equals(expected):
        sys.exit("the result differs from the serial one")


if __name__ == "__main__":
    main()
