#!/bin/sh
# SPDX-License-Identifier: MIT
#
# hec map and the ends that come from outside: Ctrl-C once and twice, a warning, a closed terminal,
# kill -9; inputs that come slowly, and memory that stays the same.
. "$HEC_SOURCE/tests/lib/tap.sh"

# Python, since a shell gives what it starts in the background no Ctrl-C.
cat >"$WORK/ends.py" <<'PY'
import os, signal, subprocess, sys, time

hec = os.environ["HEC"]
count = 0
# Under nohup, or in the background of a shell, they would be ignored by all that is started here.
for sig in (signal.SIGINT, signal.SIGHUP):
    signal.signal(sig, signal.SIG_DFL)


def ok(good, text):
    global count
    count += 1
    print(f"{'' if good else 'not '}ok {count} - {text}")


def start(*args, **more):
    return subprocess.Popen([hec, "map", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, **more)


def alive(word):
    n = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                n += word.encode() in f.read().split(b"\0")
        except OSError:
            pass
    return n


def mark(n):
    """An argument that no other run of this test has."""
    return f"1000.{n}{os.getpid()}"


def wait_for(what):
    until = time.monotonic() + 20
    while not what():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


def interrupted(word, *signals, args=()):
    p = start("-j", "2", *args, "sleep", ":::", word, word, word, word)
    wait_for(lambda: alive(word) - 1 >= 2)  # hec itself has it among its arguments
    began = time.monotonic()
    for s in signals:
        p.send_signal(s)
        time.sleep(0.05)
    out, err = p.communicate(timeout=30)
    return p.returncode, err, time.monotonic() - began


status, err, took = interrupted(mark(11), signal.SIGINT)
ok(status == 130, f"Ctrl-C: status {status}")
ok(took < 1.5, f"soon: {took * 1000:.0f} ms")
ok(wait_for(lambda: alive(mark(11)) == 0), "and nobody is left")
ok("stopping" in err and "interrupted: 0 tasks were done" in err and "failed" not in err, "those who were ended have not failed")
status, err, took = interrupted(mark(12), signal.SIGHUP)
ok(status == 129 and wait_for(lambda: alive(mark(12)) == 0), f"a closed terminal is one too: {status}")

p = start("sh", "-c", "trap '' TERM; echo begun; while :; do sleep 0.01; done", mark(13), ":::", "x")
wait_for(lambda: alive(mark(13)) >= 2)
time.sleep(0.1)
began = time.monotonic()
p.send_signal(signal.SIGINT)
time.sleep(0.1)
p.send_signal(signal.SIGINT)
out, err = p.communicate(timeout=30)
ok(p.returncode == 130 and time.monotonic() - began < 1.9, "twice: now, whoever does not listen")
ok(out == "begun\n", "what was written is there")
ok(wait_for(lambda: alive(mark(13)) == 0), "and nobody is left")

for sig in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
    p = start("-j", "1", "sh", "-c", "echo $0; sleep 0.4; echo end", ":::", "1", "2", "3")
    time.sleep(0.2)
    p.send_signal(sig)
    out, err = p.communicate(timeout=30)
    ok(p.returncode == 75 and out == "1\nend\n", f"{sig.name}: what runs is finished, status 75")
    ok("start it again to go on" in err, "and that is said")

p = start("-j", "1", "sh", "-c", "sleep 0.3", ":::", "1")
time.sleep(0.1)
p.send_signal(signal.SIGTERM)
p.communicate(timeout=30)
ok(p.returncode == 0, "where nothing is left that is a success")

p = start("-j", "2", "sleep", ":::", mark(14), mark(14))
wait_for(lambda: alive(mark(14)) >= 3)
p.kill()
p.communicate()
ok(wait_for(lambda: alive(mark(14)) == 0), "kill -9 takes what runs with it")

p = start("-j", "2", "echo", stdin=subprocess.PIPE, bufsize=1)
for i in range(3):
    p.stdin.write(f"{i}\n")
    p.stdin.flush()
    ok(p.stdout.readline() == f"{i}\n", "a line that comes is run, while others are waited for")
p.send_signal(signal.SIGINT)
ok(p.wait(20) == 130, "and waiting for one can be interrupted")
p.stdin.close()

p = start("-j", "1", "--timeout", "0.2", "sleep", stdin=subprocess.PIPE, bufsize=1)
p.stdin.write("1000.15\n")
p.stdin.flush()
ok("took longer" in p.stderr.readline(), "time limits hold while input is waited for")
p.stdin.close()
p.wait(20)


def peak(lines):
    """The largest memory of hec over so many lines of input of which none is run."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.close(read)
        with os.fdopen(write, "w") as f:
            for i in range(lines):
                f.write(f"input number {i}\n")
        os._exit(0)
    os.close(write)
    pid = os.fork()
    if pid == 0:
        os.dup2(read, 0)
        os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
        os.execv(hec, [hec, "map", "--dry-run", "echo"])
    os.close(read)
    _, status, usage = os.wait4(pid, 0)
    os.wait()
    return status, usage.ru_maxrss


# The address sanitizer keeps what is freed, and so has its own idea of how much is needed.
with open(hec, "rb") as f:
    watched = b"__asan_init" in f.read()


def needs_no_more(good, text):
    ok(good or watched, text + (" # SKIP under the address sanitizer" if watched else ""))


few, many = peak(1000), peak(1000000)
needs_no_more(many[0] == 0 and many[1] < few[1] + 1024,
              f"a million lines: {many[1]} KiB, a thousand: {few[1]}")


def peak_of(*args):
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
        os.execv(hec, [hec, "map", *args])
    _, status, usage = os.wait4(pid, 0)
    return status, usage.ru_maxrss


status, size = peak_of("head", "-c", "200000000", ":::", "/dev/zero")
needs_no_more(status == 0 and size < 32768, f"200 MB of output of one task: {size} KiB of memory")
status, size = peak_of("-j", "4", "-k", "sh", "-c", 'test $0 = 1 && sleep 0.5; head -c 60000 /dev/zero',
                       ":::", *map(str, range(1, 1201)))
needs_no_more(status == 0 and size < 98304, f"72 MB that wait for their turn: {size} KiB of memory")
print(f"1..{count}")
sys.exit(0)
PY
python3 "$WORK/ends.py"
