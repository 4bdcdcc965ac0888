# SPDX-License-Identifier: MIT
"""The benchmark's own arithmetic: medians, ratios, the table, the comparison, and that a
measurement that hangs or dies is recorded as such and leaves no process behind.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench import cases, chart, compare, peers, procs, report, run, stats  # noqa: E402
from bench import table, targets, work  # noqa: E402
from bench.cases.base import Target, at_least, at_most  # noqa: E402
from bench.peers.base import Peer  # noqa: E402


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
    assert stats.number(value) == text


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
    assert "| latency | µs | 2.00 |  | 8.00 | **1.00** |" in text


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
    assert "| latency | µs | 1.00 |  | skipped | HANG |" in text


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
    ended = run.run_limited([sys.executable, "-c", CHILD + "p.wait()"], 1.0)
    assert ended.status == "HANG" and time.monotonic() - start < 10
    assert wait_until_dead(int(ended.out))


def test_a_failure_is_recorded_and_its_children_are_killed() -> None:
    ended = run.run_limited([sys.executable, "-c", CHILD + "sys.exit('sorry')"], 30.0)
    assert ended.status == "error" and run.last_words(ended.err) == "sorry"
    assert wait_until_dead(int(ended.out))


DAEMON = """
import os, signal, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", "60"])
    os._exit(0)
os.wait()
open(os.path.join(os.environ["TMPDIR"], "litter"), "w").close()
open("litter", "w").close()
print(os.environ["TMPDIR"], end="")
"""

OUTER = """
import os, sys
from bench import procs, run
procs.adopt_orphans()
run.GRACE_S = 0.1
ended = run.run_limited([sys.executable, "-c", sys.argv[1]], 30.0)
print(ended.status, len(ended.left), procs.descendants(os.getpid()), os.path.exists(ended.out))
"""


def test_not_even_a_daemon_or_a_file_is_left_behind() -> None:
    done = subprocess.run([sys.executable, "-c", OUTER, DAEMON], capture_output=True, text=True,
                          cwd=ROOT, timeout=60)
    assert done.stdout == "ok 1 [] False\n", done.stderr


SEMAPHORE = """
import multiprocessing, sys
lock = multiprocessing.get_context("spawn").Lock()
print(lock._semlock.name, flush=True)
sys.stdin.close()
multiprocessing.Event().wait()
"""


def test_a_killed_tool_leaves_no_name_in_shared_memory() -> None:
    ended = run.run_limited([sys.executable, "-c", SEMAPHORE], 2.0)
    name = ended.out.strip()
    assert ended.status == "HANG" and name.startswith("/mp-"), ended.err
    assert not Path(f"/dev/shm/sem.{name[1:]}").exists()


def test_ending_a_run_early_ends_its_measurement(tmp_path: Path) -> None:
    with subprocess.Popen(
            [sys.executable, str(ROOT / "bench" / "run.py"), "--case", "idle_cost", "--peer",
             "mp_pool", "--out", str(tmp_path / "r.jsonl")], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={**os.environ, "TMPDIR": str(tmp_path)}) as runner:
        end = time.monotonic() + 30
        while len(procs.descendants(runner.pid)) < 3 and time.monotonic() < end:
            time.sleep(0.01)
        below = procs.descendants(runner.pid)
        runner.terminate()
        assert runner.wait(30) == 143
    assert len(below) >= 3 and all(wait_until_dead(pid) for pid in below)
    assert not list(tmp_path.glob("hecb-*"))


def test_processes_that_were_there_before_are_left_alone() -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        assert run.run_limited([sys.executable, "-c", "pass"], 30.0).left == []
        assert alive(other.pid)
        other.kill()


def test_memory_and_cpu_of_a_tree_are_seen() -> None:
    code = "import sys; b = bytearray(b'x') * (64 << 20); print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in procs.descendants(os.getpid())
        assert 64 < procs.pss_mb([child.pid]) < 200
        assert 0 < procs.cpu_s([child.pid]) < 30
        child.kill()
    assert procs.pss_mb([child.pid]) == 0 and procs.cpu_s([child.pid]) == 0


def test_every_case_and_peer_loads_and_says_what_it_is() -> None:
    for name in cases.NAMES:
        case = cases.load(name)
        for text in case.described(name).values():
            assert text["title"] and text["unit"] and text["better"] in ("lower", "higher")
            assert {t["of"] for t in text["targets"]} <= {"", *peers.NAMES}
            assert all(t["bound"] in ("at most", "at least") for t in text["targets"])
        assert hasattr(Peer, case.needs) and peers.load(peers.BASE).has(case.needs)
    for name in peers.NAMES:
        peer = peers.load(name)
        assert peer.name and "{workers}" not in peer.name
        assert set(peer.limits) <= {*cases.NAMES}
        assert (peer.quick_cases or set()) <= {*cases.NAMES}
        assert not peer.has("call") or peer.script, "whoever can call has a script"
    assert peers.BASE in peers.NAMES


def folder_names(folder: str) -> set[str]:
    """The modules of a folder of the benchmark that are a case or a tool."""
    return {path.stem for path in (ROOT / "bench" / folder).glob("*.py")
            if "\nCASE = " in path.read_text() or "\nPEER = " in path.read_text()}


def test_no_case_and_no_peer_is_forgotten_in_the_lists() -> None:
    assert folder_names("cases") == set(cases.NAMES)
    assert folder_names("peers") == set(peers.NAMES)


def judged(target: Target, ours: float, theirs: float | None = None) -> str:
    """The verdict and what was reached, as one text."""
    others = {"mp_pool": stats.Cell("ok", 1, theirs)} if theirs is not None else {}
    return " ".join(targets.judge(vars(target), stats.Cell("ok", 1, ours), others))


def test_targets_are_judged() -> None:
    assert judged(at_most(1 / 30, "mp_pool"), 3.0, 100.0) == "met 1/33.3"
    assert judged(at_most(1 / 30, "mp_pool"), 4.0, 100.0) == "missed 1/25.0"
    assert judged(at_least(5, "mp_pool"), 4.0, 1.0) == "missed 4.00×"
    assert judged(at_least(5, "mp_pool"), 6.0, 1.0) == "met 6.00×"
    assert judged(at_most(1, "mp_pool", plus=12), 20.0, 10.0) == "met + 10.0"
    assert judged(at_most(1, "mp_pool", plus=12), 23.0, 10.0) == "missed + 13.0"
    assert judged(Target("at most", plus=0.5), 0.6) == "missed 0.600"
    assert judged(Target("at least", plus=0.985), 0.985) == "met 0.985"
    assert judged(at_most(1, "mp_pool"), 1.0).startswith("unknown")
    assert targets.judge(vars(at_most(1, "mp_pool")), None, {})[0] == "unknown"


@pytest.mark.parametrize(("target", "text"), [
    (at_most(1 / 30, "a"), "≤ 1/30 of Tool A"), (at_most(1, "a"), "≤ Tool A"),
    (at_least(5, "a"), "≥ 5 × Tool A"), (at_least(0.9, "a"), "≥ 0.9 of Tool A"),
    (at_most(1, "a", plus=12), "≤ Tool A + 12 ms"), (Target("at most", plus=50), "≤ 50 ms")])
def test_targets_in_words(target: Target, text: str) -> None:
    assert targets.text(vars(target), "ms", {"a": "Tool A"}) == text


def with_targets(*wanted: Target) -> dict[str, Any]:
    """The record of a run whose first case has targets."""
    record = run_record()
    record["cases"]["lat"]["targets"] = [vars(target) for target in wanted]
    return record


def test_table_shows_targets_and_counts_them() -> None:
    record = with_targets(at_most(1 / 2, "a"), at_most(1 / 10, "a"), at_most(1, "nobody"))
    text = table.markdown([record, sample("lat", "hec", 2.0), sample("lat", "a", 8.0)])
    assert "≤ 1/2 of Tool A: met (1/4.00); ≤ 1/10 of Tool A: **missed** (1/4.00)" in text
    assert "Targets: 1 met, 1 missed, 1 not measured. Missed: latency." in text


def test_table_names_the_tools_without_such_a_call() -> None:
    text = table.markdown([run_record(), sample("lat", "hec", 2.0), sample("rate", "a", 2.0)])
    assert "Without such a call: Tool A, Tool B." in text


def test_further_quantities_of_a_measurement_are_cells_of_their_own() -> None:
    record = run_record()
    record["cases"]["lat.cpu"] = {"title": "CPU", "unit": "%", "better": "lower"}
    found = stats.cells([record, sample("lat", "hec", 2.0, more={"cpu": 7.0}),
                         sample("lat", "a", None, status="HANG", note="no end")])
    assert found["lat", "hec"].median == 2.0 and found["lat.cpu", "hec"].median == 7.0
    assert found["lat.cpu", "a"].status == "HANG"


def chart_texts(records: list[dict[str, Any]]) -> list[str]:
    """What the chart says."""
    root = ET.fromstring(chart.svg(records))
    return [text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text")]


def test_chart_marks_the_rows_where_pyhec_loses_and_says_who_hung() -> None:
    records = [run_record(), sample("lat", "hec", 2.0), sample("lat", "a", 1.0),
               sample("lat", "b", None, status="HANG"), sample("rate", "hec", 2.0),
               sample("rate", "a", 1.0)]
    texts = chart_texts(records)
    assert "loses: latency" in texts and "rate" in texts and "HANG: Tool B" in texts


def test_chart_of_nothing_is_still_a_chart() -> None:
    assert "pyhec: not measured" in chart_texts([run_record()])


def test_report_writes_table_and_chart_beside_the_results(tmp_path: Path) -> None:
    report.write(tmp_path / "r.jsonl", [run_record(), sample("lat", "hec", 1.0)])
    assert "(r.svg)" in (tmp_path / "r.md").read_text() and (tmp_path / "r.svg").exists()


def test_skewed_times_are_the_same_every_time_and_fit_the_ideal() -> None:
    times = work.skewed_times(1000, 2.0, longest_last=True)
    assert times == work.skewed_times(1000, 2.0, longest_last=True)
    assert times == sorted(work.skewed_times(1000, 2.0, longest_last=False))
    assert sum(times) == pytest.approx(2.0) and times[-1] > 5 * times[500]
    assert work.makespan([1.0, 1.0, 1.0, 3.0], 2) == 4.0
    # The target of 0.985 has to be possible in the worst order too.
    assert 1.0 / work.makespan(times, 2) > 0.987


def test_a_busy_task_takes_its_time_and_not_much_more() -> None:
    start = time.perf_counter()
    assert work.busy(0.05) == 0.05
    assert time.perf_counter() - start >= 0.05


def test_the_plan_respects_rounds_calls_and_what_is_not_there() -> None:
    args = argparse.Namespace(rounds=3, quick=True, case=["noop_latency", "worker_death"],
                              peer=["hec", "dask_local", "xargs", "serial"])
    record = {"peers": {name: {"why_not": "not installed: x" if name == "serial" else ""}
                        for name in args.peer}}
    plan = list(run.planned(args, record))
    assert [p[0] for p in plan if p[1:3] == ("noop_latency", "hec")] == [0, 1, 2]
    assert [p[0] for p in plan if p[1:3] == ("noop_latency", "dask_local")] == [0]
    assert (0, "worker_death", "dask_local", "not in a quick run") in plan
    assert [p for p in plan if p[2] == "xargs"] == []
    assert [p[3] for p in plan if p[2] == "serial"] == ["not installed: x"] * 2


def test_the_c_loop_runs_what_it_is_told_and_fails_with_it(tmp_path: Path) -> None:
    binary = str(tmp_path / "spawn_loop")
    source = str(ROOT / "bench" / "spawn_loop.c")
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-o", binary, source],
                   check=True)
    done = subprocess.run([binary, "20", "2", "0", "/bin/true"], capture_output=True, text=True)
    assert done.returncode == 0 and float(done.stdout) > 0
    done = subprocess.run([binary, "20", "2", "0", "/bin/false"], capture_output=True, text=True)
    assert done.returncode == 1 and "failed" in done.stderr


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
