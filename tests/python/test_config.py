# SPDX-License-Identifier: MIT
"""Parameters: YAML, CSV, and the runs that both describe."""

from __future__ import annotations

import functools
import http.server
import io
import json
import math
import os
import pathlib
import pickle
import subprocess
import sys
import threading
import typing

import pytest
from helpers import run_script

from pyhec import Parallel, delayed
from pyhec import config as c


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def put(name: str, text: str | bytes) -> pathlib.Path:
    path = pathlib.Path(name)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# ---- YAML ----


def test_read_yaml() -> None:
    put(
        "single-model-run.yaml",
        "model: ice\nrate: 1e-3\nflag: no\nmode: 0o17\nlimit: .inf\nday: 2001-12-14\n"
        "none:\nnet: {layers: [64, 32], act: relu}\n",
    )
    config = c.read_yaml("single-model-run.yaml")
    assert config == {
        "model": "ice",
        "rate": 0.001,
        "flag": "no",
        "mode": 15,
        "limit": math.inf,
        "day": "2001-12-14",
        "none": None,
        "net": {"layers": [64, 32], "act": "relu"},
    }
    assert type(config) is dict and type(config["rate"]) is float
    assert c.read_yaml(pathlib.Path("single-model-run.yaml"), as_list=True) == [config]


def test_types_of_yaml() -> None:
    put("t.yaml", "1: a\n2.5: b\nfalse: c\n~: d\nbig: -99999999999999999999\nhex: 0xffffffffffffffffff\n"
                  "nan: .nan\nt: 'ä\\n'\nu: \"\\U0001F600\"\n")  # fmt: skip
    config = c.read_yaml("t.yaml")
    assert [type(k) for k in list(config)[:4]] == [int, float, bool, type(None)]
    assert config["big"] == -(10**20) + 1 and config["hex"] == 2**72 - 1
    assert math.isnan(config["nan"])
    assert config["t"] == "ä\\n" and config["u"] == "\U0001f600"


def test_aliases_are_copies() -> None:
    put("a.yaml", "a: &x {b: [1]}\nc: *x\nd: {<<: *x, e: 2}\n")
    config = c.read_yaml("a.yaml")
    assert config == {"a": {"b": [1]}, "c": {"b": [1]}, "d": {"b": [1], "e": 2}}
    config["a"]["b"].append(2)
    assert config["c"]["b"] == [1]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: 1\nb: 2\na: 3\n", 'p.yaml:3:1: the key \'a\' is there twice, first on line 1: "a: 3"'),
        ("a:\n\tb: 1\n", 'p.yaml:2:1: a tab cannot stand here, use blanks: "\\tb: 1"'),
        (b"a: x\xff\n", 'p.yaml:1:5: a byte that is not UTF-8 (ff): "a: x\\xff"'),
        ("a: &x [*x]\n", "p.yaml:1:8: the anchor 'x' contains itself: \"a: &x [*x]\""),
        ("a: !!python/object/apply:os.system [ls]\n", "!!python/object/apply:os.system is refused"),
        ("a: !!python/name:os.system\n", "!!python/name:os.system is refused"),
        ("[1, 2]\n", "p.yaml holds no parameters: a list where a map was expected"),
        ("--- {a: 1}\n--- {a: 2}\n", "p.yaml has 2 documents: read_runs reads them"),
    ],
)
def test_refused_yaml(text: str | bytes, why: str) -> None:
    put("p.yaml", text)
    with pytest.raises(ValueError) as caught:
        c.read_yaml("p.yaml")
    assert why in str(caught.value)


def test_billion_laughs() -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    put("p.yaml", "\n".join(lines))
    with pytest.raises(ValueError, match=r"p.yaml:6:\d+: with this alias.* more than 1000000 values"):
        c.read_yaml("p.yaml")


def test_files_that_are_not_there_and_empty_ones() -> None:
    with pytest.raises(FileNotFoundError, match="nowhere.yaml"):
        c.read_yaml("nowhere.yaml")
    with pytest.raises(OSError):
        c.read_yaml(".")
    with pytest.raises(TypeError):
        c.read_yaml(3)  # type: ignore[arg-type]
    assert c.read_yaml(put("empty.yaml", "# nothing\n")) == {}
    assert c.read_yaml(put("empty.yaml", "---\n"), as_list=True) == [{}]


def test_a_long_message_cut_within_a_character() -> None:
    put("p.yaml", "ä" * 300 + ": [\n")
    with pytest.raises(ValueError, match="p.yaml"):
        c.read_yaml("p.yaml")
    name = "ü" * 100 + ".yaml"
    with pytest.raises(FileNotFoundError):
        c.read_yaml(name)


# ---- CSV by pandas ----


def test_read_csv() -> None:
    pandas = pytest.importorskip("pandas")
    put("params.csv", "lr,output_dir\n0.1,a\n0.01,b\n")
    frame = c.read_csv("params.csv")
    pandas.testing.assert_frame_equal(frame, pandas.read_csv("params.csv"))
    assert list(c.read_csv("params.csv", usecols=["lr"]).columns) == ["lr"]
    assert len(c.read_csv(io.StringIO("a\n1\n2\n"))) == 2


def test_read_csv_from_a_url(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("pandas")
    put("params.csv", "lr,output_dir\n0.1,a\n0.01,b\n")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: typing.Any) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        frame = c.read_csv(f"http://127.0.0.1:{server.server_port}/params.csv")
        assert frame.to_dict("records") == [
            {"lr": 0.1, "output_dir": "a"},
            {"lr": 0.01, "output_dir": "b"},
        ]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_pandas_is_not_imported_before_it_is_needed(tmp_path: pathlib.Path) -> None:
    code = """
    import sys
    from pyhec import config as c
    open("p.csv", "w").write("a,b\\n1,2\\n")
    open("p.yaml", "w").write("a: 1\\n")
    assert c.read_runs("p.*") and c.read_yaml("p.yaml") and c.check("p.csv") == []
    c.yaml2csv("p.yaml", "q.csv")
    for name in ("pandas", "numpy", "typing"):
        assert name not in sys.modules or name == "typing", name
    """
    run_script(tmp_path, code)


# ---- runs ----


def test_the_loop_over_runs() -> None:
    put("params.csv", "output_dir,lr,steps\nout/a,1e-3,100\nout/b,0.1,\n")
    seen = []
    for config in c.read_runs("params.csv"):
        seen.append(config["output_dir"])
        assert isinstance(config, dict)
    assert seen == ["out/a", "out/b"]
    first, second = c.read_runs("params.csv")
    assert first == {"output_dir": "out/a", "lr": 0.001, "steps": 100}
    assert second["steps"] is None
    assert (first.row, second.row) == (1, 2)
    assert first.file == "params.csv"


def test_ids_do_not_depend_on_the_place() -> None:
    put("a.csv", "x,y\n1,2\n3,4\n")
    put("b.csv", "y,x\n4,3\n")
    put("c.yaml", "x: 1\ny: 2\n")
    a1, a2 = c.read_runs("a.csv")
    (b,) = c.read_runs("b.csv")
    (d,) = c.read_runs("c.yaml")
    assert a2.id == b.id and a2.seed == b.seed and a1.id == d.id
    assert a1.id != a2.id and a1.seed != a2.seed
    assert len(a1.id) == 32 and int(a1.id, 16) >= 0
    assert 0 <= a1.seed < 2**53


def test_seeds_give_independent_generators() -> None:
    numpy = pytest.importorskip("numpy")
    put("p.yaml", "grid: {rep: [1, 2, 3]}\n")
    runs = c.read_runs("p.yaml")
    draws = [numpy.random.default_rng(numpy.random.SeedSequence(r.seed)).random() for r in runs]
    assert len(set(draws)) == 3
    assert [r.rng().random() for r in runs] == draws


def test_grid_zip_sample() -> None:
    put("p.yaml", "m: x\ngrid: {a: [1, 2]}\nzip: {b: [p, q], c: [P, Q]}\n"
                  "sample: {n: 2, seed: 1, u: {uniform: [0, 1]}}\n")  # fmt: skip
    runs = c.read_runs("p.yaml")
    assert len(runs) == 8
    assert [(r["a"], r["b"], r["c"]) for r in runs[::2]] == [
        (1, "p", "P"), (1, "q", "Q"), (2, "p", "P"), (2, "q", "Q")]  # fmt: skip
    assert {r["u"] for r in runs} == {runs[0]["u"], runs[1]["u"]}
    assert all(0 <= r["u"] <= 1 and r["m"] == "x" for r in runs)
    assert len({r.id for r in runs}) == 8
    assert [r.row for r in runs] == list(range(1, 9))


def test_several_files_and_patterns() -> None:
    for name in ("r2", "r10", "r1"):
        put(f"{name}.yaml", f"name: {name}\n")
    put("t.csv", "name\nt\n")
    assert [r["name"] for r in c.read_runs("r*.yaml", pathlib.Path("t.csv"))] == ["r1", "r10", "r2", "t"]
    with pytest.raises(FileNotFoundError, match=r"no file matches 'q\*.csv'"):
        c.read_runs("q*.csv")
    with pytest.raises(ValueError, match="ends neither with"):
        c.read_runs(put("x.txt", ""))
    assert c.read_runs() == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a,b\n1,2\n3\n", "p.csv:3: row 2 has 1 field, the header has 2"),
        ("a,a\n1,2\n", "p.csv:1: columns 1 and 2 are both called 'a'"),
        ('a\n"1\n', "p.csv:2: the quote that opens here is never closed"),
        (b"a\n\xff\n", "p.csv:2: a byte that is not UTF-8"),
        ("", "p.csv:1: there is no header"),
    ],
)
def test_refused_csv(text: str | bytes, why: str) -> None:
    put("p.csv", text)
    with pytest.raises(ValueError) as caught:
        c.read_runs("p.csv")
    assert why in str(caught.value)


def test_runs_travel() -> None:
    put("p.csv", "n\n1\n2\n")
    runs = c.read_runs("p.csv")
    again = pickle.loads(pickle.dumps(runs))
    assert again == runs and [r.id for r in again] == [r.id for r in runs]
    assert type(again[0]) is c.Run
    out = Parallel(n_jobs=2)(delayed(lambda r: (r["n"], r.id, r.seed, r.row, r.file))(r) for r in runs)
    assert out == [(r["n"], r.id, r.seed, r.row, r.file) for r in runs]


def test_names_of_files_that_are_not_utf8() -> None:
    name = b"p\xff.csv"
    try:
        with open(name, "wb") as f:
            f.write(b"a\n1\n")
    except OSError:
        pytest.skip("hardware: a file system that takes only UTF-8")
    (run,) = c.read_runs(name)
    assert run["a"] == 1 and run.file == os.fsdecode(name)
    with open(name, "wb") as f:
        f.write(b"a,a\n")
    with pytest.raises(ValueError, match="columns 1 and 2"):
        c.read_runs(name)


def test_c_and_python_agree() -> None:
    put("p.csv", 'a,b,c,d\n1e-3,no,,""\n007,0o17,"x,y",.5\ntrue,~, 3 ,1.\n')
    out = subprocess.run(
        [str(pathlib.Path(sys.executable).with_name("hec")), "config", "runs", "--json", "p.csv"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    value = json.loads(out)
    runs = c.read_runs("p.csv")
    assert value["schema"] == 1
    assert [r["parameters"] for r in value["runs"]] == [dict(r) for r in runs]
    assert [[type(v) for v in r["parameters"].values()] for r in value["runs"]] == [
        [type(v) for v in r.values()] for r in runs
    ]
    assert [(r["id"], r["seed"], r["row"], r["file"]) for r in value["runs"]] == [
        (r.id, r.seed, r.row, r.file) for r in runs
    ]


# ---- schema ----


def test_schema() -> None:
    put("p.csv", "lr,opt\n2,adam\n0.5,x\n")
    assert c.check("p.csv") == []
    put("p.schema.yaml", "lr: {type: float, max: 1}\nopt: {choices: [adam]}\n")
    assert c.check("p.csv") == [
        "p.csv:2: row 1: lr is 2.0, more than 1",
        "p.csv:3: row 2: opt is x, which is none of its choices",
    ]
    with pytest.raises(ValueError, match="p.csv:2: row 1: lr is 2.0, more than 1"):
        c.read_runs("p.csv")
    assert len(c.read_runs("p.csv", schema="")) == 2
    put("own.yaml", "lr: {type: string}\n")
    assert [r["lr"] for r in c.read_runs("p.csv", schema="own.yaml")] == ["2", "0.5"]
    with pytest.raises(FileNotFoundError):
        c.check("p.csv", schema="nowhere.yaml")


# ---- yaml2csv ----


def test_yaml2csv() -> None:
    put("p.yaml", "lr: 1e-3\nname: 'a,b'\ngrid: {n: [1, 2]}\n")
    c.yaml2csv("p.yaml", pathlib.Path("p.csv"))
    assert pathlib.Path("p.csv").read_text() == 'lr,name,n\n0.001,"a,b",1\n0.001,"a,b",2\n'
    assert [r.id for r in c.read_runs("p.csv")] == [r.id for r in c.read_runs("p.yaml")]
    assert oct(os.stat("p.csv").st_mode & 0o777) == oct(0o666 & ~_umask())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_yaml2csv_with_options_of_pandas() -> None:
    pytest.importorskip("pandas")
    put("p.yaml", "a: 1\nb: x\n")
    c.yaml2csv("p.yaml", "p.csv", sep=";")
    assert pathlib.Path("p.csv").read_text() == "a;b\n1;x\n"
    out = io.StringIO()
    c.yaml2csv("p.yaml", out)
    assert out.getvalue() == "a,b\n1,x\n"


@pytest.mark.parametrize("options", [{}, {"sep": ";"}])
def test_yaml2csv_refuses_nested_values(options: dict[str, typing.Any]) -> None:
    if options:
        pytest.importorskip("pandas")
    put("p.yaml", "a: 1\nnet: {layers: 2}\n")
    put("p.csv", "before")
    with pytest.raises(ValueError, match="'net' is "):
        c.yaml2csv("p.yaml", "p.csv", **options)
    assert pathlib.Path("p.csv").read_text() == "before"
    assert sorted(os.listdir()) == ["p.csv", "p.yaml"]


def test_yaml2csv_to_nowhere() -> None:
    put("p.yaml", "a: 1\n")
    with pytest.raises(FileNotFoundError):
        c.yaml2csv("p.yaml", "nowhere/p.csv")
    with pytest.raises(FileNotFoundError):
        c.yaml2csv("q.yaml", "p.csv")
    assert os.listdir() == ["p.yaml"]
