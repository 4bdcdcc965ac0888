# SPDX-License-Identifier: MIT
"""The injection of faults: what its table says of what was seen, and that what hangs, or leaves
processes and files behind, is seen and cleared away.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench.faults import base, kinds, table, tools  # noqa: E402

RUN: dict[str, Any] = {
    "kind": "run", "base": "hec", "workers": 2, "tasks": 1000, "started": "then",
    "tools": {name: {"label": label, "call": "map", "why_not": "", "version": "1",
                     "limits": limits}
              for name, label, limits in (("hec", "pyhec", ["memory", "timeout"]),
                                          ("other", "Other", []))},
    "faults": {"kill": {"title": "killed", "meaning": "A worker.", "spoilt": 1, "cause": "SIGKILL",
                        "asks": "", "ending": "", "tasks": 1000},
               "hog": {"title": "hog", "meaning": "Memory.", "spoilt": 1, "cause": "emory",
                       "asks": "memory", "ending": "", "tasks": 1000},
               "end": {"title": "ended", "meaning": "The end.", "spoilt": 1, "cause": "",
                       "asks": "", "ending": "SIGINT", "tasks": 1000}},
    "machine": {"cpu": "some CPU", "architecture": "x", "cpus_granted": 2, "cpus_online": 4,
                "memory_gib": 8, "kernel": "6", "libc": "glibc", "python": "3"}}  # fmt: skip


def over(**more: Any) -> dict[str, Any]:
    """What a program says after its call."""
    return {"good": 999, "wrong": 0, "seconds": 0.25, "named": True, "error": "Died",
            "text": "Died: SIGKILL", "goes_on": False, **more}  # fmt: skip


def record(fault: str = "kill", tool: str = "hec", **more: Any) -> dict[str, Any]:
    """What was seen of it."""
    return {"kind": "fault", "fault": fault, "tool": tool, "status": "ended", "step": "closed",
            "exit": 0, "peak": 3, "left": 0, "files": 0, "kept": 999, "over": over(),
            "next": {"ok": True}, "last_words": "bye", **more}  # fmt: skip


CELLS = [
    (record(), "999/999; named; 0.25 s"),
    (record(over=over(good=12, named=False, text="Broken")),
     "**12/999**; **not named**; **no reason**; 0.25 s"),
    (record(over=over(wrong=2)), "999/999; **2 wrong**; named; 0.25 s"),
    (record(over=over(goes_on=True)), "999/999; named; 0.25 s; **the task runs on**"),
    (record(next={"ok": False}), "999/999; named; 0.25 s; **broken afterwards**"),
    (record(status="HANG", step="next"), "999/999; named; 0.25 s; **HANG** at the end"),
    (record(exit=1), "999/999; named; 0.25 s; **fails at the end**"),
    (record(left=1, files=2), "999/999; named; 0.25 s; **left: 1 process, 2 files**"),
    (record(status="HANG", step="began", over=None, kept=7),
     "**HANG** in the call, 7 results had come"),
    (record(over=None, exit=-9), "**the program ends** (status -9)"),
    (record(status="skipped", last_words="not installed"), "(not installed)"),
    (record("hog", "other", over=over(good=1000, error="")),
     "1000/1000; 0.25 s; no limit to ask for"),
    (record("hog", over=over(text="MemoryError")), "999/999; named; 0.25 s"),
    (record("end", seconds=0.05, tracebacks=1), "nothing left after 0.05 s"),
    (record("end", seconds=0.05, tracebacks=3, left=2),
     "**left: 2 processes**; 3 tracebacks"),
    (record("end", status="HANG", step="ending", tracebacks=0), "**HANG**"),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "text"), CELLS, ids=[str(i) for i in range(len(CELLS))])
def test_what_was_seen_in_words(seen: dict[str, Any], text: str) -> None:
    assert table.cell(RUN, seen) == text


def test_a_page_says_what_was_seen_and_is_read_again() -> None:
    page = f"# Page\n\n{table.BEGIN}\nold\n{table.END}\n\nend\n"
    new = table.put(page, [RUN, record(), record(tool="other", over=over(good=0)),
                           record("hog", over=over(text="MemoryError"))])  # fmt: skip
    assert "old" not in new and new.startswith("# Page\n") and new.endswith("\n\nend\n")
    assert "| killed | 999/999; named; 0.25 s | **0/999**; named; 0.25 s |" in new
    assert table.claims(new) == {"killed": "999/999; named; N s", "hog": "999/999; named; N s",
                                 "ended": "-"}  # fmt: skip
    assert table.claim("1.25 s; 3 processes; **left: 1 file**") == table.claim(
        "0.10 s; 4 processes; **left: 1 file**")  # fmt: skip
    assert table.claim("**left: 2 processes**") != table.claim("**left: 1 process**")


def test_old_records_stay_unless_measured_again() -> None:
    old = [RUN, record(exit=1), record(tool="other")]
    found = table.merged(old, [RUN, record(exit=0)])
    assert [(r["tool"], r["exit"]) for r in found[1:]] == [("other", 0), ("hec", 0)]


def test_every_fault_and_tool_loads_and_none_is_forgotten() -> None:
    for name in kinds.NAMES:
        fault = kinds.load(name)
        assert fault.title and fault.meaning.endswith(".") and "|" not in fault.title
        assert fault.ending in ("", "SIGINT", "SIGKILL", "hangup")
        assert fault.asks in ("", "timeout", "memory")
    for name in tools.NAMES:
        assert tools.load(name).call and tools.load(name).limits <= {"timeout", "memory"}
    for folder, names, word in (("kinds", kinds.NAMES, "FAULT"), ("tools", tools.NAMES, "TOOL")):
        files = (ROOT / "bench" / "faults" / folder).glob("*.py")
        assert {f.stem for f in files if f"\n{word} = " in f.read_text()} == set(names)


def test_what_a_caller_has() -> None:
    kept = base.Kept(range(1000))
    for i in range(10):
        kept.result(i, -i)
    kept.result(10, 7)
    kept.result(3, -3)
    assert kept.good == 9 and kept.wrong == 2, "a wrong value, and one that came twice"
    kept.failed(base.BAD, RuntimeError("died"))
    assert kept.names_the_bad()
    kept.failed(5, RuntimeError("died"))
    assert not kept.names_the_bad(), "two have failed, and none is named"
    kept.failures[base.BAD] = RuntimeError(f"task {base.BAD} died")
    assert kept.names_the_bad()


WATCH = """
import json, os, sys
from bench import procs
from bench.faults import run, watch
procs.adopt_orphans()
watch.LIMITS_S = dict.fromkeys(watch.LIMITS_S, 2.0)
watch.AFTER_S = 0.3
one = watch.Watch([sys.executable, "-c", sys.argv[1]], 2, sys.argv[2])
try:
    seen = run.observed(one, one.wait(), sys.argv[2])
finally:
    one.clear_up()
seen["alive"], seen["folder"] = procs.descendants(os.getpid()), one.folder.exists()
print(json.dumps(seen))
"""

SAY = """
import json, os, subprocess, sys, time
def say(event):
    with open(os.environ["HEC_FAULT_REPORT"], "a") as f:
        f.write(json.dumps({"event": event, "pid": os.getpid()}) + "\\n")
def note(name):
    open(os.path.join(os.environ["HEC_FAULT_NOTES"], name), "w").close()
"""


def watched(code: str, ending: str = "") -> dict[str, Any]:
    """What is seen of a program. The watch is a process of its own, as it takes in orphans."""
    done = subprocess.run([sys.executable, "-c", WATCH, SAY + code, ending], cwd=ROOT, timeout=60,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    assert seen["alive"] == [] and not seen["folder"], seen
    return seen


def test_a_program_that_ends_well() -> None:
    seen = watched("say('began'); print('hello'); say('closed')")
    assert (seen["status"], seen["step"], seen["exit"]) == ("ended", "closed", 0)
    assert (seen["left"], seen["files"], seen["last_words"]) == (0, 0, "hello")


def test_a_hang_is_seen_with_its_step() -> None:
    seen = watched("say('began'); say('over'); subprocess.run(['sleep', '60'])")
    assert (seen["status"], seen["step"]) == ("HANG", "over")


LEAVES = """
subprocess.Popen(["sleep", "60"], start_new_session=True)
open("litter", "w").close()
open(os.path.join(os.environ["TMPDIR"], "more"), "w").close()
open(f"/dev/shm/hec-test-{os.getpid()}", "w").close()
say('began'); say('closed')
time.sleep(0.3)
"""


def test_what_is_left_is_counted_and_cleared_away() -> None:
    names = set(os.listdir("/dev/shm"))
    seen = watched(LEAVES)
    assert (seen["left"], seen["files"]) == (1, 3), seen
    assert {n for n in set(os.listdir("/dev/shm")) - names if n.startswith("hec-test-")} == set()


WAITS = "say('began'); note('began-0'); note('began-1'); time.sleep(60)\n"


@pytest.mark.parametrize("ending", ["SIGINT", "SIGKILL", "hangup"])
def test_a_program_is_ended_from_without(ending: str) -> None:
    seen = watched(WAITS, ending)
    assert (seen["status"], seen["step"], seen["left"]) == ("ended", "ending", 0)
    assert seen["tracebacks"] == (ending == "SIGINT")


@pytest.mark.parametrize("ending", ["SIGKILL", "hangup"])
def test_what_outlives_a_program_is_seen(ending: str) -> None:
    seen = watched("subprocess.Popen(['sleep', '60'], start_new_session=True)\n" + WAITS, ending)
    assert (seen["status"], seen["left"]) == ("ended", 1)


def test_a_program_that_does_not_hear_is_a_hang() -> None:
    seen = watched("import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + WAITS, "SIGINT")
    assert (seen["status"], seen["step"]) == ("HANG", "ending")
