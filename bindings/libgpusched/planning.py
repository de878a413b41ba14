"""The smallest or cheapest cluster that meets targets: Planner and its Plan. docs/plan.md"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import _core
from .errors import refuse, whole
from .simulator import Simulator
from .table import Table
from .trace import GENERATE, Trace, checked_seed, generated

__all__ = ["Plan", "Planner", "plan_metrics"]

SEARCHES = ("nodes", "model", "policy", "sharing", "layout")


class Plan:
    """An answer and how sure it is. A value.

    ``cluster`` (a shorthand), ``policy``, ``nodes``, ``gpus``, ``cost_per_hour`` (None without
    prices); ``settled``: whether size and kind are proved at ``confidence``; ``lowest_nodes`` and
    ``highest_nodes``: between these the smallest size lies, at that confidence; ``settled_up_to``:
    the highest confidence at which the same runs give the same answer (0 where not settled);
    ``runs``: replays that were made.
    """

    __slots__ = ("_csv", "_json", "_text", "details")

    def __init__(self, answer: str, text: str, runs: str) -> None:
        self._json, self._text, self._csv = answer, text, runs
        #: All of it, as ``gpusched-sim plan --json`` prints it.
        self.details: dict[str, Any] = json.loads(answer)

    @property
    def cluster(self) -> str:
        """A shorthand, for Cluster or Simulator."""
        return str(self.details["answer"]["cluster"])

    @property
    def policy(self) -> str:
        """Of the answer."""
        return str(self.details["answer"]["policy"])

    @property
    def nodes(self) -> int:
        """Of the answer."""
        return int(self.details["answer"]["nodes"])

    @property
    def gpus(self) -> int:
        """Of the answer."""
        return int(self.details["answer"]["gpus"])

    @property
    def cost_per_hour(self) -> float | None:
        """None without prices."""
        cost = self.details["answer"].get("cost_per_hour")
        return None if cost is None else float(cost)

    @property
    def settled(self) -> bool:
        """Whether size and kind are proved at ``confidence``."""
        return bool(self.details["settled"])

    @property
    def confidence(self) -> float:
        """That was asked for."""
        return float(self.details["confidence"])

    @property
    def settled_up_to(self) -> float:
        """The highest confidence at which the same runs give this answer; 0: not settled."""
        return float(self.details["settled_up_to"])

    @property
    def lowest_nodes(self) -> int:
        """The true smallest size is not below, at ``confidence``."""
        return int(self.details["answer"]["lowest_nodes"])

    @property
    def highest_nodes(self) -> int:
        """And not above; beyond the search: perhaps none of it meets the targets."""
        return int(self.details["answer"]["highest_nodes"])

    @property
    def runs(self) -> int:
        """Replays that were made."""
        return int(self.details["runs"])

    @property
    def candidates(self) -> Table:
        """A row per cluster that ran: kind, nodes, gpus, seeds, meets, decided, frontier, figures.

        Of each metric its mean over seeds and, as METRIC_half_width, half of its interval.
        """
        return self._table(self.details["candidates"])

    @property
    def frontier(self) -> Table:
        """Cost against waiting: the candidates that no other one beats in both."""
        rows = [row for row in self.details["candidates"] if row["frontier"]]
        return self._table(sorted(rows, key=lambda row: row.get("cost_per_hour", row["gpus"])))

    @property
    def kinds(self) -> Table:
        """A row per kind (policy on a shape): kind, nodes (NaN: none), excluded, settled."""
        rows = self.details["kinds"]
        nodes = [float("nan") if row["nodes"] is None else row["nodes"] for row in rows]
        columns = {name: [row[name] for row in rows] for name in ("kind", "excluded", "settled")}
        return Table({"kind": columns.pop("kind"), "nodes": nodes, **columns})

    @property
    def samples(self) -> Table:
        """A row per run: policy, cluster, nodes, gpus, cost_per_hour, seed and all metrics."""
        rows = list(csv.DictReader(io.StringIO(self._csv)))
        words = ("policy", "cluster")
        return Table(
            {
                name: [row[name] if name in words else _number(row[name]) for row in rows]
                for name in rows[0]
            }
        )

    def _table(self, rows: list[dict[str, Any]]) -> Table:
        columns: dict[str, list[Any]] = {}
        for name, first in rows[0].items():
            if isinstance(first, dict):
                columns[name] = [row[name]["mean"] for row in rows]
                columns[name + "_half_width"] = [row[name]["half_width"] for row in rows]
            else:
                columns[name] = [row[name] for row in rows]
        return Table(columns)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        how = (
            f"settled at {100 * self.confidence:g} %"
            if self.settled
            else f"not settled, {self.lowest_nodes} to {self.highest_nodes} nodes"
        )
        return f"<Plan: {self.policy} on {self.cluster}, {self.gpus} GPUs; {how}>"


class Planner:
    """Searches clusters for the smallest, or with prices the cheapest, that meets all targets.

    ``trace``: a Trace or a path, or "generate:NAME:K=V,..." for a new trace under every seed: the
    answer is then about days like it, otherwise about that trace.

    - ``targets``: as text, "wait_p99<60s", "goodput>=95%"; :func:`plan_metrics` lists the metrics.
      A cluster meets one if the mean over seeds does.
    - ``shape``: of a node, "H100-80GB-SXM5 x8" or "A100-80GB:8@mig"; several joined by commas.
    - ``nodes``: (least, most), or one number.
    - ``search``: what may vary: "nodes", "model", "policy", "sharing", "layout".
    - ``models``, ``policies``: to choose from, names; None: as suits the search.
    - ``prices``: of a GPU-hour by model. Without them GPUs are counted.
    - ``confidence``: 0.5 to 0.9999. ``seeds``: the most per candidate, ``seed`` the first.
    - ``scale``: load, as a multiple of the trace's. ``threads``: None: one per core.

    ``options`` are those of :class:`Simulator` but for policy, decisions and event_log. Policies
    are those of the table; deterministic whatever the number of threads.

    Raises NotFoundError and InvalidArgumentError for what cannot be searched.
    """

    def __init__(
        self,
        trace: Trace | str | os.PathLike[str],
        *,
        targets: str | Iterable[str],
        shape: str,
        nodes: tuple[int, int] | int = (1, 64),
        search: Iterable[str] = ("nodes",),
        models: Iterable[str] | None = None,
        policies: Iterable[str] | None = None,
        prices: Mapping[str, float] | None = None,
        confidence: float = 0.95,
        seeds: int = 100,
        seed: int = 42,
        scale: float = 1.0,
        threads: int | None = None,
        **options: Any,
    ) -> None:
        if not 0.5 <= confidence <= 0.9999:
            raise refuse(f"confidence {confidence} is not in 0.5..0.9999")
        if not 0 < scale < float("inf"):
            raise refuse(f"scale {scale} is not above 0")
        if whole("seeds", seeds) < 2:
            raise refuse(f"seeds {seeds} is below 2")
        for name in ("policy", "decisions", "event_log"):
            if name in options:
                raise refuse(f"a planner has no option {name}", "Policies are in policies")
        if not isinstance(shape, str):
            raise TypeError(f"shape is str, not {type(shape).__name__}")
        for model, price in (prices or {}).items():
            if not price > 0:
                raise refuse(f"the price {price} of {model} is not above 0")
        self._asked: dict[str, Any] = {
            "targets": _words("targets", targets),
            "shapes": shape,
            "nodes": _range(nodes),
            "search": _searches(search),
            "models": _words("models", models or ()),
            "policies": _words("policies", policies or ()),
            "prices": {model: float(price) for model, price in (prices or {}).items()},
            "confidence": float(confidence),
            "seeds": whole("seeds", seeds),
            "scale": float(scale),
            "threads": _threads(threads),
        }
        self._recipe = _recipe(trace)
        first = generated(str(trace), checked_seed(seed)) if self._recipe else _trace(trace)
        self._first = first._data
        self._settings = {
            **Simulator("1xT4:1", first, seed=seed, **options)._settings,
            "policy": "first_fit",
        }

    def run(self, *, progress: Callable[[int, str], object] | None = None) -> Plan:
        """The answer; ``progress(runs, now)`` is called after runs. Ctrl-C ends it.

        Raises NotFoundError where nothing in the search meets the targets: it says how far off
        the largest clusters are.
        """
        return Plan(*_core.plan(self._asked, self._first, self._recipe, self._settings, progress))

    def __repr__(self) -> str:
        asked = self._asked
        return (
            f"<Planner: {', '.join(asked['targets'])} on {asked['nodes']} nodes {asked['shapes']}>"
        )


def plan_metrics() -> dict[str, str]:
    """What targets may name, each with what it is."""
    return {name: description for name, _, description in _core.plan_metrics()}


def _trace(trace: Any) -> Trace:
    return trace if isinstance(trace, Trace) else Trace(trace)


def _recipe(trace: Any) -> tuple[str, dict[str, str]] | None:
    if not isinstance(trace, str) or not trace.startswith(GENERATE):
        return None
    name, _, parameters = trace[len(GENERATE) :].partition(":")
    return name, dict(item.partition("=")[::2] for item in parameters.split(",") if item)


def _range(nodes: Any) -> str:
    ends = (nodes, nodes) if not isinstance(nodes, (tuple, list)) else tuple(nodes)
    if len(ends) != 2:
        raise refuse(f"nodes {nodes!r} is neither a number nor (least, most)")
    return f"{whole('nodes', ends[0])}..{whole('nodes', ends[1])}"


def _words(name: str, values: Any) -> list[str]:
    words = [values] if isinstance(values, str) else list(values)
    for word in words:
        if not isinstance(word, str):
            raise TypeError(f"{name} are str, not {type(word).__name__}")
    if name == "targets" and not words:
        raise refuse("a plan needs a target", "Such as 'wait_p99<60s'")
    return words


def _searches(search: Any) -> list[str]:
    words = search.split(",") if isinstance(search, str) else _words("search", search)
    for word in words:
        if word not in SEARCHES:
            raise refuse(f"search {word!r} is unknown", f"Known: {', '.join(SEARCHES)}")
    return words


def _threads(threads: int | None) -> int:
    if threads is None:
        return os.cpu_count() or 1
    if not 1 <= whole("threads", threads) <= 1024:
        raise refuse(f"threads {threads} is not in 1..1024")
    return whole("threads", threads)


def _number(text: str) -> float:
    return float(text) if text else float("nan")
