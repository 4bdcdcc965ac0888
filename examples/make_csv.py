# SPDX-License-Identifier: MIT
"""Makes the data for the examples: hourly CSV files of invented weather stations.

One file per station, plus stations.csv with where each station stands. The weather has what real
records have: a yearly and a daily cycle, cold mountains, spells that last for days, gaps, and a
quality flag (0 good, 1 doubtful, 2 missing). The same seed gives the same bytes on every machine:
the noise is integers straight from PCG64 and all that follows is integer arithmetic, so neither
the version of NumPy nor the processor's idea of a sine can change a digit.

    python make_csv.py                          240 stations into examples/data/
    python make_csv.py --stations 20 --days 30 --out /tmp/weather
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import time
from pathlib import Path

import numpy as np

FORMAT = 1  # raise it when the bytes change, so that data of an older version is made anew
FIRST_HOUR = np.datetime64("2025-01-01T00:00")
HEADER = "time,station,temperature_c,humidity_pct,pressure_hpa,wind_ms,rain_mm,quality\n"
DEFAULT_OUT = Path(__file__).resolve().parent / "data"


def noise(bits: np.random.PCG64, n: int, hours: int) -> np.ndarray:
    """n integers around 0 (standard deviation about 1000), alike over so many hours."""
    raw = bits.random_raw(n + hours - 1)
    # The sum of a number's four 16-bit pieces is close enough to a bell curve.
    pieces = raw.view(np.uint16).reshape(-1, 4).sum(axis=1, dtype=np.int64)
    steps = pieces - 2 * 0xFFFF
    summed = np.concatenate(([0], np.cumsum(steps)))
    # A sum over h hours spreads by sqrt(h) * 37,837; math.isqrt keeps this an integer too.
    return (summed[hours:] - summed[:-hours]) * 1000 // (37837 * math.isqrt(10000 * hours) // 100)


def wave(period: int, peak: int) -> np.ndarray:
    """One period of a cosine with its top at `peak`, in thousandths."""
    return np.array([round(1000 * math.cos(2 * math.pi * (i - peak) / period))
                     for i in range(period)], dtype=np.int64)


def station_place(seed: int, number: int) -> tuple[int, int, int]:
    """Latitude and longitude in ten-thousandths of a degree, and metres above the sea."""
    raw = np.random.PCG64([seed, number, 0]).random_raw(3)
    latitude = 470_000 + int(raw[0]) % 80_000
    longitude = 60_000 + int(raw[1]) % 90_000
    # Squared, since most stations stand low and a few stand on mountains.
    height = int(raw[2]) % 1000
    return latitude, longitude, 2 + height * height * 2900 // 1_000_000


def weather(seed: int, number: int, hours: int) -> dict[str, np.ndarray]:
    """The station's hours as integers: tenths of degree, hPa, m/s and mm; per cent."""
    latitude, _, metres = station_place(seed, number)
    bits = np.random.PCG64([seed, number, 1])
    hour = np.arange(hours)
    yearly = wave(8760, peak=4900)[hour % 8760]
    daily = wave(24, peak=15)[hour % 24]
    spell, local, front = noise(bits, hours, 72), noise(bits, hours, 3), noise(bits, hours, 48)

    level = 95 - metres * 65 // 1000 - (latitude - 500_000) * 6 // 10_000
    temperature = level + (yearly * 95 + daily * 45 + spell * 35 + local * 8) // 1000
    humidity = np.clip(74 - (daily * 14 - front * 8 + local * 3) // 1000, 12, 100)
    pressure = 10_132 - metres * 112 // 100 - (front * 85 + local * 2) // 1000
    wind = np.abs(30 + (front * 18 + noise(bits, hours, 2) * 14) // 1000)
    rain = np.clip((front * 9 + noise(bits, hours, 2) * 11) // 1000 - 14, 0, None)
    luck = bits.random_raw(hours) % np.uint64(10_000)
    quality = np.where(luck < 120, 2, np.where(luck < 420, 1, 0))
    return {"temperature": temperature, "humidity": humidity, "pressure": pressure, "wind": wind,
            "rain": rain, "quality": quality}


def tenths(values: np.ndarray, missing: np.ndarray) -> list[str]:
    """The values, given in tenths, as text with one decimal; empty where missing."""
    low, high = int(values.min()), int(values.max())
    texts = [f"{'-' if v < 0 else ''}{abs(v) // 10}.{abs(v) % 10}" for v in range(low, high + 1)]
    index = np.where(missing, len(texts), values - low)
    return [*map((texts + [""]).__getitem__, index.tolist())]


def station_csv(seed: int, number: int, times: list[str]) -> bytes:
    """The whole file of one station."""
    name = f"W{number:03d}"
    data = weather(seed, number, len(times))
    gap = data["quality"] == 2
    # A station may lose one sensor only: its wind vane freezes while the rest is fine.
    frozen = gap | ((data["temperature"] < -20) & (data["wind"] < 15))
    percent = np.where(gap, "", data["humidity"].astype(str)).tolist()
    columns = [times, tenths(data["temperature"], gap), percent,
               tenths(data["pressure"], gap), tenths(data["wind"], frozen),
               tenths(data["rain"], gap), data["quality"].tolist()]
    rows = [f"{t},{name},{temp},{hum},{pressure},{wind},{rain},{flag}\n"
            for t, temp, hum, pressure, wind, rain, flag in zip(*columns)]
    return (HEADER + "".join(rows)).encode("ascii")


def stations_csv(seed: int, stations: int) -> bytes:
    """The table of stations."""
    rows = ["station,latitude,longitude,elevation_m\n"]
    for number in range(stations):
        latitude, longitude, metres = station_place(seed, number)
        rows.append(f"W{number:03d},{latitude // 10_000}.{latitude % 10_000:04d},"
                    f"{longitude // 10_000}.{longitude % 10_000:04d},{metres}\n")
    return "".join(rows).encode("ascii")


def complete(out: Path, wanted: dict[str, int]) -> dict[str, object] | None:
    """What the stamp says when the folder holds what is wanted, else None."""
    try:
        stamp = json.loads((out / "made.json").read_text(encoding="ascii"))
        sizes = [path.stat().st_size for path in sorted((out / "weather").glob("*.csv"))]
    except (OSError, ValueError):
        return None
    same = all(stamp.get(key) == value for key, value in wanted.items())
    return stamp if same and len(sizes) == stamp["files"] and sum(sizes) == stamp["bytes"] else None


def make(out: Path, seed: int, stations: int, days: int) -> dict[str, object]:
    """Writes the files; the stamp comes last, so that half a folder is never taken for a whole."""
    folder = out / "weather"
    folder.mkdir(parents=True, exist_ok=True)
    (out / "made.json").unlink(missing_ok=True)
    for old in folder.glob("W*.csv"):
        old.unlink()
    times = np.datetime_as_string(FIRST_HOUR + np.arange(24 * days) * np.timedelta64(1, "h"),
                                  unit="m").tolist()
    digest, size = hashlib.sha256(), 0
    table = stations_csv(seed, stations)
    digest.update(table)
    (out / "stations.csv").write_bytes(table)
    for number in range(stations):
        content = station_csv(seed, number, times)
        digest.update(content)
        size += len(content)
        (folder / f"W{number:03d}.csv").write_bytes(content)
    stamp: dict[str, object] = {"format": FORMAT, "seed": seed, "stations": stations, "days": days,
                                "files": stations, "bytes": size, "sha256": digest.hexdigest()}
    (out / "made.json").write_text(json.dumps(stamp) + "\n", encoding="ascii")
    return stamp


def ensure(out: Path = DEFAULT_OUT, seed: int = 2025, stations: int = 240, days: int = 365) -> str:
    """Makes the data unless it is there and complete; returns one line that says which."""
    wanted = {"format": FORMAT, "seed": seed, "stations": stations, "days": days}
    stamp, did, start = complete(out, wanted), "already there", time.perf_counter()
    if stamp is None:
        stamp = make(out, seed, stations, days)
        did = f"made in {time.perf_counter() - start:.1f} s"
    folder = min(str(out / "weather"), os.path.relpath(out / "weather"), key=len)
    return (f"{stamp['files']} files, {int(str(stamp['bytes'])) / 1e6:.1f} MB in {folder} "
            f"({did}, sha256 {str(stamp['sha256'])[:12]})")


def main() -> None:
    parser = argparse.ArgumentParser(description="Make hourly weather-station CSV files.")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="folder to write into")
    parser.add_argument("--seed", type=int, default=2025)
    parser.add_argument("--stations", type=int, default=240)
    parser.add_argument("--days", type=int, default=365)
    args = parser.parse_args()
    if not 1 <= args.stations <= 1000 or args.days < 1 or args.seed < 0:
        parser.error("1 to 1000 stations, at least 1 day, a seed of 0 or more")
    print(ensure(args.out, args.seed, args.stations, args.days))


if __name__ == "__main__":
    main()
