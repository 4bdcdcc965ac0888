# SPDX-License-Identifier: MIT
"""Parameters from YAML and CSV: one file of YAML, or one row of a CSV, is one run of a model.

    from pyhec import config as c

    for config in c.read_runs("params.csv"):
        print(config["output_dir"], config.id, config.seed)

A value means the same in both, by the core schema of YAML 1.2: ``1e-3`` is a float, ``no`` a
string, an empty field null. The guide, docs/guide/parameters.md, has the rest.
"""

from __future__ import annotations

import os

from . import _hec

TYPE_CHECKING = False  # as in typing, without the milliseconds that its import takes
if TYPE_CHECKING:
    import typing

    import numpy
    import pandas

    Path = typing.Union[str, bytes, os.PathLike[typing.Any]]
    _Parameters = dict[str, typing.Any]
else:
    _Parameters = dict

__all__ = ["Run", "check", "read_csv", "read_runs", "read_yaml", "yaml2csv"]


class Run(_Parameters):
    """The parameters of one run, a dict, and what else there is to know of it.

    id: a hash of the parameters, 32 hexadecimal digits: the same wherever the run stands in its
    file; seed: an integer that follows from the id, for the run's random numbers; row: its number
    in the file, from 1; file: where it was read.
    """

    __slots__ = ("file", "id", "row", "seed")

    id: str
    seed: int
    row: int
    file: str

    def rng(self) -> numpy.random.Generator:
        """A generator of random numbers of the run's own, always the same."""
        import numpy

        return numpy.random.default_rng(self.seed)


def _make(parameters: dict[str, typing.Any], id: str, seed: int, row: int, file: str) -> Run:
    run = Run(parameters)
    run.id, run.seed, run.row, run.file = id, seed, row, file
    return run


def read_yaml(config_file: Path, as_list: bool = False) -> typing.Any:
    """The parameters in a file of YAML, as a dict; with ``as_list`` as a list of this one dict.

    What is written is what there is: nested values are kept, and ``grid``, ``zip`` and ``sample``
    mean nothing here (see ``read_runs``). ValueError says what is wrong, and where.
    """
    documents = _hec.read_yaml(config_file)
    name = os.fsdecode(config_file)
    if len(documents) > 1:
        raise ValueError(f"{name} has {len(documents)} documents: read_runs reads them")
    parameters = documents[0] if documents else {}
    if parameters is None:
        parameters = {}
    if not isinstance(parameters, dict):
        raise ValueError(
            f"{name} holds no parameters: a {type(parameters).__name__} where a map was expected"
        )
    return [parameters] if as_list else parameters


def read_csv(config_file: typing.Any, **kwargs: typing.Any) -> pandas.DataFrame:
    """A table of parameters as ``pandas.read_csv`` reads it, URLs and all its options included."""
    import pandas

    return pandas.read_csv(config_file, **kwargs)


def read_runs(*files: Path, schema: Path | None = None) -> list[Run]:
    """All runs in files of YAML and CSV: one for each file of YAML or what its ``grid``, ``zip``
    and ``sample`` stand for, one for each row of a CSV.

    files: names, or patterns with ``*``, ``?`` and ``[...]``, each in sorted order.
    schema: a file that says what is allowed; without it the one beside each file is taken where
    there is one (``params.schema.yaml`` for ``params.csv``), with ``""`` none.
    """
    return _hec.read_runs(files, schema, _make)


def check(*files: Path, schema: Path | None = None) -> list[str]:
    """All that is wrong with files of parameters, one line each; files and schema as in
    ``read_runs``.
    """
    return _hec.check_runs(files, schema)


def yaml2csv(yaml_file: Path, output_file: typing.Any, **kwargs: typing.Any) -> None:
    """Turns a file of YAML into a table: a row for each run, a column for each parameter.

    A nested value has no place in a table and is refused by its name. kwargs, and an output_file
    that is no path, go to ``pandas.DataFrame.to_csv``, without the index unless you say so.
    """
    if not kwargs and not hasattr(output_file, "write"):
        _hec.save_runs("csv", (yaml_file,), output_file)
        return
    import pandas

    runs = read_runs(yaml_file)
    for run in runs:
        for name, value in run.items():
            if isinstance(value, (dict, list)):
                raise ValueError(
                    f"{run.file}: {name!r} is nested, which does not fit into a field of a CSV"
                )
    kwargs.setdefault("index", False)
    pandas.DataFrame([dict(run) for run in runs]).to_csv(output_file, **kwargs)
