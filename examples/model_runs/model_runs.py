# SPDX-License-Identifier: MIT
"""A model, and its parameters in files: one file of YAML is one run, one row of a CSV is one run.

    python model_runs.py single-model-run.yaml            one run
    python model_runs.py multiple-model-runs.csv          a loop over the rows
    python model_runs.py multiple-model-runs.csv --all    the same on all cores, as a table

The same by the command line, a row at a time on all cores, the results joined with the parameters:

    hec sweep multiple-model-runs.csv -- python model_runs.py --one
    hec results last --csv
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from pyhec import config as c


def model(config: dict[str, Any]) -> dict[str, float]:
    """Heat in a rod whose ends are held at two temperatures, after some hours."""
    cells, dx = config["cells"], config["length"] / config["cells"]
    left, right = config.get("boundary", [1.0, 0.0])
    steps_needed = 2.5 * config["conductivity"] * config["hours"] * 3600 / dx**2
    steps = max(int(steps_needed), 1)
    factor = config["conductivity"] * config["hours"] * 3600 / steps / dx**2
    t = [0.0] * cells
    for _ in range(steps):
        padded = [left, *t, right]
        t = [b + factor * (a - 2 * b + d) for a, b, d in zip(padded, padded[1:], padded[2:])]
    os.makedirs(config["output_dir"], exist_ok=True)
    with open(os.path.join(config["output_dir"], "temperature.txt"), "w") as f:
        f.writelines(f"{x:.6f}\n" for x in t)
    return {"mean": round(sum(t) / cells, 4), "steps": steps}


def main() -> None:
    """What the arguments say."""
    if sys.argv[1:] == ["--one"]:  # as a task of hec sweep
        with open(os.environ["HEC_PARAMS"]) as f:
            print(json.dumps(model(json.load(f))))
        return
    config_file = sys.argv[1] if len(sys.argv) > 1 else "multiple-model-runs.csv"
    if config_file.endswith((".yaml", ".yml")):
        runs = c.read_yaml(config_file, as_list=True)  # a list of one, for the same loop
    else:
        runs = c.read_runs(config_file)
    if "--all" in sys.argv:
        import pyhec

        table = pyhec.sweep(model, config_file)
        print(table[["output_dir", "conductivity", "cells", "mean", "verdict"]].to_string(index=False))
        return
    for config in runs:
        print(config["output_dir"], model(config))


if __name__ == "__main__":
    main()
