#!/bin/sh
# SPDX-License-Identifier: MIT
#
# hec map and 200 argument lists with everything that a shell would read: each arrives as it was.
. "$HEC_SOURCE/tests/lib/tap.sh"

cat >"$WORK/hostile.py" <<'PY'
import os, random, subprocess

hec, echo, work = os.environ["HEC"], os.environ["HEC_ECHO_ARGS"], os.environ["WORK"]
count = 0
pool = [b"", b" ", b"-", b"--", b"-rf", b"--help", b"\n", b"a\nb\n", b"'", b'"', b"`id`", b"$(id)",
        b"${HOME}", b"$HOME", b";id", b"&&", b"|", b">x", b"*", b"~", b"\\", b"\\n", b"!!", b"#",
        b"\xff\xfe", b"\xc3", b"\xe2\x82\xac", b"%s%n", b"\t", b"\r\n", b"\x01\x7f\x1b[31m", b"{x",
        b"{{", b"}", b"=", b"A=B", b"/", b"//", b"../..", b"a b", b"{= 1 =}", b"x" * 130000]


def ok(good, text):
    global count
    count += 1
    print(f"{'' if good else 'not '}ok {count} - {text}")


def expect(args):
    return b"".join(a.hex().encode() + b"\n" for a in args)


def run(*args, data=None):
    return subprocess.run([hec, "map", *args], input=data, capture_output=True)


dice = random.Random(17)
wrong = []
values = []
for i in range(200):
    args = [dice.choice(pool) for _ in range(dice.randrange(1, 7))]
    args.append(bytes(dice.randrange(1, 256) for _ in range(dice.randrange(40))))
    # In a command, braces may be a placeholder, and ::: ends it: those come as input.
    words = [a for a in args if b"{" not in a]
    value = dice.choice(args) + b"{}{#}:::"
    values.append(value)
    done = run(echo, *words, b"{}", b":::", value)
    if done.stdout != expect([*words, value]) or done.returncode:
        wrong.append((words, done.stderr[:200]))
ok(not wrong, f"200 hostile argument lists arrive unharmed {wrong[:1]}")
done = run("-0", "-k", echo, "--", data=b"\0".join(values))
ok(done.stdout == b"".join(expect([b"--", v]) for v in values), "so they do as input")
done = run("-k", "--shell", f"{echo} {{}}", ":::", *values)
ok(done.stdout == b"".join(expect([v]) for v in values), "and through a shell, quoted")
done = run("-k", "--tag", "-0", "true", data=b"\0".join(values))
ok(done.returncode == 0, "and as tags")
lines = b"fine\n" + b"y" * 131072 + b"\nfine too\n"
done = run("-k", echo, data=lines)
ok(done.returncode == 1 and done.stdout == expect([b"fine", b"fine too"]),
   "one that is longer than the system takes fails, and no other")
ok(b"line 2 of standard input" in done.stderr and b"Argument list too long" in done.stderr,
   "it is named by its line")
print(f"1..{count}")
PY
export WORK
python3 "$WORK/hostile.py"
