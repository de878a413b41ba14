"""What there is and what arrives: Cluster and Trace."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping
from typing import Any

from . import _core
from .errors import make_error, refuse, whole
from .table import Table

GENERATE = "generate:"


class Report:
    """What a reader did with rows: ``read == kept + sum(dropped.values())``."""

    __slots__ = ("doubtful", "dropped", "examples", "kept", "read")

    def __init__(self, report: tuple[int, int, dict[str, int], dict[str, int], list[str]]) -> None:
        self.read, self.kept, self.dropped, self.doubtful, self.examples = report

    def __repr__(self) -> str:
        return f"<Report: read {self.read}, kept {self.kept}, dropped {self.dropped}>"


def _rows_to_csv(rows: Iterable[Iterable[Any]], names: Iterable[str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_field(value) for value in row] for row in rows)
    return text.getvalue()


def _is_missing(value: Any) -> bool:
    # pandas' NA refuses to be compared; NaN and NaT differ from themselves.
    return value is None or type(value).__name__ == "NAType" or bool(value != value)


def _field(value: Any) -> str:
    if _is_missing(value):
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return "|".join(f"{key}={item}" for key, item in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return "|".join(str(item) for item in value)
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int):
        return str(value)
    try:
        number = float(value)
    except TypeError:
        raise TypeError(f"a value is a number or str, not {type(value).__name__}") from None
    return str(int(number)) if number.is_integer() else f"{number:.9f}".rstrip("0")


def _parse_rows(rows: list[list[Any]], names: list[str], what: str) -> _core.Trace:
    """Rows of a GTF table. Data that a program holds is its own: a bad row is an error."""
    parsed = _core.Trace.from_csv(_rows_to_csv(rows, names), what)
    report = Report(parsed.report)
    if report.dropped:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in report.dropped.items())
        raise refuse(
            f"{what}: {sum(report.dropped.values())} of {report.read} rows are bad: {reasons}",
            "First: " + "; ".join(report.examples[:3]),
        )
    return parsed


def _path(path: str | os.PathLike[str]) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"a path is str or os.PathLike, not {type(path).__name__}")
    return os.fspath(path)


class Cluster:
    """Nodes and their GPUs. A value: nothing changes it.

    Make one with :meth:`of`, :meth:`from_shorthand`, :meth:`from_file` or :meth:`from_nodes`.
    """

    __slots__ = ("_data",)

    def __init__(self, shorthand: str) -> None:
        """As :meth:`from_shorthand`."""
        if not isinstance(shorthand, str):
            raise TypeError(f"a cluster shorthand is str, not {type(shorthand).__name__}")
        self._data = _core.Trace.from_shorthand(shorthand)

    @classmethod
    def _of(cls, data: _core.Trace) -> Cluster:
        cluster = cls.__new__(cls)
        cluster._data = data
        return cluster

    @classmethod
    def of(cls, model: str, *, nodes: int = 1, gpus: int = 8, sharing: str = "any") -> Cluster:
        """Equal nodes: ``Cluster.of("H100-80GB-SXM5", nodes=16, gpus=8)``.

        Each node has 28 CPUs and 256 GiB of memory for each GPU. ``sharing``: "any", "exclusive",
        "time_slice", "mps" or "mig".

        Raises InvalidArgumentError for numbers that are out of range, NotFoundError for an
        unknown model, with the known ones.
        """
        count, each = whole("nodes", nodes), whole("gpus", gpus)
        return cls.from_shorthand(f"{count}x{model}:{each}@{sharing}")

    @classmethod
    def from_shorthand(cls, text: str) -> Cluster:
        """What ``gpusched-sim --cluster`` takes: "16xH100-80GB-SXM5:8,4xT4:1@time_slice"."""
        return cls(text)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Cluster:
        """Nodes of a file, its format recognised.

        - YAML or JSON with a list ``nodes`` (or just the list), rows as in :meth:`from_nodes`;
          YAML needs the package pyyaml;
        - what ``kubectl get nodes,pods -A -o json`` prints;
        - GTF and openb, as ``FORMAT:PATH`` where the path alone is not clear.

        Raises NotFoundError without the file, InvalidArgumentError for what it holds.
        """
        spec = _path(path)
        if spec.endswith((".yaml", ".yml")):
            return cls.from_nodes(_nodes_of(_load_yaml(spec), spec))
        if spec.endswith(".json") and os.path.exists(spec):
            content = _load_json(spec)
            if isinstance(content, list) or "nodes" in content:
                return cls.from_nodes(_nodes_of(content, spec))
        return cls._of(_core.Trace.read_nodes(spec))

    @classmethod
    def from_nodes(cls, nodes: Iterable[Mapping[str, Any]]) -> Cluster:
        """From one mapping per node, its keys the columns of GTF's nodes (docs/formats/gtf.md).

        ``gpu_model``, ``num_gpu``, ``cpu_milli`` and ``memory_mib`` matter most; ``count=N`` makes
        N such nodes, ``id`` is then their prefix. Without ``cpu_milli`` and ``memory_mib`` a node
        has 28 CPUs and 256 GiB for each GPU.
        """
        rows = [row for number, node in enumerate(nodes) for row in _expand(node, number)]
        names = list(dict.fromkeys(name for row in rows for name in row))
        if not rows:
            raise refuse("a cluster needs a node")
        return cls._of(
            _parse_rows([[row.get(name) for name in names] for row in rows], names, "nodes")
        )

    @property
    def nodes(self) -> Table:
        """One row per node: id, gpu_model, num_gpu, cpu_milli, memory_mib, sharing, ..."""
        return Table(self._data.nodes())

    @property
    def num_nodes(self) -> int:
        """Nodes."""
        return self._data.node_count

    @property
    def num_gpus(self) -> int:
        """GPUs of all nodes."""
        return int(self.nodes["num_gpu"].sum())

    @property
    def report(self) -> Report:
        """What the reader kept and dropped."""
        return Report(self._data.report)

    def __repr__(self) -> str:
        kinds: dict[tuple[int, str], int] = {}
        nodes = self.nodes
        for count, model in zip(nodes["num_gpu"], nodes["gpu_model"], strict=True):
            kinds[int(count), model or "no GPU"] = kinds.get((int(count), model or "no GPU"), 0) + 1
        shown = [f"{number} x {gpus} {model}" for (gpus, model), number in list(kinds.items())[:4]]
        more = f", and {len(kinds) - 4} kinds more" if len(kinds) > 4 else ""
        return f"<Cluster: {self.num_nodes} nodes, {self.num_gpus} GPUs: {', '.join(shown)}{more}>"

    def _repr_html_(self) -> str:
        from . import partition_map

        return partition_map.of_cluster(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _cluster_from_lines, (self._data.to_lines(),)


class Trace:
    """What arrives: jobs, and often the cluster they were recorded on. A value.

    Make one with :meth:`from_file`, :meth:`generate`, :meth:`from_columns`,
    :meth:`from_dataframe` or :meth:`from_event_log`.
    """

    __slots__ = ("_data",)

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """As :meth:`from_file`."""
        self._data = _core.Trace.read(_path(path))

    @classmethod
    def _of(cls, data: _core.Trace) -> Trace:
        trace = cls.__new__(cls)
        trace._data = data
        return trace

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Trace:
        """Reads a trace: GTF (a directory or a file), openb, kubectl; "FORMAT:PATH" where needed.

        Bad rows are dropped and counted by reason in ``report``. Raises NotFoundError,
        InvalidArgumentError or DataLossError for the file as a whole.
        """
        return cls(path)

    @classmethod
    def generate(cls, name: str, *, seed: int = 42, **parameters: Any) -> Trace:
        """A synthetic trace: the same one for the same arguments. ``generators()`` lists them.

        Raises NotFoundError for an unknown generator or parameter, with the known ones;
        InvalidArgumentError for a value out of its range.
        """
        seed = checked_seed(seed)
        texts = {key: _field(value) for key, value in parameters.items()}
        return cls._of(_core.Trace.generate(name, texts, seed))

    @classmethod
    def from_columns(cls, columns: Mapping[str, Any] | None = None, **more: Any) -> Trace:
        """Jobs from equally long columns, named as those of GTF's jobs (docs/formats/gtf.md).

        ``submit_s`` and ``num_gpu`` are required. ``id`` counts up where it is absent, ``kind`` is
        "pod". Times are in seconds, shares in thousandths of a GPU, memory in MiB. None and NaN
        are no value. A column that GTF does not know is an error, unless it begins with ``x_``.

        Raises InvalidArgumentError for missing, unknown or unequally long columns and bad rows.
        """
        given = {**(columns or {}), **more}
        values = {name: list(column) for name, column in given.items()}
        for name in ("submit_s", "num_gpu"):
            if name not in values:
                raise refuse(f"column '{name}' is missing", f"Given: {', '.join(values) or 'none'}")
        lengths = {name: len(column) for name, column in values.items()}
        if len(set(lengths.values())) > 1:
            raise refuse(f"columns differ in length: {lengths}")
        count = lengths["submit_s"]
        if count == 0:
            raise refuse("a trace needs a job")
        values.setdefault("id", [f"job-{number:06d}" for number in range(count)])
        values.setdefault("kind", ["pod"] * count)
        rows = [list(row) for row in zip(*values.values(), strict=True)]
        return cls._of(_parse_rows(rows, list(values), "jobs"))

    @classmethod
    def from_event_log(cls, path: str | os.PathLike[str]) -> Trace:
        """The day that an event log recorded, to be replayed under another policy.

        Reads what the simulator and the extender write (docs/formats/event-log.md): nodes, their
        failures, and what was submitted and how long it last ran, none of the decisions. Pods of
        one decision are a gang; one that was still running stays for ever; those that never ran
        are left out, ``metadata["pods_that_never_ran"]`` of them. Job profiles are not in a log.

        Raises NotFoundError without the file, DataLossError that names a line that is none of a
        log's.
        """
        from .recorded import trace_lines

        return cls._of(_core.Trace.from_lines(trace_lines(_path(path)), os.fspath(path)))

    @classmethod
    def from_dataframe(cls, frame: Any) -> Trace:
        """As :meth:`from_columns`, from a data frame of pandas or polars, or an Arrow table."""
        names = getattr(frame, "column_names", None) or getattr(frame, "columns", None)
        if names is None:
            raise TypeError(f"expected a data frame, not {type(frame).__name__}")
        return cls.from_columns({name: _plain(frame[name]) for name in names})

    @property
    def jobs(self) -> Table:
        """One row per job: id, kind, class, submit_s, duration_s, num_gpu, gpu_milli, ..."""
        return Table(self._data.jobs())

    @property
    def num_jobs(self) -> int:
        """Rows of jobs."""
        return self._data.job_count

    @property
    def cluster(self) -> Cluster | None:
        """The cluster that the trace brings along, or None."""
        return Cluster._of(self._data) if self._data.node_count else None

    @property
    def profiles(self) -> list[_core.JobProfile]:
        """Job profiles that jobs name."""
        return self._data.profiles

    @property
    def metadata(self) -> dict[str, str]:
        """What the file, or the generator, says about the trace."""
        return self._data.metadata

    @property
    def report(self) -> Report:
        """What the reader kept and dropped."""
        return Report(self._data.report)

    def write(self, path: str | os.PathLike[str], *, format: str = "gtf") -> None:
        """Writes the trace: format "gtf" (a directory), "gtf-jsonl" (a file) or "openb"."""
        self._data.write(format, _path(path))

    def __repr__(self) -> str:
        name = self.metadata.get("name", "")
        where = f", {self._data.node_count} nodes" if self._data.node_count else ""
        return f"<Trace{' ' + name if name else ''}: {self.num_jobs} jobs{where}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _trace_from_lines, (self._data.to_lines(),)


def generated(text: str, seed: int) -> Trace:
    """The trace of a recipe "generate:NAME:K=V,..."."""
    name, _, parameters = text[len(GENERATE) :].partition(":")
    pairs = dict(item.partition("=")[::2] for item in parameters.split(",") if item)
    return Trace.generate(name, seed=seed, **pairs)


def generators() -> dict[str, dict[str, str]]:
    """The generators of traces by name, each with its parameters and their defaults."""
    return {name: parameters for name, _, parameters in _core.generators()}


def _plain(column: Any) -> list[Any]:
    """The values of a column of any data frame as Python objects; missing ones are None or NaN."""
    for method in ("to_pylist", "to_list", "tolist"):
        if hasattr(column, method):
            return list(getattr(column, method)())
    return list(column)


def checked_seed(seed: int) -> int:
    """As a Python int; refuses what is none, or out of range."""
    if not 0 <= whole("seed", seed) < 2**64:
        raise refuse(f"seed {seed} is not in 0..2^64-1")
    return whole("seed", seed)


def _expand(node: Mapping[str, Any], number: int) -> list[dict[str, Any]]:
    if not isinstance(node, Mapping):
        raise TypeError(f"a node is a mapping, not {type(node).__name__}")
    row = dict(node)
    count = row.pop("count", None)
    gpus = row.setdefault("num_gpu", 0)
    if row.get("sharing") == "any":  # as Cluster.nodes shows it; GTF leaves it empty
        del row["sharing"]
    if isinstance(gpus, int) and gpus != 0:  # below 0 the reader has something to say about it
        row.setdefault("cpu_milli", 28_000 * max(gpus, 0))
        row.setdefault("memory_mib", 262_144 * max(gpus, 0))
    name = row.pop("id", f"node-{number:06d}")
    if count is None:
        return [{"id": name, **row}]
    if whole("count", count) < 1:
        raise refuse(f"count {count} of node '{name}' is below 1")
    return [{"id": f"{name}-{i:06d}", **row} for i in range(count)]


def _nodes_of(content: Any, file: str) -> list[Any]:
    nodes = content.get("nodes") if isinstance(content, Mapping) else content
    if not isinstance(nodes, list):
        raise refuse(f"{file} holds no list of nodes", "Write `nodes:` and one mapping per node")
    return nodes


def _load_json(path: str) -> Any:
    import json

    with open(path, encoding="utf-8") as file:
        try:
            return json.load(file)
        except json.JSONDecodeError as problem:
            raise refuse(f"{path}:{problem.lineno}: no JSON: {problem.msg}") from problem


def _load_yaml(path: str) -> Any:
    try:
        import yaml
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "reading YAML needs pyyaml: pip install libgpusched[yaml]; JSON needs nothing"
        ) from None
    if not os.path.exists(path):
        raise make_error("not_found", "no such file", path)
    with open(path, encoding="utf-8") as file:
        try:
            return yaml.safe_load(file)
        except yaml.YAMLError as problem:
            raise refuse(f"{path}: no YAML: {problem}") from problem


def _cluster_from_lines(text: str) -> Cluster:
    return Cluster._of(_core.Trace.from_lines(text, "cluster"))


def _trace_from_lines(text: str) -> Trace:
    return Trace._of(_core.Trace.from_lines(text, "trace"))
