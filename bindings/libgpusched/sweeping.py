"""Many runs: sweep()."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from typing import Any

import numpy as np

from . import _core
from .errors import refuse
from .policy import Policy, as_policy
from .simulator import Simulator
from .table import Table
from .trace import GENERATE, Cluster, Trace, _path, generated

Task = dict[str, Any]


def sweep(
    grid: Mapping[str, Any] | Iterable[Mapping[str, Any]],
    *,
    executor: Executor | None = None,
    cache: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Table:
    """Runs every combination and returns one row per run: what was asked for, then its figures.

    ``grid``: a mapping from arguments of :class:`Simulator` (and ``until``) to a value or a list
    of values, of which every combination is run, the last name changing fastest; or mappings, one
    per run. A trace "generate:NAME:K=V,..." is generated anew for the seed of each run, one that is
    a path is read by each run, a Trace is shared. Without "seed" all runs have seed 42: what is
    compared meets the same draws.

    ``executor``: any concurrent.futures.Executor, such as ``client.get_executor()`` of a dask
    client; None: threads, one per core. Rows come out in the order of the grid, the same whatever
    the executor. A Trace travels to other processes with each run, a recipe or a path as its text.

    ``cache``: a directory; a run that it knows, by library version and the content of everything
    that shapes it, is not made again, so that a sweep that was cut short goes on where it stopped.
    Runs of policies written in Python are not kept.

    ``progress(done, total)`` is called after each run. The first error ends the sweep.
    """
    tasks = [_normal(task) for task in _tasks(grid)]
    rows: list[dict[str, Any] | None] = [None] * len(tasks)
    digests: dict[Any, str] = {}
    keys = [_key(task, digests) if cache is not None else None for task in tasks]
    folder = None if cache is None else _path(cache)
    for index, key in enumerate(keys):
        rows[index] = _read(folder, key)
    todo = [index for index, row in enumerate(rows) if row is None]
    done = len(tasks) - len(todo)
    own = ThreadPoolExecutor(os.cpu_count()) if executor is None else None
    pool = executor or own
    assert pool is not None
    futures: dict[Future[dict[str, Any]], int] = {}
    try:
        for index in todo:
            futures[pool.submit(run_task, tasks[index])] = index
        for future in as_completed(futures):
            index = futures[future]
            rows[index] = future.result()
            _write(folder, keys[index], rows[index])
            done += 1
            if progress is not None:
                progress(done, len(tasks))
    finally:
        for future in futures:
            future.cancel()
        if own is not None:
            own.shutdown(cancel_futures=True)
    return _table(tasks, [row for row in rows if row is not None])


def run_task(task: Task) -> dict[str, Any]:
    """The figures of one run; what an executor is given."""
    options = dict(task)
    trace, cluster = options.pop("trace"), options.pop("cluster", None)
    until = options.pop("until", None)
    if isinstance(trace, str) and trace.startswith(GENERATE):
        trace = generated(trace, options["seed"])
    return dict(Simulator(cluster, trace, **options).run(until=until).summary)


def _tasks(grid: Any) -> list[Task]:
    if not isinstance(grid, Mapping):
        tasks = [dict(task) for task in grid]
    else:
        axes = [_values(value) for value in grid.values()]
        tasks = [dict(zip(grid, values, strict=True)) for values in itertools.product(*axes)]
    if not tasks:
        raise refuse("the grid has no runs")
    for task in tasks:
        if "trace" not in task:
            raise refuse("the grid has no trace", f"Given: {', '.join(task)}")
    return tasks


def _values(value: Any) -> Sequence[Any]:
    if isinstance(value, np.ndarray):
        return list(value.tolist())
    return value if isinstance(value, (list, tuple, range)) else [value]


def _normal(task: Task) -> Task:
    """With seed and policy, which the rows name, and checked as far as that costs nothing."""
    return {"policy": "placeable_online", "seed": 42, **task}


def _key(task: Task, digests: dict[Any, str]) -> str | None:
    """Stands for everything that shapes the run; None where that cannot be known."""
    policy = as_policy(task["policy"])
    if policy._is_own():
        return None
    content = {
        **task,
        "policy": [policy.name, sorted(policy.parameters.items())],
        "library": _core.build(),
    }
    for name in ("cluster", "trace"):
        value = content.get(name)
        if value is not None and not _is_recipe(name, value):
            if value not in digests:
                digests[value] = _digest(value)
            content[name] = digests[value]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _is_recipe(name: str, value: Any) -> bool:
    """Whether the text says it all, and is no path."""
    return isinstance(value, str) and (name == "cluster" or value.startswith(GENERATE))


def _digest(value: Any) -> str:
    data = value if isinstance(value, (Cluster, Trace)) else Trace(value)
    return hashlib.sha256(data._data.to_lines().encode()).hexdigest()


def _read(folder: str | None, key: str | None) -> dict[str, Any] | None:
    if folder is None or key is None:
        return None
    try:
        with open(os.path.join(folder, key + ".json"), encoding="utf-8") as file:
            row: dict[str, Any] = json.load(file)
            return row
    except FileNotFoundError:
        return None


def _write(folder: str | None, key: str | None, row: Any) -> None:
    if folder is None or key is None:
        return
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, key + ".json")
    # Whole or not at all, also for a sweep that is killed here.
    with open(f"{path}.{os.getpid()}", "w", encoding="utf-8") as file:
        json.dump(row, file)
    os.replace(file.name, path)


def _label(value: Any) -> Any:
    if isinstance(value, Policy):
        return value._text()
    if isinstance(value, (int, float)) or value is None:
        return value
    return str(value) if isinstance(value, (str, os.PathLike)) else repr(value)


def _table(tasks: list[Task], rows: list[dict[str, Any]]) -> Table:
    names = list(dict.fromkeys(name for task in tasks for name in task))
    columns: dict[str, list[Any]] = {
        name: [_label(task.get(name)) for task in tasks] for name in names
    }
    for row in rows:
        for name, value in row.items():
            if isinstance(value, (int, float)) and name not in columns:
                columns[name] = [other.get(name, float("nan")) for other in rows]
    waits = {f"wait_s_{name}": [row["wait_s"][name] for row in rows] for name in rows[0]["wait_s"]}
    return Table({**columns, **waits})
