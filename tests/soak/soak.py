# SPDX-License-Identifier: MIT
"""Torments pyhec at random, and looks whether all results are those of a plain loop, and nothing is
left behind.

    make soak                                       ten minutes
    make soak ARGS="--minutes 60 --seed 7"
    .venv/bin/python tests/soak/soak.py --seed 7 --only 12      one round again, as it was

A round is a program (program.py) that makes calls in one of the ways there are. Its workers are
killed and stopped, it is stopped itself, killed and started again, and goes on from its journal, whose
disk is slow, writes less than it should, is full, or fails. At the end it is started once more, and
finds everything done. Seed and number of a round decide what is done and when; the machine decides
what that meets, so that the same round may pass twice and fail once: run it again with --repeat.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

import work  # noqa: E402  (needs the path above)
from bench import procs  # noqa: E402
from chaos import Chaos  # noqa: E402
from disk import BAD, NAME, Disk, build  # noqa: E402

WAYS = ["map", "parallel", "executor", "imap", "imap_unordered", "parallelize", "commands",
        "iter_commands"]  # fmt: skip
FAILING = {"map", "parallel", "executor"}
#: What a program may leave in its folder while it is not over; at the end, but for the lock.
NOTES = {"errors", "runs", "acks", "rules", "rules.new", "out.json", "out.json.new", NAME}
LOCK = f"{NAME}.lock"
#: After so long a program is left in peace, and after so long it counts as hanging. Seconds.
PEACE_S, HANG_S = 12.0, 90.0
CRASH_POINTS = 20_000
#: When something of a program that has ended is still there after so long it is left behind.
AFTER_S = 5.0


def size_of(path: Path) -> int:
    """Of a file; 0 where it is not there any more."""
    return path.stat().st_size if path.exists() else 0


class Failed(Exception):
    """What must not happen."""


class Round:
    """One program, from its first start to its last end."""

    def __init__(self, seed: int, number: int, scale: float, library: Path) -> None:
        self._rng = random.Random(f"{seed}/{number}")
        self.how = WAYS[number % len(WAYS)]
        self._seed = self._rng.getrandbits(32)
        most = 150 if "commands" in self.how else 600
        self._tasks = max(20, int(self._rng.randint(most // 4, most) * scale))
        self._harsh = self._rng.choice([0.5, 1.0, 2.0, 4.0])
        self._kills = self._rng.choice([0, 1, 1, 2, 4])
        self._retries = self._rng.choice([0, 0, 3])
        self._workers_by = self._rng.choice(["auto", "fork", "zygote"])
        self._folder = Path(tempfile.mkdtemp(prefix="hec-soak-"))
        self._folder.chmod(0o700)
        self._disk, self._failures = Disk(library, self._folder), 0
        self._out = self._folder / "out.json"
        self.done: collections.Counter[str] = collections.Counter()

    def describe(self) -> str:
        """In one line."""
        return (f"{self.how}, {self._tasks} tasks, harsh {self._harsh}, {self._kills} kills, "
                f"{self._retries} retries, start {self._workers_by}")  # fmt: skip

    def _start(self, life: int) -> subprocess.Popen[bytes]:
        env = {**os.environ, "HEC_SOAK_NOTES": str(self._folder), "HEC_SOAK_LIFE": str(life),
               "TMPDIR": str(self._folder), "HEC_START": self._workers_by, **self._disk.env}  # fmt: skip
        options: dict[str, object] = {"journal": str(self._folder / NAME)}
        if self._retries:
            options["retries"] = self._retries
        command = [sys.executable, str(Path(__file__).with_name("program.py")), self.how,
                   str(self._seed), str(self._tasks), str(self._out),
                   json.dumps(options)]  # fmt: skip
        with (self._folder / "errors").open("ab") as errors:
            return subprocess.Popen(command, env=env, cwd=self._folder, stdin=subprocess.DEVNULL,
                                    stdout=errors, stderr=errors, start_new_session=True,
                                    preexec_fn=_hear_interrupts)  # fmt: skip

    def _errors(self) -> str:
        return (self._folder / "errors").read_text(errors="replace")[-4000:]

    def _has_begun(self, life: int) -> bool:
        """Whether a task of this life runs, or has run."""
        runs = self._folder / "runs"
        return runs.exists() and f"\n{life} " in "\n" + runs.read_text()

    def _live(self, life: int) -> bool:
        """One life of the program; whether it came to its end."""
        self._disk.change(self._rng, self._failures)
        self.done[self._disk.kind] += 1
        (self._folder / "errors").write_text("")
        program = self._start(life)
        chaos = Chaos(self._rng, program.pid, self._harsh)
        start, begun = time.monotonic(), 0.0
        to_live = self._rng.uniform(0.0, 1.5) if life < self._kills else None
        number = self._rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
        try:
            while program.poll() is None:
                now = time.monotonic()
                # Not before it has begun: what an interpreter says that is interrupted while it
                # starts is no concern of ours.
                if to_live is not None and self._has_begun(life):
                    begun = begun or now
                    if now - begun > to_live:
                        chaos.end()
                        os.kill(program.pid, number)
                        self.done[f"program {number.name}"] += 1
                        to_live = None
                if now - start < PEACE_S:
                    chaos.tick()
                else:
                    chaos.end()
                if now - start > HANG_S:
                    self._tell_where(program.pid)
                    raise Failed(f"no end within {HANG_S:.0f} s")
                select.select([], [], [], 0.005)
        finally:
            chaos.end()
            self.done += chaos.done
            if program.poll() is None:
                program.kill()
                program.wait()
        if program.returncode == 0:
            return True
        if program.returncode == -number and life < self._kills:
            return False
        if self._disk.kind in BAD and program.returncode == 1 and "journal" in self._errors():
            self._failures += 1
            self.done["journal given up"] += 1
            return False
        raise Failed(f"the program ended with {program.returncode}:\n{self._errors()}")

    def _tell_where(self, pid: int) -> None:
        """Where everybody is, for whoever has to find out why; the program says it by itself."""
        os.kill(pid, signal.SIGUSR1)
        select.select([], [], [], 1.0)
        for who in [pid, *procs.descendants(pid)]:
            for name in ("wchan", "status"):
                try:
                    text = Path(f"/proc/{who}/{name}").read_text()
                except OSError:
                    continue
                print(f"{who} {name}: {' '.join(text.split()[:8])}", file=sys.stderr)
        print(self._errors(), file=sys.stderr)

    def _nothing_left(self, over: bool) -> None:
        """Every process that came from the program has been handed to this one."""
        end = time.monotonic() + AFTER_S
        while True:
            procs.reap()
            left = procs.descendants(os.getpid())
            names = {p.name for p in self._folder.iterdir()}
            files = {n for n in names - NOTES if over or not n.startswith(LOCK)}
            # One who was killed before it wrote into such a file: it goes when it is old.
            files -= {n for n in files if n.startswith(f"{LOCK}.n") and not size_of(self._folder / n)}
            if not left and not files:
                return
            if time.monotonic() > end:
                who = [Path(f"/proc/{p}/cmdline").read_bytes().decode()[:80] for p in left]
                procs.end_descendants()
                raise Failed(f"left behind: {who} {sorted(files)}")
            select.select([], [], [], 0.01)

    def _compare(self) -> None:
        """With what a plain loop gives."""
        ends = json.loads(self._out.read_text())
        for i in range(self._tasks):
            wanted = (work.expected_command(self._seed, i) if "commands" in self.how else
                      work.expected(self._seed, i, self.how in FAILING))  # fmt: skip
            if ends[i] != wanted:
                raise Failed(f"task {i} ended as {ends[i]!r}, alone it ends as {wanted!r}")

    def _lines(self, name: str) -> list[tuple[int, int]]:
        """Life and task of each line of a file of notes."""
        path = self._folder / name
        lines = path.read_text().splitlines() if path.exists() else []
        return [(int(a), int(b)) for a, b in (line.split() for line in lines)]

    def _none_again(self) -> None:
        """What a program was given as a result is on disk, and no later life runs it again. (Those
        that fail run again; and parallelize knows its tasks by their slices.)
        """
        if self.how == "parallelize":
            return
        first: dict[int, int] = {}
        for life, i in self._lines("acks"):
            first[i] = min(first.get(i, life), life)
        for life, i in self._lines("runs"):
            if life > first.get(i, life) and self._succeeds(i):
                raise Failed(f"task {i} had a result in life {first[i]} and ran again in {life}")

    def _succeeds(self, i: int) -> bool:
        if "commands" in self.how:
            return work.expected_command(self._seed, i).startswith("0 ")
        return work.fate(self._seed, i, self.how in FAILING) == "good"

    def _once_more(self, life: int) -> None:
        """A program that finds everything in its journal, on a good disk and in peace."""
        self._kills, self._harsh, self._failures = 0, 1e-6, 99
        if not self._live(life):
            raise Failed("it gave up its journal")
        self._nothing_left(over=True)
        again = {i for at, i in self._lines("runs") if at == life and self._succeeds(i)}
        if again and self.how != "parallelize":
            raise Failed(f"tasks {sorted(again)[:9]} ran again when everything was done")

    def run(self) -> None:
        """All lives; raises Failed."""
        life = 0
        try:
            while True:
                over = self._live(life)
                self._nothing_left(over)
                if over:
                    break
                life += 1
            self._none_again()
            self._compare()
            self._out.unlink()
            self._once_more(life + 1)
            self._compare()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)


def _hear_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Torment pyhec at random; see the file's beginning.")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (10)")
    parser.add_argument("--seed", type=int, help="what decides all else (the time)")
    parser.add_argument("--only", type=int, metavar="ROUND", help="one round of that seed")
    parser.add_argument("--repeat", type=int, default=1, help="so often, with --only")
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of tasks")
    parser.add_argument("--rounds", type=int, help="so many and no more")
    parser.add_argument("--crash", type=Path, metavar="PROGRAM",
                        help="test_journal_crash, to try many more points first")
    parser.add_argument("--tap", type=Path, help="write the results there, as TAP")
    args = parser.parse_args()
    args.seed = int(time.time()) if args.seed is None else args.seed
    return args


def main() -> int:
    args = parse_args()
    procs.adopt_orphans()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="hec-soak-") as folder:
        return soak(args, build(Path(folder)))


def crash(program: Path, seed: int) -> bool:
    """Stops the journal at many thousand points, of other sessions than the tests have."""
    env = {**os.environ, "HEC_CRASH_POINTS": str(CRASH_POINTS), "HEC_SEED": str(seed)}
    start = time.monotonic()
    done = subprocess.run([str(program)], env=env, capture_output=True, text=True, timeout=1800)
    good = done.returncode == 0 and "not ok" not in done.stdout
    print(f"soak: {CRASH_POINTS} crash points of the journal: {'ok' if good else 'FAILED'} "
          f"({time.monotonic() - start:.0f} s)", flush=True)  # fmt: skip
    if not good:
        print(f"{done.stdout[-3000:]}{done.stderr[-1000:]}\nsoak: again: HEC_SEED={seed} "
              f"HEC_CRASH_POINTS={CRASH_POINTS} {program}", file=sys.stderr)  # fmt: skip
    return good


def soak(args: argparse.Namespace, library: Path) -> int:
    """Round after round; the exit status."""
    print(f"soak: seed {args.seed}", flush=True)
    end = time.monotonic() + args.minutes * 60
    numbers = [args.only] * args.repeat if args.only is not None else range(args.rounds or 10**9)
    done: collections.Counter[str] = collections.Counter()
    lines: list[str] = []
    failed = 0 if args.crash is None or crash(args.crash, args.seed) else 1
    for number in numbers:
        if time.monotonic() > end and args.only is None:
            break
        one = Round(args.seed, number, args.scale, library)
        start = time.monotonic()
        text = f"ok {len(lines) + 1} - round {number}: {one.describe()}"
        try:
            one.run()
        except Failed as error:
            failed += 1
            text = f"not {text}"
            print(f"soak: round {number}: {error}\nsoak: again: .venv/bin/python tests/soak/soak.py "
                  f"--seed {args.seed} --only {number} --scale {args.scale} --repeat 20",
                  file=sys.stderr, flush=True)  # fmt: skip
        done += one.done
        lines.append(text)
        print(f"{text} ({time.monotonic() - start:.1f} s)", flush=True)
    print("soak: " + ", ".join(f"{count} × {what}" for what, count in sorted(done.items())))
    print(f"soak: {len(lines)} rounds, {failed} failed; seed {args.seed}")
    if args.tap:
        args.tap.write_text("\n".join([*lines, f"1..{len(lines)}"]) + "\n")
    return 1 if failed or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
