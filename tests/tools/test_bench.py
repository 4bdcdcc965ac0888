# SPDX-License-Identifier: MIT
"""The benchmark's own arithmetic: medians, ratios, the table, the comparison, and that a
measurement that hangs or dies is recorded as such and leaves no process behind.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench import cases, compare, peers, run, stats, table, work  # noqa: E402


def sample(case: str, peer: str, value: float | None, **more: Any) -> dict[str, Any]:
    """A record of one measurement."""
    record: dict[str, Any] = {"kind": "sample", "case": case, "peer": peer, "status": "ok"}
    if value is not None:
        record["value"] = value
    return {**record, **more}


def run_record(**more: Any) -> dict[str, Any]:
    """The record of a run of two cases and three peers."""
    return {"kind": "run", "base": "hec", "workers": 2, "rounds": 3, "started": "then",
            "command": "python bench/run.py",
            "cases": {"lat": {"title": "latency", "unit": "µs", "better": "lower"},
                      "rate": {"title": "rate", "unit": "GB/s", "better": "higher"}},
            "peers": {name: {"label": label, "reference": False}
                      for name, label in (("hec", "pyhec"), ("a", "Tool A"), ("b", "Tool B"))},
            "machine": {"cpu": "some CPU", "architecture": "x", "cpus_granted": 2,
                        "cpus_online": 4, "memory_gib": 8, "kernel": "6", "libc": "glibc",
                        "python": "3", "versions": {"numpy": "1"}}, **more}


def test_summary_is_median_and_range() -> None:
    cell = stats.summarize([sample("c", "p", v) for v in (9.0, 1.0, 2.0)])
    assert (cell.status, cell.rounds, cell.median, cell.low, cell.high) == ("ok", 3, 2.0, 1.0, 9.0)


def test_summary_says_that_rounds_hung() -> None:
    cell = stats.summarize([sample("c", "p", 1.0), sample("c", "p", None, status="HANG")])
    assert cell.status == "ok" and cell.rounds == 1
    assert "1 of 2 rounds: HANG" in cell.note


def test_summary_without_any_value_keeps_status_and_reason() -> None:
    records = [sample("c", "p", None, status="skipped", note="not installed: x")] * 3
    assert stats.summarize(records) == stats.Cell("skipped", 0, note="not installed: x")
    assert stats.summarize([]).status == "missing"


@pytest.mark.parametrize(("ours", "theirs", "better", "ratio"), [
    (2.0, 8.0, "lower", 4.0), (8.0, 2.0, "lower", 0.25),
    (8.0, 2.0, "higher", 4.0), (2.0, 8.0, "higher", 0.25), (0.0, 8.0, "lower", 0.0)])
def test_advantage(ours: float, theirs: float, better: str, ratio: float) -> None:
    assert stats.advantage(ours, theirs, better) == ratio


def test_advantage_refuses_a_direction_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="upwards"):
        stats.advantage(1.0, 1.0, "upwards")


def test_overlap() -> None:
    low, high = stats.Cell("ok", 3, 2, 1, 3), stats.Cell("ok", 3, 5, 4, 6)
    assert not stats.overlap(low, high) and not stats.overlap(high, low)
    assert stats.overlap(low, stats.Cell("ok", 3, 4, 3, 5))


@pytest.mark.parametrize(("value", "text"), [
    (0, "0"), (10271.4, "10,271"), (99.96, "100.0"), (12.34, "12.3"), (1.234, "1.23"),
    (0.1234, "0.123"), (0.01234, "0.0123")])
def test_numbers(value: float, text: str) -> None:
    assert table.number(value) == text


def lines_of(text: str, label: str) -> list[str]:
    """The rows of a tool."""
    return [line for line in text.splitlines() if line.startswith(f"| {label} |")]


def test_table_keeps_and_marks_the_rows_where_pyhec_loses() -> None:
    records = [run_record()]
    for values in (("hec", 2.0), ("a", 8.0), ("b", 1.0)):
        records += [sample("lat", *values), sample("rate", *values)]
    text = table.markdown(records)
    a, b = lines_of(text, "Tool A"), lines_of(text, "Tool B")
    assert "4.00×" in a[0] and "loses" not in a[0]
    assert "0.500×" in b[0] and "**loses**" in b[0]
    assert "0.250×" in a[1] and "**loses**" in a[1], "for a rate, more is better"
    assert "2.00×" in b[1] and "loses" not in b[1]
    assert "| latency | µs | 2.00 | 8.00 | **1.00** |" in text


def test_table_says_when_the_order_may_be_chance() -> None:
    records = [run_record()]
    records += [sample("lat", "hec", v) for v in (1.0, 2.0, 3.0)]
    records += [sample("lat", "a", v) for v in (1.5, 1.6, 1.7)]
    assert "**loses** (ranges touch)" in lines_of(table.markdown(records), "Tool A")[0]


def test_table_says_why_a_peer_was_not_measured() -> None:
    records = [run_record(), sample("lat", "hec", 1.0),
               sample("lat", "a", None, status="skipped", note="not installed: a|b"),
               sample("lat", "b", None, status="HANG", note="no end within 30 s")]
    text = table.markdown(records)
    assert "skipped | - | 0 | - |  | not installed: a/b |" in lines_of(text, "Tool A")[0]
    assert "HANG" in lines_of(text, "Tool B")[0]
    assert "| latency | µs | 1.00 | skipped | HANG |" in text


def test_table_without_a_base_has_no_ratios() -> None:
    text = table.markdown([run_record(), sample("lat", "a", 1.0)])
    assert "| Tool A | 1.00 | 1.00 – 1.00 | 1 | - |  |  |" in text


def test_result_files_are_read_and_errors_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text('{"kind": "run"}\n\n{"kind": "sample"}\n')
    assert len(stats.read(path)) == 2
    path.write_text('{"kind": "run"}\n{"kind"\n')
    with pytest.raises(ValueError, match="line 2"):
        stats.read(path)
    path.write_text("[]\n")
    with pytest.raises(ValueError, match="line 1: not a record"):
        stats.read(path)


def test_comparison() -> None:
    old = [run_record()] + [sample("lat", "hec", v) for v in (10.0, 11.0, 12.0)]
    old += [sample("rate", "hec", 1.0), sample("lat", "a", None, status="HANG")]
    new = [run_record()] + [sample("lat", "hec", v) for v in (5.0, 5.5, 6.0)]
    new += [sample("rate", "hec", 0.5), sample("lat", "a", 1.0)]
    text = "\n".join(compare.compare(old, new))
    assert "| latency (µs) | pyhec | 11.0 | 5.50 | 2.00× | better |" in text
    assert "| rate (GB/s) | pyhec | 1.00 | 0.500 | 0.500× | **worse** |" in text
    assert "| latency (µs) | Tool A | HANG | 1.00 | - | **changed** |" in text


def test_comparison_says_in_what_the_runs_differ() -> None:
    assert compare.differences([run_record()], [run_record()]) == []
    assert compare.differences([run_record()], [run_record(workers=8)]) == ["workers: 2 and 8"]


def test_compare_tells_of_a_file_it_cannot_read(tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_text("")
    script = str(ROOT / "bench" / "compare.py")
    done = subprocess.run([sys.executable, script, str(path), str(path)],
                          capture_output=True, text=True)
    assert done.returncode == 2 and "without the record of its run" in done.stderr


def alive(pid: int) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until_dead(pid: int) -> bool:
    """Whether the process ends within five seconds."""
    end = time.monotonic() + 5
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.01)
    return not alive(pid)


CHILD = "import subprocess, sys; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); "


def test_a_hang_is_recorded_and_killed_with_its_children() -> None:
    start = time.monotonic()
    status, out, _ = run.run_limited([sys.executable, "-c", CHILD + "p.wait()"], 1.0)
    assert status == "HANG" and time.monotonic() - start < 10
    assert wait_until_dead(int(out))


def test_a_failure_is_recorded_and_its_children_are_killed() -> None:
    status, out, err = run.run_limited([sys.executable, "-c", CHILD + "sys.exit('sorry')"], 30.0)
    assert status == "error" and "sorry" in err
    assert wait_until_dead(int(out))


def test_every_case_and_peer_loads_and_says_what_it_is() -> None:
    for name in cases.NAMES:
        case = cases.load(name)
        assert case.title and case.unit and case.better in ("lower", "higher")
    for name in peers.NAMES:
        peer = peers.load(name)
        assert peer.name and peer.module and "328350" not in peer.script
    assert peers.BASE in peers.NAMES


def test_skewed_loops_are_the_same_every_time_and_longest_last() -> None:
    loops = work.skewed_loops(200, 1_000_000)
    assert loops == work.skewed_loops(200, 1_000_000) == sorted(loops)
    assert abs(sum(loops) - 1_000_000) <= 200
    assert loops[-1] > 5 * loops[100]


def test_a_small_run_end_to_end(tmp_path: Path) -> None:
    out = tmp_path / "r.jsonl"
    done = subprocess.run(
        [sys.executable, str(ROOT / "bench" / "run.py"), "--quick", "--case", "noop_stream",
         "--case", "fib_speedup", "--peer", "serial", "--peer", "mp_pool", "--workers", "2",
         "--out", str(out)], capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert [r["kind"] for r in records] == ["run"] + ["sample"] * 4
    assert all(r["status"] == "ok" and r["value"] > 0 for r in records[1:]), records
    assert lines_of(out.with_suffix(".md").read_text(), "multiprocessing.Pool")
